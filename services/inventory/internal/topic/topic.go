// Package topic takes the events the inventory service listens to.
package topic

import (
	"context"
	"fmt"
	"slices"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/inventory/internal/inventory"
)

// Handlers returns what the service does on each topic.
func Handlers(depots *inventory.Depots) map[string]sidecar.Handler {
	return map[string]sidecar.Handler{
		event.ConsignmentBooked: func(ctx context.Context, events []sidecar.Event) []error {
			return handle(events, readBooked, func(booked []inventory.Wanted) []error { return depots.Confirm(ctx, booked) })
		},
		event.LotBooked: func(ctx context.Context, events []sidecar.Event) []error {
			return handle(events, readLot, func(booked []inventory.Lot) []error { return depots.ConfirmLots(ctx, booked) })
		},
		event.ConsignmentCancelled: func(ctx context.Context, events []sidecar.Event) []error {
			return handle(events, readCancelled, func(freed []inventory.Freed) []error { return depots.Release(ctx, freed) })
		},
	}
}

// handle reads events and handles them together. An event that cannot be read fails alone.
func handle[T any](events []sidecar.Event, read func(sidecar.Event) (T, error), do func([]T) []error) []error {
	errs := make([]error, len(events))
	var all []T
	var indices []int
	for i, e := range events {
		one, err := read(e)
		if err != nil {
			errs[i] = err
			continue
		}
		all, indices = append(all, one), append(indices, i)
	}
	for n, err := range do(all) {
		errs[indices[n]] = err
	}
	return errs
}

func readBooked(e sidecar.Event) (inventory.Wanted, error) {
	p := &eventv1.ConsignmentBooked{}
	err := event.Decode(e, p)
	if err == nil && p.GetConsignmentId() == "" {
		err = errNamesNone
	}
	return inventory.Wanted{Consignment: p.GetConsignmentId(), Pickups: pickups(p)}, err
}

func readLot(e sidecar.Event) (inventory.Lot, error) {
	p := &eventv1.LotBooked{}
	err := event.Decode(e, p)
	if err == nil && (p.GetLotId() == "" || !wantsContainers(p)) {
		err = fmt.Errorf("%w: it names no lot, or a pickup of no containers", sidecar.ErrUnreadable)
	}
	return inventory.Lot{ID: p.GetLotId(), Pickups: pickups(p), Consignments: p.GetConsignmentIds()}, err
}

func readCancelled(e sidecar.Event) (inventory.Freed, error) {
	p := &eventv1.ConsignmentCancelled{}
	err := event.Decode(e, p)
	switch {
	case err != nil:
	case p.GetConsignmentId() == "":
		err = errNamesNone
	case p.GetLotId() != "" && !wantsContainers(p):
		err = fmt.Errorf("%w: it does not say which part of its lot is given back", sidecar.ErrUnreadable)
	}
	return inventory.Freed{Consignment: p.GetConsignmentId(), Cancelled: true, Lot: p.GetLotId(), Pickups: pickups(p)}, err
}

var errNamesNone = fmt.Errorf("%w: it names no consignment", sidecar.ErrUnreadable)

// payload is an event about containers.
type payload interface{ GetPickups() []*eventv1.Pickup }

func pickups(p payload) []inventory.Pickup {
	all := make([]inventory.Pickup, len(p.GetPickups()))
	for i, pickup := range p.GetPickups() {
		all[i] = inventory.Pickup{Origin: pickup.GetOrigin(), Containers: int64(pickup.GetContainers())}
	}
	return all
}

// wantsContainers says that there are pickups, each of at least one container.
func wantsContainers(p payload) bool {
	return len(p.GetPickups()) > 0 &&
		!slices.ContainsFunc(p.GetPickups(), func(pickup *eventv1.Pickup) bool { return pickup.GetContainers() <= 0 })
}
