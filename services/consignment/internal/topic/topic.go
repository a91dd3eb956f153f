// Package topic makes the events the consignment service announces and reads them back.
package topic

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
)

// Announcer makes events in an encoding.
type Announcer struct{ Encoding event.Encoding }

// Booked announces a booking.
func (a Announcer) Booked(c *consignment.Consignment) (sidecar.Event, error) {
	return a.Encoding.New(c.ID+".booked", event.ConsignmentBooked, &eventv1.ConsignmentBooked{
		ConsignmentId: c.ID, CustomerId: c.Customer, VesselId: c.Vessel, Description: c.Description,
		Weight: c.Weight, Pickups: pickups(c), BookTime: timestamppb.New(c.CreateTime),
	})
}

// Cancelled announces that a consignment is cancelled.
func (a Announcer) Cancelled(c *consignment.Consignment, reason string, at time.Time) (sidecar.Event, error) {
	return a.Encoding.New(c.ID+".cancelled", event.ConsignmentCancelled, &eventv1.ConsignmentCancelled{
		ConsignmentId: c.ID, CustomerId: c.Customer, VesselId: c.Vessel, Description: c.Description,
		Weight: c.Weight, Pickups: pickups(c), Reason: reason, CancelTime: timestamppb.New(at),
	})
}

func pickups(c *consignment.Consignment) []*eventv1.Pickup {
	var out []*eventv1.Pickup
	for _, p := range c.Pickups() {
		out = append(out, &eventv1.Pickup{Origin: p.Origin, Containers: int32(p.Containers)}) //nolint:gosec // bounded by an order's containers
	}
	return out
}
