package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// courier publishes what it is given, each when that may go.
type courier struct {
	mu    sync.Mutex
	took  []string
	slow  map[string]bool // until their context ends
	fails int
}

func (c *courier) Publish(ctx context.Context, _ string, events []sidecar.Event) error {
	for _, e := range events {
		if c.slow[e.ID] {
			<-ctx.Done()
			return ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails > 0 {
		c.fails--
		return errors.New("not now")
	}
	for _, e := range events {
		c.took = append(c.took, e.ID)
	}
	return nil
}

func (c *courier) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.took))
}

func newApart(t *testing.T, fake *sidecartest.Fake, c *courier) *replica {
	t.Helper()
	s := fake.Sidecar(t)
	r := &replica{of: s, Outbox: outbox.New(outbox.Config{
		State: s.State(sidecartest.StateStore), Publisher: c, Apart: true, Doubt: doubt, Log: slog.New(slog.DiscardHandler),
		Apply: func(context.Context, []sidecar.Event) error { return nil },
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(r.stop)
	return r
}

// A commit that takes for ever is in nobody's way, and nobody puts an end to it but the end of the process.
func TestApart(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		c := &courier{slow: map[string]bool{"slow": true}, fails: 2}
		r := newApart(t, fake, c)
		r.mustCommit(t, "slow", "a", "b")
		time.Sleep(time.Hour)
		if got := c.taken(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("published %q", got)
		}
		if got := rows(fake); len(got) != 1 {
			t.Errorf("left are %q", got)
		}
		if r.Drained(time.Second) {
			t.Error("drained with a commit to go")
		}
		for i := range 2 * slots { // slots are free again
			r.mustCommit(t, fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		r.stop()
		if got := rows(fake); len(got) == 0 {
			t.Error("what was not published is gone")
		}
	})
}

// What a dead replica left becomes the heir's in one step: after it is nothing left to take over, before it all.
func TestAdopt(t *testing.T) {
	other := seat.Held{Number: 4, Term: "term-2"}
	for name, c := range map[string]struct {
		fault sidecartest.Fault
		ok    bool
	}{
		"nothing fails":       {ok: true},
		"not read":            {sidecartest.Fault{Op: sidecartest.GetMany, Key: "outbox/", Before: sidecartest.Away, Times: 1}, false},
		"not stored":          {sidecartest.Fault{Op: sidecartest.Transact, Key: "outbox/term-2", Before: sidecartest.Away, Times: 1}, false},
		"stored, answer lost": {sidecartest.Fault{Op: sidecartest.Transact, Key: "outbox/term-2", After: sidecartest.Away, Times: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				everything := make(map[string]bool)
				var want []string
				for i := range 40 {
					want = append(want, fmt.Sprintf("%02d", i))
					everything[want[i]] = true
				}
				dying := newApart(t, fake, &courier{slow: everything})
				dying.mustCommit(t, want...)
				dying.stop()
				heir := &courier{}
				r := newApart(t, fake, heir)
				if c.fault.Op != "" {
					fake.Inject(c.fault)
				}
				err := r.Adopt(t.Context(), other, here)
				if (err == nil) != c.ok {
					t.Errorf("Adopt = %v", err)
				}
				if err != nil {
					err = r.Adopt(t.Context(), other, here)
				}
				time.Sleep(quiet)
				if got := heir.taken(); err != nil || !slices.Equal(got, want) {
					t.Errorf("published %q, %v", got, err)
				}
				if got := rows(fake); len(got) != 0 {
					t.Errorf("left are %q", got)
				}
				if err := r.Adopt(t.Context(), other, here); err != nil || len(heir.taken()) != 40 {
					t.Errorf("again: %v", err)
				}
			})
		})
	}
}
