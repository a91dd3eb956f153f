package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/failure"
)

// holds bounds the calls to vessel and inventory: a booking's holds and its commit must all be
// through before another replica may try the same booking.
var holds = batch.Config{Max: 256, InFlight: 1, Timeout: 4 * time.Second}

// Vessels holds room through the vessel service, many bookings' in one call.
type Vessels struct {
	hold    *batch.Batcher[*vesselv1.CapacityHold, *vesselv1.HeldCapacity]
	release *batch.Batcher[*vesselv1.CapacityRelease, struct{}]
}

var _ consignment.Vessels = (*Vessels)(nil)

// NewVessels returns the vessel service at the other end of conn.
func NewVessels(conn grpc.ClientConnInterface) *Vessels {
	client := vesselv1.NewVesselServiceClient(conn)
	return &Vessels{
		hold: batch.New(holds, func(ctx context.Context, holds []*vesselv1.CapacityHold) []batch.Result[*vesselv1.HeldCapacity] {
			resp, err := client.HoldCapacity(ctx, &vesselv1.HoldCapacityRequest{Holds: holds})
			if err != nil {
				return batch.Fail[*vesselv1.HeldCapacity](len(holds), away("vessel", err))
			}
			results := make([]batch.Result[*vesselv1.HeldCapacity], len(resp.GetResults()))
			for i, r := range resp.GetResults() {
				results[i] = batch.Result[*vesselv1.HeldCapacity]{Answer: r.GetHeld(), Err: failure.FromProto(r.GetFailure())}
			}
			return results
		}),
		release: batch.New(holds, func(ctx context.Context, releases []*vesselv1.CapacityRelease) []batch.Result[struct{}] {
			_, err := client.ReleaseCapacity(ctx, &vesselv1.ReleaseCapacityRequest{Releases: releases})
			return batch.Fail[struct{}](len(releases), away("vessel", err))
		}),
	}
}

// Hold holds room on the wished vessel, or on the best fit for "".
func (v *Vessels) Hold(ctx context.Context, c *consignment.Consignment, wished string) (vessel string, expires time.Time, err error) {
	held, err := v.hold.Do(ctx, &vesselv1.CapacityHold{
		ConsignmentId: c.ID, Containers: int32(len(c.Containers)), Weight: c.Weight, VesselId: wished, //nolint:gosec // bounded by an order's containers
	})
	return held.GetVesselId(), held.GetExpireTime().AsTime(), err
}

// Release gives room back.
func (v *Vessels) Release(ctx context.Context, c *consignment.Consignment, cancelled bool) error {
	_, err := v.release.Do(ctx, &vesselv1.CapacityRelease{ConsignmentId: c.ID, VesselId: c.Vessel, Cancelled: cancelled})
	return err
}

// Depots holds containers through the inventory service, many bookings' in one call.
type Depots struct {
	hold    *batch.Batcher[*inventoryv1.ContainerHold, *inventoryv1.HeldContainers]
	release *batch.Batcher[*inventoryv1.ContainerRelease, struct{}]
}

var _ consignment.Depots = (*Depots)(nil)

// NewDepots returns the inventory service at the other end of conn.
func NewDepots(conn grpc.ClientConnInterface) *Depots {
	client := inventoryv1.NewInventoryServiceClient(conn)
	return &Depots{
		hold: batch.New(holds, func(ctx context.Context, holds []*inventoryv1.ContainerHold) []batch.Result[*inventoryv1.HeldContainers] {
			resp, err := client.HoldContainers(ctx, &inventoryv1.HoldContainersRequest{Holds: holds})
			if err != nil {
				return batch.Fail[*inventoryv1.HeldContainers](len(holds), away("inventory", err))
			}
			results := make([]batch.Result[*inventoryv1.HeldContainers], len(resp.GetResults()))
			for i, r := range resp.GetResults() {
				results[i] = batch.Result[*inventoryv1.HeldContainers]{Answer: r.GetHeld(), Err: failure.FromProto(r.GetFailure())}
			}
			return results
		}),
		release: batch.New(holds, func(ctx context.Context, releases []*inventoryv1.ContainerRelease) []batch.Result[struct{}] {
			_, err := client.ReleaseContainers(ctx, &inventoryv1.ReleaseContainersRequest{Releases: releases})
			return batch.Fail[struct{}](len(releases), away("inventory", err))
		}),
	}
}

// Hold holds the consignment's containers at their origins.
func (d *Depots) Hold(ctx context.Context, c *consignment.Consignment) (expires time.Time, err error) {
	want := &inventoryv1.ContainerHold{ConsignmentId: c.ID}
	for _, p := range c.Pickups() {
		want.Pickups = append(want.Pickups, &inventoryv1.Pickup{Origin: p.Origin, Containers: int32(p.Containers)}) //nolint:gosec // bounded by an order's containers
	}
	held, err := d.hold.Do(ctx, want)
	return held.GetExpireTime().AsTime(), err
}

// Release gives containers back.
func (d *Depots) Release(ctx context.Context, c *consignment.Consignment, cancelled bool) error {
	give := &inventoryv1.ContainerRelease{ConsignmentId: c.ID, Cancelled: cancelled}
	for _, p := range c.Pickups() {
		give.Origins = append(give.Origins, p.Origin)
	}
	_, err := d.release.Do(ctx, give)
	return err
}

// away says that another service could not be asked. Only what it refused by itself passes.
func away(service string, err error) error {
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated:
		return err
	}
	return failure.Unavailable(err, "the %s service does not answer; try again", service)
}
