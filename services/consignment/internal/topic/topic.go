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

// Booked announces the bookings of a lot: one that has holds to itself as such.
func (a Announcer) Booked(l *consignment.Lot) (sidecar.Event, error) {
	c := &l.Bookings[0].Consignment
	if !l.Shared() {
		return a.Encoding.New(c.ID+".booked", event.ConsignmentBooked, &eventv1.ConsignmentBooked{
			ConsignmentId: c.ID, CustomerId: c.Customer, VesselId: c.Vessel, Description: c.Description,
			Weight: c.Weight, Pickups: pickups(c.Pickups()), BookTime: timestamppb.New(c.CreateTime),
		})
	}
	booked := &eventv1.LotBooked{
		LotId: l.ID, VesselId: l.Vessel, Containers: l.Containers(), Weight: l.Weight(),
		Pickups: pickups(l.Pickups()), BookTime: timestamppb.New(c.CreateTime),
	}
	for _, b := range l.Bookings {
		booked.ConsignmentIds = append(booked.ConsignmentIds, b.ID)
	}
	return a.Encoding.New(l.ID+".booked", event.LotBooked, booked)
}

// Cancelled announces that a consignment is cancelled.
func (a Announcer) Cancelled(c *consignment.Consignment, reason string, at time.Time) (sidecar.Event, error) {
	return a.Encoding.New(c.ID+".cancelled", event.ConsignmentCancelled, &eventv1.ConsignmentCancelled{
		ConsignmentId: c.ID, CustomerId: c.Customer, VesselId: c.Vessel, Description: c.Description,
		Weight: c.Weight, Pickups: pickups(c.Pickups()), Reason: reason, CancelTime: timestamppb.New(at),
		LotId: c.Lot,
	})
}

func pickups(counted []consignment.Pickup) []*eventv1.Pickup {
	out := make([]*eventv1.Pickup, len(counted))
	for i, p := range counted {
		out[i] = &eventv1.Pickup{Origin: p.Origin, Containers: int32(p.Containers)} //nolint:gosec // bounded by a lot's containers
	}
	return out
}
