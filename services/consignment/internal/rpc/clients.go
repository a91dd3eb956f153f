package rpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	failurev1 "seaport.example/proto/seaport/failure/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/failure"
)

// Vessels holds room through the vessel service.
type Vessels struct {
	client vesselv1.VesselServiceClient
}

var _ consignment.Vessels = Vessels{}

// NewVessels returns the vessel service at the other end of conn.
func NewVessels(conn grpc.ClientConnInterface) Vessels {
	return Vessels{client: vesselv1.NewVesselServiceClient(conn)}
}

// Hold holds room for bookings, in one call.
func (v Vessels) Hold(ctx context.Context, bookings []*consignment.Booking) []error {
	if len(bookings) == 0 {
		return nil
	}
	req := &vesselv1.HoldCapacityRequest{Holds: make([]*vesselv1.CapacityHold, len(bookings))}
	for i, b := range bookings {
		req.Holds[i] = &vesselv1.CapacityHold{
			ConsignmentId: b.ID, Containers: int32(len(b.Containers)), Weight: b.Weight, VesselId: b.Wished, //nolint:gosec // bounded by an order's containers
		}
	}
	resp, err := v.client.HoldCapacity(ctx, req)
	return each(bookings, resp.GetResults(), err, func(b *consignment.Booking, r *vesselv1.HoldCapacityResult) {
		b.Vessel, b.Expires = r.GetHeld().GetVesselId(), r.GetHeld().GetExpireTime().AsTime()
	})
}

// Release gives room back, in one call.
func (v Vessels) Release(ctx context.Context, consignments []*consignment.Consignment, cancelled bool) error {
	req := &vesselv1.ReleaseCapacityRequest{}
	for _, c := range consignments {
		req.Releases = append(req.Releases, &vesselv1.CapacityRelease{ConsignmentId: c.ID, VesselId: c.Vessel, Cancelled: cancelled})
	}
	_, err := v.client.ReleaseCapacity(ctx, req)
	return err
}

// Depots holds containers through the inventory service.
type Depots struct {
	client inventoryv1.InventoryServiceClient
}

var _ consignment.Depots = Depots{}

// NewDepots returns the inventory service at the other end of conn.
func NewDepots(conn grpc.ClientConnInterface) Depots {
	return Depots{client: inventoryv1.NewInventoryServiceClient(conn)}
}

// Hold holds the bookings' containers at their origins, in one call.
func (d Depots) Hold(ctx context.Context, bookings []*consignment.Booking) []error {
	if len(bookings) == 0 {
		return nil
	}
	req := &inventoryv1.HoldContainersRequest{Holds: make([]*inventoryv1.ContainerHold, len(bookings))}
	for i, b := range bookings {
		hold := &inventoryv1.ContainerHold{ConsignmentId: b.ID}
		for _, p := range b.Pickups() {
			hold.Pickups = append(hold.Pickups, &inventoryv1.Pickup{Origin: p.Origin, Containers: int32(p.Containers)}) //nolint:gosec // bounded by an order's containers
		}
		req.Holds[i] = hold
	}
	resp, err := d.client.HoldContainers(ctx, req)
	return each(bookings, resp.GetResults(), err, func(b *consignment.Booking, r *inventoryv1.HoldContainersResult) {
		if until := r.GetHeld().GetExpireTime().AsTime(); until.Before(b.Expires) {
			b.Expires = until
		}
	})
}

// Release gives containers back, in one call.
func (d Depots) Release(ctx context.Context, consignments []*consignment.Consignment, cancelled bool) error {
	req := &inventoryv1.ReleaseContainersRequest{}
	for _, c := range consignments {
		release := &inventoryv1.ContainerRelease{ConsignmentId: c.ID, Cancelled: cancelled}
		for _, p := range c.Pickups() {
			release.Origins = append(release.Origins, p.Origin)
		}
		req.Releases = append(req.Releases, release)
	}
	_, err := d.client.ReleaseContainers(ctx, req)
	return err
}

// each hands the results of a batch to their bookings and returns one error a booking.
func each[R interface{ GetFailure() *failurev1.Failure }](bookings []*consignment.Booking, results []R, err error, take func(*consignment.Booking, R)) []error {
	errs := make([]error, len(bookings))
	if err == nil && len(results) != len(bookings) {
		err = fmt.Errorf("%d results for %d holds", len(results), len(bookings))
	}
	for i, b := range bookings {
		if err != nil {
			errs[i] = err
		} else if errs[i] = failure.FromProto(results[i].GetFailure()); errs[i] == nil {
			take(b, results[i])
		}
	}
	return errs
}
