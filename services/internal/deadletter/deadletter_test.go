package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"seaport.example/services/internal/deadletter"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// service handles bookings, and refuses those with these ids.
type service struct {
	refuse  []string
	handled []string
	words   string // more of what it says about them
}

func (s *service) handle(_ context.Context, events []sidecar.Event) []error {
	errs := make([]error, len(events))
	for i, e := range events {
		if slices.Contains(s.refuse, e.ID) {
			errs[i] = errors.New(e.ID + " is poisoned" + s.words)
			continue
		}
		s.handled = append(s.handled, e.ID)
	}
	return errs
}

func newOffice(t *testing.T, fake *sidecartest.Fake, s *service) *deadletter.Office {
	t.Helper()
	return deadletter.New(deadletter.Config{
		App: "vessel", State: fake.State(t), Handlers: map[string]sidecar.Handler{event.ConsignmentBooked: s.handle},
		Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
	})
}

func booked(id string) sidecar.Event {
	return sidecar.Event{ID: id, Topic: event.ConsignmentBooked, Type: "seaport.event.v1.ConsignmentBooked", ContentType: "application/json", Data: []byte(`{"of":"` + id + `"}`)}
}

// list returns the ids of the dead letters, the newest first.
func list(t *testing.T, o *deadletter.Office) (ids []string) {
	t.Helper()
	letters, next, err := o.Page(t.Context(), 0, "")
	if err != nil || next != "" {
		t.Fatalf("Page = %v, %q, %v", letters, next, err)
	}
	for _, l := range letters {
		ids = append(ids, l.ID)
	}
	return ids
}

func deliver(t *testing.T, o *deadletter.Office, topic string, events ...sidecar.Event) error {
	t.Helper()
	return errors.Join(o.Handlers()[topic](t.Context(), events)...)
}

// Of what comes as a whole only what fails is kept, with all that is known of it.
func TestOnlyThePoisonedIsKept(t *testing.T) {
	t.Parallel()
	s := &service{refuse: []string{"b"}}
	o := newOffice(t, sidecartest.New(), s)
	for range 3 {
		if deliver(t, o, event.ConsignmentBooked, booked("a"), booked("b"), booked("c")) == nil {
			t.Fatal("the failure was kept from the sidecar")
		}
	}
	if err := deliver(t, o, "vessel.dead", booked("a"), booked("b"), booked("c")); err != nil {
		t.Fatal(err)
	}
	letters, _, err := o.Page(t.Context(), 0, "")
	if err != nil || len(letters) != 1 {
		t.Fatalf("kept are %+v, %v", letters, err)
	}
	want := booked("b")
	if l := letters[0]; l.ID != "b" || l.Topic != want.Topic || l.Type != want.Type || l.ContentType != want.ContentType || string(l.Data) != string(want.Data) ||
		l.Reason != "b is poisoned" || l.Attempts != 4 || !l.CreateTime.Equal(noon) {
		t.Errorf("kept is %+v", l)
	}
	// It may come twice.
	if err := deliver(t, o, "vessel.dead", booked("b")); err != nil || !slices.Equal(list(t, o), []string{"b"}) {
		t.Errorf("twice: %v, kept are %q", err, list(t, o))
	}
}

// An event alone comes under the topic of dead letters: its type tells where it was published.
func TestTopicIsFoundByType(t *testing.T) {
	t.Parallel()
	s := &service{refuse: []string{"a"}}
	o := newOffice(t, sidecartest.New(), s)
	alone, unknown := booked("a"), booked("x")
	alone.Topic, unknown.Topic, unknown.Type = "vessel.dead", "vessel.dead", "seaport.event.batch"
	if err := deliver(t, o, "vessel.dead", alone, unknown); err != nil {
		t.Fatal(err)
	}
	letters, err := o.Get(t.Context(), []string{"a", "none", "x"})
	if err != nil || len(letters) != 2 || letters[0].Topic != event.ConsignmentBooked || letters[1].Topic != "" ||
		letters[1].Reason != "this service does not handle such an event" {
		t.Errorf("kept are %+v, %v", letters, err)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	s := &service{refuse: []string{"a", "b"}}
	o := newOffice(t, sidecartest.New(), s)
	if err := deliver(t, o, "vessel.dead", booked("a"), booked("b")); err != nil {
		t.Fatal(err)
	}
	s.refuse = []string{"b"} // a is mended
	for round := range 2 {
		reasons, err := o.Replay(t.Context(), []string{"b", "a", "a", "none"})
		if err != nil || reasons[0] != "b is poisoned" || strings.Join(reasons[1:], "") != "" {
			t.Fatalf("round %d: %v, %v", round, reasons, err)
		}
		letters, err := o.Get(t.Context(), []string{"b"})
		if got := list(t, o); err != nil || !slices.Equal(got, []string{"b"}) || letters[0].Attempts != 2+round {
			t.Errorf("round %d: left are %q, %+v", round, got, letters)
		}
	}
	if !slices.Equal(s.handled, []string{"a"}) {
		t.Errorf("handled are %q, want a once", s.handled)
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	o := newOffice(t, fake, &service{refuse: []string{"a", "b"}})
	if err := deliver(t, o, "vessel.dead", booked("a"), booked("b")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if n, err := o.Discard(t.Context(), []string{"a", "none"}); err != nil || n != want {
			t.Errorf("discarded %d, %v, want %d", n, err, want)
		}
	}
	if got := list(t, o); !slices.Equal(got, []string{"b"}) || fake.Value("dead/a") != nil {
		t.Errorf("left are %q", got)
	}
}

func TestWhich(t *testing.T) {
	t.Parallel()
	o := newOffice(t, sidecartest.New(), &service{})
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, ids := range map[string][]string{"none": nil, "too many": many, "empty": {""}} {
		if _, err := o.Replay(t.Context(), ids); err == nil || !strings.HasPrefix(err.Error(), "ids: ") {
			t.Errorf("replay of %s: %v", name, err)
		}
		if _, err := o.Discard(t.Context(), ids); err == nil {
			t.Errorf("discard of %s went through", name)
		}
	}
}

// A reason may quote what was in the event: it is cut, and made text.
func TestReasonIsText(t *testing.T) {
	t.Parallel()
	s := &service{refuse: []string{"a"}, words: strings.Repeat("é", 1500) + "\xff"}
	o := newOffice(t, sidecartest.New(), s)
	if err := deliver(t, o, "vessel.dead", booked("a")); err != nil {
		t.Fatal(err)
	}
	letters, _, err := o.Page(t.Context(), 0, "")
	if err != nil || len(letters) != 1 || !utf8.ValidString(letters[0].Reason) || len(letters[0].Reason) > 2_010 {
		t.Errorf("kept are %+v, %v", letters, err)
	}
}

// What cannot be kept now is not taken from the broker.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	fake.Inject(sidecartest.Fault{Op: sidecartest.Put, Before: sidecartest.Away})
	o := newOffice(t, fake, &service{refuse: []string{"a"}})
	if deliver(t, o, "vessel.dead", booked("a")) == nil {
		t.Error("taken, and kept nowhere")
	}
}
