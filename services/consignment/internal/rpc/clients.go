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

// Hold holds room for lots, in one call.
func (v Vessels) Hold(ctx context.Context, lots []*consignment.Lot) []error {
	if len(lots) == 0 {
		return nil
	}
	req := &vesselv1.HoldCapacityRequest{Holds: make([]*vesselv1.CapacityHold, len(lots))}
	for i, l := range lots {
		req.Holds[i] = &vesselv1.CapacityHold{ConsignmentId: l.ID, Containers: l.Containers(), Weight: l.Weight(), VesselId: l.Wished()}
	}
	resp, err := v.client.HoldCapacity(ctx, req)
	return each(lots, resp.GetResults(), err, func(l *consignment.Lot, r *vesselv1.HoldCapacityResult) {
		l.Vessel, l.Expires = r.GetHeld().GetVesselId(), r.GetHeld().GetExpireTime().AsTime()
	})
}

// Abandon gives back the room of lots that are not booked, in one call.
func (v Vessels) Abandon(ctx context.Context, lots []*consignment.Lot) error {
	req := &vesselv1.ReleaseCapacityRequest{}
	for _, l := range lots {
		req.Releases = append(req.Releases, &vesselv1.CapacityRelease{ConsignmentId: l.ID, VesselId: l.Vessel})
	}
	_, err := v.client.ReleaseCapacity(ctx, req)
	return err
}

// Release gives back the room of cancelled consignments, in one call.
func (v Vessels) Release(ctx context.Context, cancelled []*consignment.Consignment) error {
	req := &vesselv1.ReleaseCapacityRequest{}
	for _, c := range cancelled {
		release := &vesselv1.CapacityRelease{ConsignmentId: c.ID, VesselId: c.Vessel, Cancelled: true}
		if c.Lot != "" {
			release.LotId, release.Weight = c.Lot, c.Weight
			release.Containers = int32(len(c.Containers)) //nolint:gosec // bounded by an order's containers
		}
		req.Releases = append(req.Releases, release)
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

// Hold holds the containers of lots at their origins, in one call.
func (d Depots) Hold(ctx context.Context, lots []*consignment.Lot) []error {
	if len(lots) == 0 {
		return nil
	}
	req := &inventoryv1.HoldContainersRequest{Holds: make([]*inventoryv1.ContainerHold, len(lots))}
	for i, l := range lots {
		req.Holds[i] = &inventoryv1.ContainerHold{ConsignmentId: l.ID, Pickups: pickups(l.Pickups())}
	}
	resp, err := d.client.HoldContainers(ctx, req)
	return each(lots, resp.GetResults(), err, func(l *consignment.Lot, r *inventoryv1.HoldContainersResult) {
		if until := r.GetHeld().GetExpireTime().AsTime(); until.Before(l.Expires) {
			l.Expires = until
		}
	})
}

// Release gives back the containers of cancelled consignments, in one call.
func (d Depots) Release(ctx context.Context, cancelled []*consignment.Consignment) error {
	req := &inventoryv1.ReleaseContainersRequest{}
	for _, c := range cancelled {
		release := &inventoryv1.ContainerRelease{ConsignmentId: c.ID, Cancelled: true, LotId: c.Lot}
		if c.Lot != "" {
			release.Pickups = pickups(c.Pickups())
		} else {
			for _, p := range c.Pickups() {
				release.Origins = append(release.Origins, p.Origin)
			}
		}
		req.Releases = append(req.Releases, release)
	}
	_, err := d.client.ReleaseContainers(ctx, req)
	return err
}

func pickups(counted []consignment.Pickup) []*inventoryv1.Pickup {
	out := make([]*inventoryv1.Pickup, len(counted))
	for i, p := range counted {
		out[i] = &inventoryv1.Pickup{Origin: p.Origin, Containers: int32(p.Containers)} //nolint:gosec // bounded by a lot's containers
	}
	return out
}

// each hands the results of a batch to their lots and returns one error a lot.
func each[R interface{ GetFailure() *failurev1.Failure }](lots []*consignment.Lot, results []R, err error, take func(*consignment.Lot, R)) []error {
	errs := make([]error, len(lots))
	if err == nil && len(results) != len(lots) {
		err = fmt.Errorf("%d results for %d holds", len(results), len(lots))
	}
	for i, l := range lots {
		if err != nil {
			errs[i] = err
		} else if errs[i] = failure.FromProto(results[i].GetFailure()); errs[i] == nil {
			take(l, results[i])
		}
	}
	return errs
}
