package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

const (
	topic = "harbour.bell"
	// slots is how many commits may wait for the broker.
	slots = 512
	// quiet is long enough for whatever was put off, in the time of a bubble.
	quiet = 10 * time.Second
	// doubt is how long a slot is out of use whose write may arrive late.
	doubt = 5 * time.Second
)

var here = seat.Held{Number: 3, Term: "term-1"}

// replica is an outbox on its own sidecar. It runs until its stop, or the test ends.
type replica struct {
	*outbox.Outbox
	of   *sidecar.Sidecar
	stop func()
}

// apply may be nil.
func newReplica(t *testing.T, fake *sidecartest.Fake, apply func(context.Context, []sidecar.Event) error) *replica {
	t.Helper()
	if apply == nil {
		apply = func(context.Context, []sidecar.Event) error { return nil }
	}
	s := fake.Sidecar(t)
	r := &replica{of: s, Outbox: outbox.New(outbox.Config{
		State: s.State(sidecartest.StateStore), Publisher: s.Publisher(sidecartest.PubSub), Apply: apply, Doubt: doubt, Log: slog.New(slog.DiscardHandler),
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(func() {
		r.stop()
		time.Sleep(2 * doubt) // what became of the last commits is known
	})
	return r
}

// commit commits an item and an event of one name.
func (r *replica) commit(ctx context.Context, name string) error {
	return r.Commit(ctx, here,
		[]sidecar.Item{{Key: "item/" + name, Data: []byte(`"` + name + `"`)}},
		[]sidecar.Event{{ID: name, Topic: topic, Type: "test", ContentType: "application/json", Data: []byte(`{"of":"` + name + `"}`)}})
}

func (r *replica) mustCommit(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := r.commit(t.Context(), name); err != nil {
			t.Fatalf("commit %s: %v", name, err)
		}
	}
}

// published returns the names of the events that were published.
func published(fake *sidecartest.Fake) (names []string) {
	for _, e := range fake.Events() {
		names = append(names, e.ID)
	}
	return names
}

func rows(fake *sidecartest.Fake) []string { return fake.Keys("outbox/") }

// bubble runs a test in time of its own.
func bubble(t *testing.T, test func(t *testing.T, fake *sidecartest.Fake)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, sidecartest.New()) })
}

func TestCommitIsOneTransaction(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: sidecartest.Away})
		r := newReplica(t, fake, nil)
		r.mustCommit(t, "a")
		if n := fake.Count(sidecartest.Transact); n != 1 {
			t.Errorf("%d transactions for one commit", n)
		}
		if fake.Value("item/a") == nil || !slices.Equal(rows(fake), []string{"outbox/term-1/0"}) {
			t.Errorf("stored are %q", fake.Keys(""))
		}
	})
}

func TestPublishesWhatIsCommitted(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		r.mustCommit(t, "a", "b")
		time.Sleep(quiet)
		events := fake.Events()
		if len(events) != 2 || events[0].ID != "a" || events[1].ID != "b" {
			t.Fatalf("published %+v, want a, b", events)
		}
		if e := events[0]; e.Topic != topic || e.Type != "test" || e.ContentType != "application/json" || string(e.Data) != `{"of":"a"}` {
			t.Errorf("published %+v", e)
		}
		if len(rows(fake)) != 0 || fake.Value("item/a") == nil {
			t.Errorf("left are %q, want the items", fake.Keys(""))
		}
		if !r.Drained(time.Second) {
			t.Error("not drained")
		}
	})
}

// A first commit is published at once, those that follow it together.
func TestPublishesTogether(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		r.mustCommit(t, "a")
		synctest.Wait()
		if got := published(fake); !slices.Equal(got, []string{"a"}) {
			t.Errorf("at once: %q, want a", got)
		}
		for i := range 20 {
			r.mustCommit(t, fmt.Sprint(i))
		}
		time.Sleep(quiet)
		if n := len(fake.Messages()); n != 2 || len(published(fake)) != 21 {
			t.Errorf("%d events in %d messages, want 21 in 2", len(published(fake)), n)
		}
	})
}

// Rows of what was published go with the next commit, in its transaction.
func TestRowsGoWithTheNextCommit(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		r.mustCommit(t, "a")
		synctest.Wait()
		r.mustCommit(t, "b")
		if n := fake.Count(sidecartest.Transact); n != 2 {
			t.Errorf("%d transactions for two commits", n)
		}
		if got := rows(fake); !slices.Equal(got, []string{"outbox/term-1/1"}) {
			t.Errorf("rows %q, want that of b", got)
		}
	})
}

func TestBrokerAway(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		remove := fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: sidecartest.Away})
		r.mustCommit(t, "a", "b")
		time.Sleep(time.Minute)
		r.mustCommit(t, "c")
		if got := rows(fake); len(got) != 3 {
			t.Errorf("rows %q while the broker is away, want three", got)
		}
		if r.Drained(time.Second) {
			t.Error("drained while the broker is away")
		}
		remove()
		time.Sleep(quiet)
		if got := published(fake); !slices.Equal(slices.Compact(got), []string{"a", "b", "c"}) {
			t.Errorf("published %q, want a, b, c in this order", got)
		}
		if len(rows(fake)) != 0 || !r.Drained(time.Second) {
			t.Errorf("left are %q", rows(fake))
		}
	})
}

// When the broker took the events and its answer is lost they are published again: at least once.
func TestLostAnswerOfTheBroker(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, After: sidecartest.Away, Times: 1})
		r.mustCommit(t, "a")
		time.Sleep(quiet)
		if got := published(fake); !slices.Equal(got, []string{"a", "a"}) {
			t.Errorf("published %q, want a twice", got)
		}
	})
}

// What is committed and not published when a replica dies, another one publishes.
func TestFinishPublishesWhatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		dying := newReplica(t, fake, nil)
		fake.Inject(sidecartest.Fault{Sidecar: dying.of, Op: sidecartest.Publish, Before: sidecartest.Away})
		dying.mustCommit(t, "a", "b", "c")
		dying.stop()

		var applied []string
		heir := newReplica(t, fake, func(_ context.Context, events []sidecar.Event) error {
			for _, e := range events {
				applied = append(applied, e.ID)
			}
			return nil
		})
		if err := heir.Finish(t.Context(), here); err != nil {
			t.Fatal(err)
		}
		slices.Sort(applied)
		got := published(fake)
		slices.Sort(got)
		if want := []string{"a", "b", "c"}; !slices.Equal(applied, want) || !slices.Equal(got, want) {
			t.Errorf("applied %q, published %q, want both %q", applied, got, want)
		}
		if len(rows(fake)) != 0 {
			t.Errorf("left are %q", rows(fake))
		}
		if err := heir.Finish(t.Context(), here); err != nil || len(published(fake)) != 3 {
			t.Errorf("again: %v, published %q", err, published(fake))
		}
		if err := heir.Finish(t.Context(), seat.Held{Number: 1, Term: "other"}); err != nil {
			t.Errorf("of a replica that left nothing: %v", err)
		}
	})
}

func TestFinishFails(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		arrange func(fake *sidecartest.Fake)
		apply   func(context.Context, []sidecar.Event) error
		within  time.Duration
		want    error
	}{
		"events not applied": {apply: func(context.Context, []sidecar.Event) error { return boom }, want: boom},
		"store away": {arrange: func(fake *sidecartest.Fake) {
			fake.Inject(sidecartest.Fault{Op: sidecartest.GetMany, Before: sidecartest.Away})
		}},
		"broken row": {arrange: func(fake *sidecartest.Fake) { fake.Set("outbox/term-1/7", []byte("{")) }},
		"broker away until it is given up": {
			arrange: func(fake *sidecartest.Fake) {
				fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: sidecartest.Away})
			},
			within: time.Minute, want: context.DeadlineExceeded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				fake.Set("outbox/term-1/0", []byte(`{"events":[{"specversion":"1.0","id":"a","topic":"harbour.bell"}]}`))
				if test.arrange != nil {
					test.arrange(fake)
				}
				ctx, cancel := context.WithTimeout(t.Context(), max(test.within, time.Second))
				defer cancel()
				err := newReplica(t, fake, test.apply).Finish(ctx, here)
				if err == nil || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("Finish = %v, want %v", err, test.want)
				}
				if len(published(fake)) != 0 || fake.Value("outbox/term-1/0") == nil {
					t.Errorf("published %q, rows left %q; want a's row to be there still", published(fake), rows(fake))
				}
			})
		})
	}
}

func TestUnreadableEventIsNotCommitted(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		for range slots + 1 {
			if err := r.Commit(t.Context(), here, nil, []sidecar.Event{{ID: "a", ContentType: "application/json", Data: []byte("{")}}); err == nil {
				t.Fatal("an event that is no JSON was committed as JSON")
			}
		}
		if len(fake.Keys("")) != 0 || !r.Drained(time.Second) {
			t.Errorf("stored are %q", fake.Keys(""))
		}
	})
}

// Events are applied before anybody hears of them, however long that takes.
func TestApplyComesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		failing := 3
		r := newReplica(t, fake, func(context.Context, []sidecar.Event) error {
			if failing > 0 {
				failing--
				return errors.New("not yet")
			}
			if len(fake.Messages()) != 0 {
				t.Error("published before it was applied")
			}
			return nil
		})
		r.mustCommit(t, "a") // what is stored is stored
		if got := published(fake); len(got) != 0 {
			t.Errorf("published %q", got)
		}
		time.Sleep(quiet)
		if got := published(fake); failing != 0 || !slices.Equal(got, []string{"a"}) {
			t.Errorf("published %q with %d failures to go", got, failing)
		}
		if len(rows(fake)) != 0 {
			t.Errorf("left are %q", rows(fake))
		}
	})
}

// While the broker is away as many commits wait as there are slots; the next one is told so.
func TestSlots(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		remove := fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: sidecartest.Away})
		for i := range slots {
			r.mustCommit(t, fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.commit(ctx, "more"); err == nil || errors.Is(err, outbox.ErrUncertain) || !strings.Contains(err.Error(), "broker") {
			t.Errorf("a commit without a slot: %v", err)
		}
		if fake.Value("item/more") != nil {
			t.Error("it was stored all the same")
		}
		remove()
		r.mustCommit(t, "waits") // until a slot is free
		time.Sleep(quiet)
		if got := published(fake); len(got) != slots+1 {
			t.Errorf("published %d events, want %d", len(got), slots+1)
		}
		if len(rows(fake)) != 0 || !r.Drained(time.Second) {
			t.Errorf("left are %q", rows(fake))
		}
		for i := range slots { // every slot is free again
			r.mustCommit(t, fmt.Sprint("again", i))
		}
	})
}

// A slot whose row went with another commit is free again.
func TestSlotsOfRowsThatWentWithOthers(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for i := range slots + 10 {
			if err := r.commit(ctx, fmt.Sprint(i)); err != nil {
				t.Fatalf("commit %d: %v", i, err)
			}
			time.Sleep(60 * time.Millisecond) // published by now, and not deleted alone
		}
		if n := fake.Count(sidecartest.Transact); n > slots+10 {
			t.Errorf("%d transactions for %d commits: rows or slots did not go with others", n, slots+10)
		}
	})
}
