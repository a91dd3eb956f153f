// Package topic takes the events the inventory service listens to.
package topic

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/inventory/internal/inventory"
)

// Handlers returns what the service does on each topic.
func Handlers(depots *inventory.Depots) map[string]sidecar.Handler {
	return map[string]sidecar.Handler{
		event.ConsignmentBooked: func(ctx context.Context, events []sidecar.Event) []error {
			return handle(events, func() payload { return &eventv1.ConsignmentBooked{} }, func(wanted []inventory.Wanted) []error {
				return depots.Confirm(ctx, wanted)
			})
		},
		event.ConsignmentCancelled: func(ctx context.Context, events []sidecar.Event) []error {
			return handle(events, func() payload { return &eventv1.ConsignmentCancelled{} }, func(wanted []inventory.Wanted) []error {
				return depots.Release(ctx, wanted, true)
			})
		},
	}
}

// payload is an event about a consignment and its containers.
type payload interface {
	proto.Message
	GetConsignmentId() string
	GetPickups() []*eventv1.Pickup
}

// handle decodes events and handles them together. An event that cannot be decoded fails alone.
func handle(events []sidecar.Event, empty func() payload, do func([]inventory.Wanted) []error) []error {
	errs := make([]error, len(events))
	var wanted []inventory.Wanted
	var indices []int
	for i := range events {
		p := empty()
		if errs[i] = event.Decode(events[i], p); errs[i] == nil && p.GetConsignmentId() == "" {
			errs[i] = fmt.Errorf("%w: it names no consignment", sidecar.ErrUnreadable)
		}
		if errs[i] != nil {
			continue
		}
		w := inventory.Wanted{Consignment: p.GetConsignmentId()}
		for _, pickup := range p.GetPickups() {
			w.Pickups = append(w.Pickups, inventory.Pickup{Origin: pickup.GetOrigin(), Containers: int64(pickup.GetContainers())})
		}
		wanted, indices = append(wanted, w), append(indices, i)
	}
	for n, err := range do(wanted) {
		errs[indices[n]] = err
	}
	return errs
}
