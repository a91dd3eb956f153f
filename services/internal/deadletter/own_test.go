package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"seaport.example/services/internal/deadletter"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// desk gives things up by itself.
type desk struct {
	over  bool
	fails error
	again []string
}

func (*desk) Type() string { return "seaport.test.Given" }

func (d *desk) Read(_ context.Context, e sidecar.Event) (deadletter.Account, error) {
	return deadletter.Account{Over: d.over, Reason: string(e.Data) + " was not done", Attempts: 7}, d.fails
}

func (d *desk) Again(_ context.Context, e sidecar.Event) error {
	d.again = append(d.again, e.ID)
	return d.fails
}

func newDesk(t *testing.T, d *desk) *deadletter.Office {
	t.Helper()
	return deadletter.New(deadletter.Config{
		App: "vessel", State: sidecartest.New().State(t), Own: d, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
	})
}

var given = sidecar.Event{ID: "a.failed.7", Topic: "vessel.dead", Type: "seaport.test.Given", Data: []byte("a")}

// What the service gives up by itself is kept as it comes, with its own account, and tried again by a replay alone.
func TestOwn(t *testing.T) {
	t.Parallel()
	d := &desk{}
	o := newDesk(t, d)
	for range 2 {
		if err := deliver(t, o, "vessel.dead", given); err != nil {
			t.Fatal(err)
		}
	}
	letters, _, err := o.Page(t.Context(), 0, "")
	if err != nil || len(letters) != 1 || letters[0].Reason != "a was not done" || letters[0].Attempts != 7 || letters[0].Topic != "vessel.dead" || d.again != nil {
		t.Fatalf("%+v, %v, again %q", letters, err, d.again)
	}
	d.fails = errors.New("not now")
	if reasons, err := o.Replay(t.Context(), []string{given.ID}); err != nil || reasons[0] != "not now" || len(list(t, o)) != 1 {
		t.Errorf("%q, %v", reasons, err)
	}
	d.fails = nil
	if reasons, err := o.Replay(t.Context(), []string{given.ID}); err != nil || reasons[0] != "" || len(list(t, o)) != 0 {
		t.Errorf("%q, %v", reasons, err)
	}
	if !slices.Equal(d.again, []string{given.ID, given.ID}) {
		t.Errorf("again %q", d.again)
	}
	// The broker may deliver it later still.
	d.over = true
	if err := deliver(t, o, "vessel.dead", given); err != nil || len(list(t, o)) != 0 {
		t.Errorf("%v, kept %q", err, list(t, o))
	}
}

// What cannot be read is kept all the same; what cannot be looked up now stays with the broker.
func TestOwnUnread(t *testing.T) {
	t.Parallel()
	d := &desk{fails: errors.New("the store is away")}
	o := newDesk(t, d)
	if err := deliver(t, o, "vessel.dead", given); err == nil || len(list(t, o)) != 0 {
		t.Errorf("%v, kept %q", err, list(t, o))
	}
	d.fails = fmt.Errorf("%w: half of it is missing", sidecar.ErrUnreadable)
	if err := deliver(t, o, "vessel.dead", given); err != nil || len(list(t, o)) != 1 {
		t.Errorf("%v, kept %q", err, list(t, o))
	}
}
