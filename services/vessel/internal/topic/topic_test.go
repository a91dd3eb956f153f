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
	"seaport.example/services/vessel/internal/topic"
	"seaport.example/services/vessel/internal/vessel"
)

// vessels takes the steps that handlers have carried out. Reading and listing are not theirs.
type vessels struct {
	vessel.Vessels

	refuse func(id string, step ledger.Step) error
	fail   func(id string) error

	mu        sync.Mutex
	steps     map[string][]ledger.Step // by vessel
	writes    int
	cancelled []string
}

func (v *vessels) Apply(_ context.Context, id string, steps []ledger.Step) (vessel.Vessel, []error, error) {
	if v.fail != nil {
		if err := v.fail(id); err != nil {
			return vessel.Vessel{}, nil, err
		}
	}
	errs := make([]error, len(steps))
	for i, step := range steps {
		if v.refuse != nil {
			errs[i] = v.refuse(id, step)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.writes++
	v.steps[id] = append(v.steps[id], steps...)
	return vessel.Vessel{ID: id}, errs, nil
}

func (v *vessels) Cancel(_ context.Context, ids []string, _ string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.cancelled = append(v.cancelled, ids...)
	return nil
}

// handle has events handled by a fleet of the vessels.
func (v *vessels) handle(t *testing.T, events ...sidecar.Event) []error {
	t.Helper()
	v.steps = make(map[string][]ledger.Step)
	handlers := topic.Handlers(vessel.NewFleet(vessel.Config{
		Vessels: v, Consignments: v, Now: time.Now, Log: slog.New(slog.DiscardHandler),
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

func booked(t *testing.T, consignment, on string, weight int32, containers ...int32) sidecar.Event {
	t.Helper()
	payload := &eventv1.ConsignmentBooked{ConsignmentId: consignment, VesselId: on, Weight: weight}
	for _, n := range containers {
		payload.Pickups = append(payload.Pickups, &eventv1.Pickup{Origin: "Derby", Containers: n})
	}
	return made(t, consignment+".booked", event.ConsignmentBooked, payload)
}

func cancelled(t *testing.T, consignment, on string) sidecar.Event {
	t.Helper()
	return made(t, consignment+".cancelled", event.ConsignmentCancelled, &eventv1.ConsignmentCancelled{ConsignmentId: consignment, VesselId: on})
}

func lotBooked(t *testing.T, lot, on string, containers, weight int32, consignments ...string) sidecar.Event {
	t.Helper()
	return made(t, lot+".booked", event.LotBooked, &eventv1.LotBooked{
		LotId: lot, VesselId: on, Containers: containers, Weight: weight, ConsignmentIds: consignments,
	})
}

// returned announces that a consignment of a lot was cancelled.
func returned(t *testing.T, consignment, lot, on string, weight int32, containers ...int32) sidecar.Event {
	t.Helper()
	payload := &eventv1.ConsignmentCancelled{ConsignmentId: consignment, LotId: lot, VesselId: on, Weight: weight}
	for _, n := range containers {
		payload.Pickups = append(payload.Pickups, &eventv1.Pickup{Origin: "Derby", Containers: n})
	}
	return made(t, consignment+".cancelled", event.ConsignmentCancelled, payload)
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

func confirm(id string, containers, weight int64) ledger.Step {
	return ledger.Step{Do: ledger.Confirm, ID: id, Amount: ledger.Amount{Containers: containers, Weight: weight}}
}

// Events of one vessel are one write; both encodings and duplicates are taken.
func TestBooked(t *testing.T) {
	t.Parallel()
	v := &vessels{}
	errs := v.handle(t,
		booked(t, "c1", "a", 550, 2, 1), booked(t, "c2", "b", 7, 1),
		asProtobuf(t, booked(t, "c3", "a", 9, 4), &eventv1.ConsignmentBooked{}), booked(t, "c1", "a", 550, 2, 1))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	want := map[string][]ledger.Step{"a": {confirm("c1", 3, 550), confirm("c3", 4, 9), confirm("c1", 3, 550)}, "b": {confirm("c2", 1, 7)}}
	if !maps.EqualFunc(v.steps, want, slices.Equal) || v.writes != 2 {
		t.Errorf("%d writes: %v\nwant 2: %v", v.writes, v.steps, want)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	v := &vessels{}
	errs := v.handle(t, cancelled(t, "c1", "a"), asProtobuf(t, cancelled(t, "c2", "a"), &eventv1.ConsignmentCancelled{}), cancelled(t, "c3", "b"))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	release := func(id string) ledger.Step { return ledger.Step{Do: ledger.Release, ID: id} }
	want := map[string][]ledger.Step{"a": {release("c1"), release("c2")}, "b": {release("c3")}}
	if !maps.EqualFunc(v.steps, want, slices.Equal) || v.writes != 2 {
		t.Errorf("%d writes: %v\nwant 2: %v", v.writes, v.steps, want)
	}
}

func TestLotBooked(t *testing.T) {
	t.Parallel()
	v := &vessels{}
	errs := v.handle(t, lotBooked(t, "l1", "a", 30, 550, "c1", "c2"), lotBooked(t, "l2", "b", 7, 1, "c3"),
		asProtobuf(t, lotBooked(t, "l3", "a", 9, 4), &eventv1.LotBooked{}), lotBooked(t, "l1", "a", 30, 550, "c1", "c2"))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	step := func(id string, containers, weight int64) ledger.Step {
		return ledger.Step{Do: ledger.ConfirmLot, ID: id, Amount: ledger.Amount{Containers: containers, Weight: weight}}
	}
	want := map[string][]ledger.Step{"a": {step("l1", 30, 550), step("l3", 9, 4), step("l1", 30, 550)}, "b": {step("l2", 7, 1)}}
	if !maps.EqualFunc(v.steps, want, slices.Equal) || v.writes != 2 {
		t.Errorf("%d writes: %v\nwant 2: %v", v.writes, v.steps, want)
	}
}

// What is cancelled of a lot gives back its part, in one write with what has holds of its own.
func TestCancelledOfLot(t *testing.T) {
	t.Parallel()
	v := &vessels{}
	errs := v.handle(t, returned(t, "c1", "l1", "a", 550, 2, 1), cancelled(t, "c2", "a"), returned(t, "c3", "l1", "a", 9, 4))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	step := func(id string, containers, weight int64) ledger.Step {
		return ledger.Step{Do: ledger.Return, ID: id, Lot: "l1", Amount: ledger.Amount{Containers: containers, Weight: weight}}
	}
	want := []ledger.Step{step("c1", 3, 550), {Do: ledger.Release, ID: "c2"}, step("c3", 4, 9)}
	if !slices.Equal(v.steps["a"], want) || v.writes != 1 {
		t.Errorf("%d writes: %v\nwant 1: %v", v.writes, v.steps, want)
	}
}

// An event that cannot be read fails alone: the others of its delivery are handled.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	for _, good := range []sidecar.Event{booked(t, "c1", "a", 1, 1), cancelled(t, "c1", "a"), lotBooked(t, "c1", "a", 1, 1)} {
		for name, spoil := range map[string]func(*sidecar.Event){
			"no JSON":              func(e *sidecar.Event) { e.Data = []byte("{") },
			"of another type":      func(e *sidecar.Event) { e.Data = []byte(`{"weight": "heavy"}`) },
			"unknown content type": func(e *sidecar.Event) { e.ContentType = "text/plain" },
			"no protobuf":          func(e *sidecar.Event) { e.ContentType, e.Data = "application/protobuf", []byte{0xff} },
		} {
			bad := good
			bad.ID = "poison"
			spoil(&bad)
			v := &vessels{}
			errs := v.handle(t, good, bad, good)
			if errs[0] != nil || errs[2] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "poison") {
				t.Errorf("%s of %s: %v; want only the second to fail, by its name", name, good.Topic, errs)
			}
			if len(v.steps["a"]) != 2 || len(v.steps) != 1 {
				t.Errorf("%s of %s: handled %v", name, good.Topic, v.steps)
			}
		}
	}
}

// An event that says nothing of use fails, and does not stand for a vessel or a consignment without a name.
func TestNamesNothing(t *testing.T) {
	t.Parallel()
	for _, e := range []sidecar.Event{
		booked(t, "", "a", 1, 1), booked(t, "c1", "", 1, 1), cancelled(t, "", "a"), cancelled(t, "c1", ""),
		lotBooked(t, "", "a", 1, 1), lotBooked(t, "l", "", 1, 1), lotBooked(t, "l", "a", 0, 1), lotBooked(t, "l", "a", 1, -1),
		returned(t, "c1", "l", "a", 0, 1), returned(t, "c1", "l", "a", 1), returned(t, "c1", "l", "a", 1, -1),
	} {
		v := &vessels{}
		if errs := v.handle(t, e); !errors.Is(errs[0], sidecar.ErrUnreadable) || len(v.steps) != 0 {
			t.Errorf("%s: %v, handled %v", e.Data, errs[0], v.steps)
		}
	}
}

// A vessel that cannot be written fails its own events, to be delivered again.
func TestVesselAway(t *testing.T) {
	t.Parallel()
	away := failure.Unavailable(nil, "away")
	for _, events := range [][]sidecar.Event{
		{booked(t, "c1", "a", 1, 1), booked(t, "c2", "b", 1, 1)}, {cancelled(t, "c1", "a"), cancelled(t, "c2", "b")},
		{lotBooked(t, "l1", "a", 1, 1), lotBooked(t, "l2", "b", 1, 1)},
	} {
		v := &vessels{fail: func(id string) error {
			if id == "a" {
				return away
			}
			return nil
		}}
		if errs := v.handle(t, events...); !errors.Is(errs[0], away) || errs[1] != nil {
			t.Errorf("%s: %v", events[0].Topic, errs)
		}
	}
}

// Where the room is gone the consignment is cancelled, and the event is done with.
func TestRoomGone(t *testing.T) {
	t.Parallel()
	v := &vessels{refuse: func(_ string, step ledger.Step) error {
		if step.ID == "c2" {
			return failure.Short(failure.ShortOfCapacity, "containers", "none left")
		}
		return nil
	}}
	errs := v.handle(t, booked(t, "c1", "a", 1, 1), booked(t, "c2", "a", 1, 1))
	if errs[0] != nil || errs[1] != nil || !slices.Equal(v.cancelled, []string{"c2"}) {
		t.Errorf("%v, cancelled %q", errs, v.cancelled)
	}
	v.cancelled = nil
	errs = v.handle(t, lotBooked(t, "c1", "a", 1, 1, "c1.1"), lotBooked(t, "c2", "a", 2, 2, "c2.1", "c2.2"))
	if errs[0] != nil || errs[1] != nil || !slices.Equal(v.cancelled, []string{"c2.1", "c2.2"}) {
		t.Errorf("lots: %v, cancelled %q", errs, v.cancelled)
	}
}
