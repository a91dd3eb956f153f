package topic_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/inventory/internal/inventory"
	"seaport.example/services/inventory/internal/topic"
)

// yard takes the steps that handlers have carried out. Reading and listing are not its business.
type yard struct {
	inventory.Store

	refuse func(key string, step ledger.Step) error
	fail   func(key string) error

	mu        sync.Mutex
	steps     map[string][]ledger.Step // by depot
	writes    int
	cancelled []string
}

func (y *yard) Apply(_ context.Context, key string, steps []ledger.Step) (inventory.Depot, []error, error) {
	if y.fail != nil {
		if err := y.fail(key); err != nil {
			return inventory.Depot{}, nil, err
		}
	}
	errs := make([]error, len(steps))
	for i, step := range steps {
		if y.refuse != nil {
			errs[i] = y.refuse(key, step)
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.writes++
	y.steps[key] = append(y.steps[key], steps...)
	return inventory.Depot{}, errs, nil
}

func (y *yard) Cancel(_ context.Context, ids []string, _ string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.cancelled = append(y.cancelled, ids...)
	return nil
}

// handle has events handled by the depots of the yard.
func (y *yard) handle(t *testing.T, events ...sidecar.Event) []error {
	t.Helper()
	y.steps = make(map[string][]ledger.Step)
	handlers := topic.Handlers(inventory.NewDepots(inventory.Config{
		Store: y, Consignments: y, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}))
	if topics := slices.Sorted(maps.Keys(handlers)); !slices.Equal(topics, []string{event.ConsignmentBooked, event.ConsignmentCancelled, event.LotBooked}) {
		t.Fatalf("handles %q", topics)
	}
	errs := handlers[events[0].Topic](t.Context(), events)
	if len(errs) != len(events) {
		t.Fatalf("%d answers to %d events", len(errs), len(events))
	}
	return errs
}

// booked announces a consignment with one container at each origin.
func booked(t *testing.T, consignment string, origins ...string) sidecar.Event {
	t.Helper()
	return made(t, consignment+".booked", event.ConsignmentBooked, &eventv1.ConsignmentBooked{ConsignmentId: consignment, Pickups: pickups(origins)})
}

func cancelled(t *testing.T, consignment string, origins ...string) sidecar.Event {
	t.Helper()
	return made(t, consignment+".cancelled", event.ConsignmentCancelled, &eventv1.ConsignmentCancelled{ConsignmentId: consignment, Pickups: pickups(origins)})
}

// lotBooked announces a lot of consignments with one container at each origin.
func lotBooked(t *testing.T, lot string, consignments []string, origins ...string) sidecar.Event {
	t.Helper()
	return made(t, lot+".booked", event.LotBooked, &eventv1.LotBooked{LotId: lot, ConsignmentIds: consignments, Pickups: pickups(origins)})
}

// returned announces that a consignment of a lot was cancelled.
func returned(t *testing.T, consignment, lot string, pickups ...*eventv1.Pickup) sidecar.Event {
	t.Helper()
	return made(t, consignment+".cancelled", event.ConsignmentCancelled, &eventv1.ConsignmentCancelled{ConsignmentId: consignment, LotId: lot, Pickups: pickups})
}

func pickups(origins []string) (all []*eventv1.Pickup) {
	for _, origin := range origins {
		all = append(all, &eventv1.Pickup{Origin: origin, Containers: 1})
	}
	return all
}

func made(t *testing.T, id, topic string, payload proto.Message) sidecar.Event {
	t.Helper()
	e, err := event.JSON.New(id, topic, payload)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// asProtobuf is the same event in the other encoding.
func asProtobuf(t *testing.T, e sidecar.Event, payload proto.Message) sidecar.Event {
	t.Helper()
	if err := event.Decode(e, payload); err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	e.ContentType, e.Data = "application/protobuf", data
	return e
}

func confirm(id string, containers int64) ledger.Step {
	return ledger.Step{Do: ledger.Confirm, ID: id, Amount: ledger.Amount{Containers: containers}}
}

// All steps at one depot are one write; both encodings and duplicates are taken.
func TestBooked(t *testing.T) {
	t.Parallel()
	y := &yard{}
	errs := y.handle(t, booked(t, "c1", "Derby", "Sheffield", "DERBY"),
		asProtobuf(t, booked(t, "c2", "Derby"), &eventv1.ConsignmentBooked{}), booked(t, "c2", "Derby"))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	want := map[string][]ledger.Step{"derby": {confirm("c1", 2), confirm("c2", 1), confirm("c2", 1)}, "sheffield": {confirm("c1", 1)}}
	if !maps.EqualFunc(y.steps, want, slices.Equal) || y.writes != 2 {
		t.Errorf("%d writes: %v\nwant 2: %v", y.writes, y.steps, want)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	y := &yard{}
	errs := y.handle(t, cancelled(t, "c1", "Derby", "Sheffield"), asProtobuf(t, cancelled(t, "c2", "Derby"), &eventv1.ConsignmentCancelled{}))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	release := func(id string) ledger.Step { return ledger.Step{Do: ledger.Release, ID: id} }
	want := map[string][]ledger.Step{"derby": {release("c1"), release("c2")}, "sheffield": {release("c1")}}
	if !maps.EqualFunc(y.steps, want, slices.Equal) || y.writes != 2 {
		t.Errorf("%d writes: %v\nwant 2: %v", y.writes, y.steps, want)
	}
}

func TestLotBooked(t *testing.T) {
	t.Parallel()
	y := &yard{}
	errs := y.handle(t, lotBooked(t, "l1", []string{"c1"}, "Derby", "Sheffield", "DERBY"),
		asProtobuf(t, lotBooked(t, "l2", nil, "Derby"), &eventv1.LotBooked{}), lotBooked(t, "l2", nil, "Derby"))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	step := func(id string, containers int64) ledger.Step {
		return ledger.Step{Do: ledger.ConfirmLot, ID: id, Amount: ledger.Amount{Containers: containers}}
	}
	want := map[string][]ledger.Step{"derby": {step("l1", 2), step("l2", 1), step("l2", 1)}, "sheffield": {step("l1", 1)}}
	if !maps.EqualFunc(y.steps, want, slices.Equal) || y.writes != 2 {
		t.Errorf("%d writes: %v\nwant 2: %v", y.writes, y.steps, want)
	}
}

// What is cancelled of a lot gives back its part, in one write with what has holds of its own.
func TestCancelledOfLot(t *testing.T) {
	t.Parallel()
	y := &yard{}
	errs := y.handle(t, returned(t, "c1", "l1", &eventv1.Pickup{Origin: "Derby", Containers: 3}), cancelled(t, "c2", "Derby"),
		returned(t, "c3", "l1", pickups([]string{"Derby", "derby"})...))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	step := func(id string, containers int64) ledger.Step {
		return ledger.Step{Do: ledger.Return, ID: id, Lot: "l1", Amount: ledger.Amount{Containers: containers}}
	}
	want := []ledger.Step{step("c1", 3), {Do: ledger.Release, ID: "c2"}, step("c3", 2)}
	if !slices.Equal(y.steps["derby"], want) || y.writes != 1 {
		t.Errorf("%d writes: %v\nwant 1: %v", y.writes, y.steps, want)
	}
}

// An event that says nothing of use fails, and does not stand for a consignment or a lot without a name.
func TestNamesNothing(t *testing.T) {
	t.Parallel()
	for _, e := range []sidecar.Event{
		booked(t, "", "Derby"), cancelled(t, "", "Derby"), lotBooked(t, "", nil, "Derby"), lotBooked(t, "l1", nil),
		returned(t, "c1", "l1"), returned(t, "", "l1", pickups([]string{"Derby"})...), returned(t, "c1", "l1", &eventv1.Pickup{Origin: "Derby"}),
		returned(t, "c1", "l1", &eventv1.Pickup{Origin: "Derby", Containers: 1}, &eventv1.Pickup{Origin: "Sheffield", Containers: -1}),
	} {
		y := &yard{}
		if errs := y.handle(t, e); !errors.Is(errs[0], sidecar.ErrUnreadable) || y.writes != 0 {
			t.Errorf("%s: %v, handled %v", e.Data, errs[0], y.steps)
		}
	}
}

// An event that cannot be read fails alone: the others of its delivery are handled.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	for _, good := range []sidecar.Event{booked(t, "c1", "Derby"), cancelled(t, "c1", "Derby"), lotBooked(t, "l1", nil, "Derby")} {
		for name, spoil := range map[string]func(*sidecar.Event){
			"no JSON":              func(e *sidecar.Event) { e.Data = []byte("{") },
			"of another type":      func(e *sidecar.Event) { e.Data = []byte(`{"pickups": "many"}`) },
			"unknown content type": func(e *sidecar.Event) { e.ContentType = "text/plain" },
			"no protobuf":          func(e *sidecar.Event) { e.ContentType, e.Data = "application/protobuf", []byte{0xff} },
		} {
			bad := good
			bad.ID = "poison"
			spoil(&bad)
			y := &yard{}
			errs := y.handle(t, good, bad, good)
			if errs[0] != nil || errs[2] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "poison") {
				t.Errorf("%s of %s: %v; want only the second to fail, by its name", name, good.Topic, errs)
			}
			if len(y.steps["derby"]) != 2 || len(y.steps) != 1 {
				t.Errorf("%s of %s: handled %v", name, good.Topic, y.steps)
			}
		}
	}
	y := &yard{} // nothing but poison
	if errs := y.handle(t, sidecar.Event{Topic: event.ConsignmentBooked, Data: []byte("{")}); errs[0] == nil || y.writes != 0 {
		t.Errorf("alone: %v, %d writes", errs, y.writes)
	}
}

// A depot that cannot be written fails its own events, to be delivered again.
func TestDepotAway(t *testing.T) {
	t.Parallel()
	away := failure.Unavailable(nil, "away")
	for _, events := range [][]sidecar.Event{
		{booked(t, "c1", "Derby", "Sheffield"), booked(t, "c2", "Sheffield")}, {cancelled(t, "c1", "Derby", "Sheffield"), cancelled(t, "c2", "Sheffield")},
		{lotBooked(t, "l1", []string{"c1"}, "Derby", "Sheffield"), lotBooked(t, "l2", []string{"c2"}, "Sheffield")},
	} {
		y := &yard{fail: func(key string) error {
			if key == "derby" {
				return away
			}
			return nil
		}}
		if errs := y.handle(t, events...); !errors.Is(errs[0], away) || errs[1] != nil || len(y.cancelled) != 0 {
			t.Errorf("%s: %v, cancelled %q", events[0].Topic, errs, y.cancelled)
		}
	}
}

// Where the containers are gone the consignment is cancelled, and the event is done with.
func TestContainersGone(t *testing.T) {
	t.Parallel()
	y := &yard{refuse: func(key string, step ledger.Step) error {
		if step.ID == "c2" && key == "derby" {
			return failure.Short(failure.ShortOfCapacity, "containers", "none left")
		}
		return nil
	}}
	errs := y.handle(t, booked(t, "c1", "Derby"), booked(t, "c2", "Derby", "Sheffield"))
	if errs[0] != nil || errs[1] != nil || !slices.Equal(y.cancelled, []string{"c2"}) {
		t.Errorf("%v, cancelled %q", errs, y.cancelled)
	}
	y.cancelled = nil
	errs = y.handle(t, lotBooked(t, "c1", []string{"c1.1"}, "Derby"), lotBooked(t, "c2", []string{"c2.1", "c2.2"}, "Derby", "Sheffield"))
	if errs[0] != nil || errs[1] != nil || !slices.Equal(y.cancelled, []string{"c2.1", "c2.2"}) {
		t.Errorf("lots: %v, cancelled %q", errs, y.cancelled)
	}
}
