// Package topic takes the events the vessel service listens to.
package topic

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/vessel/internal/vessel"
)

// Handlers returns what the service does on each topic.
func Handlers(fleet *vessel.Fleet) map[string]sidecar.Handler {
	return map[string]sidecar.Handler{
		event.ConsignmentBooked:    func(ctx context.Context, events []sidecar.Event) []error { return booked(ctx, fleet, events) },
		event.LotBooked:            func(ctx context.Context, events []sidecar.Event) []error { return lotBooked(ctx, fleet, events) },
		event.ConsignmentCancelled: func(ctx context.Context, events []sidecar.Event) []error { return cancelled(ctx, fleet, events) },
	}
}

// booked confirms the holds of consignments that were booked.
func booked(ctx context.Context, fleet *vessel.Fleet, events []sidecar.Event) []error {
	payloads := make([]eventv1.ConsignmentBooked, len(events))
	return byVessel(events, func(i int) (string, error) {
		return target(events[i], &payloads[i])
	}, func(id string, indices []int) []error {
		wanted := make([]vessel.Wanted, len(indices))
		for n, i := range indices {
			p := &payloads[i]
			wanted[n] = vessel.Wanted{Consignment: p.GetConsignmentId(), Amount: amountOf(p)}
		}
		return fleet.Confirm(ctx, id, wanted)
	})
}

// lotBooked confirms the holds of lots that were booked.
func lotBooked(ctx context.Context, fleet *vessel.Fleet, events []sidecar.Event) []error {
	payloads := make([]eventv1.LotBooked, len(events))
	return byVessel(events, func(i int) (string, error) {
		p := &payloads[i]
		err := event.Decode(events[i], p)
		if err == nil && (p.GetLotId() == "" || p.GetVesselId() == "" || p.GetContainers() <= 0 || p.GetWeight() <= 0) {
			err = fmt.Errorf("%w: it names no lot, no vessel, or nothing to carry", sidecar.ErrUnreadable)
		}
		return p.GetVesselId(), err
	}, func(id string, indices []int) []error {
		lots := make([]vessel.Lot, len(indices))
		for n, i := range indices {
			p := &payloads[i]
			lots[n] = vessel.Lot{
				ID: p.GetLotId(), Consignments: p.GetConsignmentIds(),
				Amount: ledger.Amount{Containers: int64(p.GetContainers()), Weight: int64(p.GetWeight())},
			}
		}
		return fleet.ConfirmLots(ctx, id, lots)
	})
}

// cancelled gives back the room of consignments that were cancelled.
func cancelled(ctx context.Context, fleet *vessel.Fleet, events []sidecar.Event) []error {
	payloads := make([]eventv1.ConsignmentCancelled, len(events))
	return byVessel(events, func(i int) (string, error) {
		p := &payloads[i]
		id, err := target(events[i], p)
		if part := amountOf(p); err == nil && p.GetLotId() != "" && (part.Containers <= 0 || part.Weight <= 0) {
			err = fmt.Errorf("%w: it does not say which part of its lot is given back", sidecar.ErrUnreadable)
		}
		return id, err
	}, func(id string, indices []int) []error {
		freed := make([]vessel.Freed, len(indices))
		for n, i := range indices {
			p := &payloads[i]
			freed[n] = vessel.Freed{Consignment: p.GetConsignmentId(), Cancelled: true, Lot: p.GetLotId(), Part: amountOf(p)}
		}
		errs := make([]error, len(indices))
		if err := fleet.Release(ctx, id, freed); err != nil {
			for n := range errs {
				errs[n] = err
			}
		}
		return errs
	})
}

// payload is an event about a consignment on a vessel.
type payload interface {
	proto.Message
	GetConsignmentId() string
	GetVesselId() string
	GetWeight() int32
	GetPickups() []*eventv1.Pickup
}

// target decodes an event and returns the vessel it is about.
func target(e sidecar.Event, p payload) (string, error) {
	err := event.Decode(e, p)
	if err == nil && (p.GetConsignmentId() == "" || p.GetVesselId() == "") {
		err = fmt.Errorf("%w: it names no consignment, or no vessel", sidecar.ErrUnreadable)
	}
	return p.GetVesselId(), err
}

// amountOf returns the room that a consignment takes.
func amountOf(p payload) ledger.Amount {
	amount := ledger.Amount{Weight: int64(p.GetWeight())}
	for _, pickup := range p.GetPickups() {
		amount.Containers += int64(pickup.GetContainers())
	}
	return amount
}

// byVessel handles events in groups of one vessel: decode tells an event's vessel, handle answers
// a group. An event that cannot be decoded fails alone.
func byVessel(events []sidecar.Event, decode func(i int) (string, error), handle func(id string, indices []int) []error) []error {
	errs := make([]error, len(events))
	groups := make(map[string][]int)
	for i := range events {
		id, err := decode(i)
		if err != nil {
			errs[i] = err
			continue
		}
		groups[id] = append(groups[id], i)
	}
	var wg sync.WaitGroup
	for id, indices := range groups {
		wg.Go(func() {
			for n, err := range handle(id, indices) {
				errs[indices[n]] = err
			}
		})
	}
	wg.Wait()
	return errs
}
