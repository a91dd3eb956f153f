// Package rpc translates between the inventory service's contract and its domain.
package rpc

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	"seaport.example/services/internal/failure"
	"seaport.example/services/inventory/internal/inventory"
)

// maxBatch is how many items a batch may have.
const maxBatch = 1000

// Server is the InventoryService.
type Server struct {
	inventoryv1.UnimplementedInventoryServiceServer

	depots *inventory.Depots
}

// Register puts the service on a server.
func Register(server grpc.ServiceRegistrar, depots *inventory.Depots) {
	inventoryv1.RegisterInventoryServiceServer(server, &Server{depots: depots})
}

// StockDepot implements the contract.
func (s *Server) StockDepot(ctx context.Context, req *inventoryv1.StockDepotRequest) (*inventoryv1.StockDepotResponse, error) {
	depot, err := s.depots.Stock(ctx, req.GetOrigin(), int64(req.GetContainers()), req.GetRequestId())
	if err != nil {
		return nil, err
	}
	return &inventoryv1.StockDepotResponse{Depot: toProto(depot)}, nil
}

// ListDepots implements the contract.
func (s *Server) ListDepots(ctx context.Context, req *inventoryv1.ListDepotsRequest) (*inventoryv1.ListDepotsResponse, error) {
	depots, next, err := s.depots.Page(ctx, req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp := &inventoryv1.ListDepotsResponse{NextPageToken: next}
	for _, depot := range depots {
		resp.Depots = append(resp.Depots, toProto(depot))
	}
	return resp, nil
}

// HoldContainers implements the contract.
func (s *Server) HoldContainers(ctx context.Context, req *inventoryv1.HoldContainersRequest) (*inventoryv1.HoldContainersResponse, error) {
	if len(req.GetHolds()) > maxBatch {
		return nil, failure.Invalid("holds", "at most %d in one call", maxBatch)
	}
	wanted := make([]inventory.Wanted, len(req.GetHolds()))
	for i, h := range req.GetHolds() {
		wanted[i] = inventory.Wanted{Consignment: h.GetConsignmentId(), Pickups: fromProto(h.GetPickups())}
	}
	resp := &inventoryv1.HoldContainersResponse{Results: make([]*inventoryv1.HoldContainersResult, len(wanted))}
	for i, held := range s.depots.Hold(ctx, wanted) {
		if held.Err != nil {
			resp.Results[i] = &inventoryv1.HoldContainersResult{Result: &inventoryv1.HoldContainersResult_Failure{Failure: failure.ToProto(held.Err)}}
			continue
		}
		resp.Results[i] = &inventoryv1.HoldContainersResult{Result: &inventoryv1.HoldContainersResult_Held{
			Held: &inventoryv1.HeldContainers{ExpireTime: timestamppb.New(held.Expires)},
		}}
	}
	return resp, nil
}

// ReleaseContainers implements the contract.
func (s *Server) ReleaseContainers(ctx context.Context, req *inventoryv1.ReleaseContainersRequest) (*inventoryv1.ReleaseContainersResponse, error) {
	if len(req.GetReleases()) > maxBatch {
		return nil, failure.Invalid("releases", "at most %d in one call", maxBatch)
	}
	freed := make([]inventory.Freed, len(req.GetReleases()))
	for i, r := range req.GetReleases() {
		if err := checkRelease(i, r); err != nil {
			return nil, err
		}
		freed[i] = inventory.Freed{Consignment: r.GetConsignmentId(), Cancelled: r.GetCancelled(), Lot: r.GetLotId()}
		if freed[i].Lot != "" {
			freed[i].Pickups = fromProto(r.GetPickups())
			continue
		}
		for _, origin := range r.GetOrigins() {
			freed[i].Pickups = append(freed[i].Pickups, inventory.Pickup{Origin: origin})
		}
	}
	if err := errors.Join(s.depots.Release(ctx, freed)...); err != nil {
		return nil, err
	}
	return &inventoryv1.ReleaseContainersResponse{}, nil
}

// checkRelease says what is wrong with the i-th release.
func checkRelease(i int, r *inventoryv1.ContainerRelease) error {
	if r.GetLotId() == "" {
		return nil
	}
	field := func(name string) string { return fmt.Sprintf("releases[%d].%s", i, name) }
	var wrong []*failure.Error
	if !r.GetCancelled() {
		wrong = append(wrong, failure.Invalid(field("lot_id"), "only a cancelled consignment gives back its part of a lot"))
	}
	if len(r.GetPickups()) == 0 {
		wrong = append(wrong, failure.Invalid(field("pickups"), "must not be empty"))
	}
	for n, p := range r.GetPickups() {
		if p.GetContainers() <= 0 {
			wrong = append(wrong, failure.Invalid(field(fmt.Sprintf("pickups[%d].containers", n)), "must be above zero"))
		}
	}
	return failure.All(wrong...)
}

func fromProto(pickups []*inventoryv1.Pickup) []inventory.Pickup {
	all := make([]inventory.Pickup, len(pickups))
	for i, p := range pickups {
		all[i] = inventory.Pickup{Origin: p.GetOrigin(), Containers: int64(p.GetContainers())}
	}
	return all
}

func toProto(d inventory.Depot) *inventoryv1.Depot {
	return &inventoryv1.Depot{
		Origin: d.Origin, Stock: int32(d.Stock), Free: int32(d.Free()), //nolint:gosec // bounded by the largest stock
		PendingHolds: int32(d.Containers.Pending()), //nolint:gosec // bounded by what is in flight
		CreateTime:   timestamppb.New(d.CreateTime),
	}
}
