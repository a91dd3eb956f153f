// Package rpc translates between the vessel service's contract and its domain.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/vessel/internal/vessel"
)

// maxBatch is how many items a batch may have.
const maxBatch = 1000

// Server is the VesselService.
type Server struct {
	vesselv1.UnimplementedVesselServiceServer

	fleet *vessel.Fleet
}

// Register puts the service on a server.
func Register(server grpc.ServiceRegistrar, fleet *vessel.Fleet) {
	vesselv1.RegisterVesselServiceServer(server, &Server{fleet: fleet})
}

// CreateVessel implements the contract.
func (s *Server) CreateVessel(ctx context.Context, req *vesselv1.CreateVesselRequest) (*vesselv1.CreateVesselResponse, error) {
	v, err := s.fleet.Create(ctx, vessel.Vessel{
		ID: req.GetId(), Name: req.GetName(), Capacity: req.GetCapacity(), MaxWeight: req.GetMaxWeight(),
		Available: req.Available == nil || req.GetAvailable(), OwnerID: req.GetOwnerId(), Request: req.GetRequestId(),
	})
	if err != nil {
		return nil, err
	}
	return &vesselv1.CreateVesselResponse{Vessel: toProto(v)}, nil
}

// GetVessel implements the contract.
func (s *Server) GetVessel(ctx context.Context, req *vesselv1.GetVesselRequest) (*vesselv1.GetVesselResponse, error) {
	v, err := s.fleet.Get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &vesselv1.GetVesselResponse{Vessel: toProto(v)}, nil
}

// ListVessels implements the contract.
func (s *Server) ListVessels(ctx context.Context, req *vesselv1.ListVesselsRequest) (*vesselv1.ListVesselsResponse, error) {
	vessels, next, err := s.fleet.Page(ctx, req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp := &vesselv1.ListVesselsResponse{NextPageToken: next}
	for _, v := range vessels {
		resp.Vessels = append(resp.Vessels, toProto(v))
	}
	return resp, nil
}

// FindAvailable implements the contract.
func (s *Server) FindAvailable(ctx context.Context, req *vesselv1.FindAvailableRequest) (*vesselv1.FindAvailableResponse, error) {
	v, err := s.fleet.Find(ctx, ledger.Amount{Containers: int64(req.GetCapacity()), Weight: int64(req.GetMaxWeight())})
	if err != nil {
		return nil, inFind(err)
	}
	return &vesselv1.FindAvailableResponse{Vessel: toProto(v)}, nil
}

// inFind names the fields of a refusal as they are in FindAvailableRequest.
func inFind(err error) error {
	e, ok := errors.AsType[*failure.Error](err)
	if !ok {
		return err
	}
	return e.Within(func(field string) string {
		if outer, ok := map[string]string{"containers": "capacity", "weight": "max_weight"}[field]; ok {
			return outer
		}
		return field
	})
}

// HoldCapacity implements the contract.
func (s *Server) HoldCapacity(ctx context.Context, req *vesselv1.HoldCapacityRequest) (*vesselv1.HoldCapacityResponse, error) {
	if len(req.GetHolds()) > maxBatch {
		return nil, failure.Invalid("holds", "at most %d in one call", maxBatch)
	}
	wanted := make([]vessel.Wanted, len(req.GetHolds()))
	for i, h := range req.GetHolds() {
		wanted[i] = vessel.Wanted{
			Consignment: h.GetConsignmentId(), Wished: h.GetVesselId(),
			Amount: ledger.Amount{Containers: int64(h.GetContainers()), Weight: int64(h.GetWeight())},
		}
	}
	resp := &vesselv1.HoldCapacityResponse{Results: make([]*vesselv1.HoldCapacityResult, len(wanted))}
	for i, held := range s.fleet.Hold(ctx, wanted) {
		if held.Err != nil {
			resp.Results[i] = &vesselv1.HoldCapacityResult{Result: &vesselv1.HoldCapacityResult_Failure{Failure: failure.ToProto(held.Err)}}
			continue
		}
		resp.Results[i] = &vesselv1.HoldCapacityResult{Result: &vesselv1.HoldCapacityResult_Held{Held: &vesselv1.HeldCapacity{
			VesselId: held.Vessel, ExpireTime: timestamppb.New(held.Expires),
		}}}
	}
	return resp, nil
}

// ReleaseCapacity implements the contract.
func (s *Server) ReleaseCapacity(ctx context.Context, req *vesselv1.ReleaseCapacityRequest) (*vesselv1.ReleaseCapacityResponse, error) {
	if len(req.GetReleases()) > maxBatch {
		return nil, failure.Invalid("releases", "at most %d in one call", maxBatch)
	}
	freed := make(map[string][]vessel.Freed) // by vessel
	for i, r := range req.GetReleases() {
		if err := checkRelease(i, r); err != nil {
			return nil, err
		}
		freed[r.GetVesselId()] = append(freed[r.GetVesselId()], vessel.Freed{
			Consignment: r.GetConsignmentId(), Cancelled: r.GetCancelled(), Lot: r.GetLotId(),
			Part: ledger.Amount{Containers: int64(r.GetContainers()), Weight: int64(r.GetWeight())},
		})
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(freed))
	for id, all := range freed {
		wg.Go(func() { errs <- s.fleet.Release(ctx, id, all) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return &vesselv1.ReleaseCapacityResponse{}, nil
}

// checkRelease says what is wrong with the i-th release.
func checkRelease(i int, r *vesselv1.CapacityRelease) error {
	if r.GetLotId() == "" {
		return nil
	}
	field := func(name string) string { return fmt.Sprintf("releases[%d].%s", i, name) }
	var wrong []*failure.Error
	if !r.GetCancelled() {
		wrong = append(wrong, failure.Invalid(field("lot_id"), "only a cancelled consignment gives back its part of a lot"))
	}
	if r.GetContainers() <= 0 {
		wrong = append(wrong, failure.Invalid(field("containers"), "must be above zero"))
	}
	if r.GetWeight() <= 0 {
		wrong = append(wrong, failure.Invalid(field("weight"), "must be above zero kilograms"))
	}
	return failure.All(wrong...)
}

func toProto(v vessel.Vessel) *vesselv1.Vessel {
	free := v.Free()
	return &vesselv1.Vessel{
		Id: v.ID, Capacity: v.Capacity, MaxWeight: v.MaxWeight, Name: v.Name, Available: v.Available, OwnerId: v.OwnerID,
		FreeCapacity: int32(free.Containers), FreeWeight: int32(free.Weight), //nolint:gosec // at most the capacity
		PendingHolds: int32(v.Room.Pending()), //nolint:gosec // bounded by what is in flight
		CreateTime:   timestamppb.New(v.CreateTime),
	}
}
