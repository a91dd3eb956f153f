// Package rpc translates between the consignment service's contract and its domain.
package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/failure"
)

// maxBatch is how many items a batch may have.
const maxBatch = 1000

// Server is the ShippingService.
type Server struct {
	consignmentv1.UnimplementedShippingServiceServer

	bookings *consignment.Bookings
	create   *batch.Batcher[*consignmentv1.CreateConsignmentRequest, *consignmentv1.CreateConsignmentResponse]
}

// Register puts the service on a server.
func Register(server grpc.ServiceRegistrar, bookings *consignment.Bookings) {
	s := &Server{bookings: bookings}
	s.create = batch.New(batch.Config{Max: 128, InFlight: 4, Timeout: 20 * time.Second}, s.createMany)
	consignmentv1.RegisterShippingServiceServer(server, s)
}

// CreateConsignment implements the contract.
func (s *Server) CreateConsignment(ctx context.Context, req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
	return s.create.Do(ctx, req)
}

// BatchCreateConsignments implements the contract.
func (s *Server) BatchCreateConsignments(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	if len(req.GetRequests()) > maxBatch {
		return nil, failure.Invalid("requests", "at most %d in one call", maxBatch)
	}
	resp := &consignmentv1.BatchCreateConsignmentsResponse{Results: make([]*consignmentv1.CreateConsignmentResult, len(req.GetRequests()))}
	for i, r := range s.createMany(ctx, req.GetRequests()) {
		if r.Err != nil {
			resp.Results[i] = &consignmentv1.CreateConsignmentResult{Result: &consignmentv1.CreateConsignmentResult_Failure{Failure: failure.ToProto(r.Err)}}
			continue
		}
		resp.Results[i] = &consignmentv1.CreateConsignmentResult{Result: &consignmentv1.CreateConsignmentResult_Response{Response: r.Answer}}
	}
	return resp, nil
}

func (s *Server) createMany(ctx context.Context, requests []*consignmentv1.CreateConsignmentRequest) []batch.Result[*consignmentv1.CreateConsignmentResponse] {
	orders := make([]consignment.Order, len(requests))
	for i, req := range requests {
		orders[i] = orderOf(req)
	}
	results := make([]batch.Result[*consignmentv1.CreateConsignmentResponse], len(requests))
	for i, r := range s.bookings.Create(ctx, orders) {
		results[i].Err = r.Err
		if r.Err == nil {
			results[i].Answer = &consignmentv1.CreateConsignmentResponse{Created: true, Consignment: toProto(&r.Consignment)}
		}
	}
	return results
}

// GetConsignment implements the contract.
func (s *Server) GetConsignment(ctx context.Context, req *consignmentv1.GetConsignmentRequest) (*consignmentv1.GetConsignmentResponse, error) {
	c, err := s.bookings.Get(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &consignmentv1.GetConsignmentResponse{Consignment: toProto(&c)}, nil
}

// ListConsignments implements the contract.
func (s *Server) ListConsignments(ctx context.Context, req *consignmentv1.ListConsignmentsRequest) (*consignmentv1.ListConsignmentsResponse, error) {
	page, next, err := s.bookings.Page(ctx, req.GetCustomerId(), req.GetPageSize(), req.GetPageToken())
	if err != nil {
		return nil, err
	}
	resp := &consignmentv1.ListConsignmentsResponse{NextPageToken: next}
	for i := range page {
		resp.Consignments = append(resp.Consignments, toProto(&page[i]))
	}
	return resp, nil
}

// CancelConsignment implements the contract.
func (s *Server) CancelConsignment(ctx context.Context, req *consignmentv1.CancelConsignmentRequest) (*consignmentv1.CancelConsignmentResponse, error) {
	c, err := s.bookings.Cancel(ctx, req.GetId(), req.GetReason())
	if err != nil {
		return nil, err
	}
	return &consignmentv1.CancelConsignmentResponse{Consignment: toProto(&c)}, nil
}

func orderOf(req *consignmentv1.CreateConsignmentRequest) consignment.Order {
	order := consignment.Order{
		Customer: req.GetCustomerId(), Description: req.GetDescription(), Weight: req.GetWeight(),
		Wished: req.GetVesselId(), RequestID: req.GetRequestId(),
		Containers: make([]consignment.Container, len(req.GetContainers())),
	}
	for i, c := range req.GetContainers() {
		order.Containers[i] = consignment.Container{ID: c.GetId(), Customer: c.GetCustomerId(), Origin: c.GetOrigin(), User: c.GetUserId()}
	}
	return order
}

var statuses = map[consignment.Status]consignmentv1.ConsignmentStatus{
	consignment.Booked:    consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED,
	consignment.Cancelled: consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED,
}

func toProto(c *consignment.Consignment) *consignmentv1.Consignment {
	out := &consignmentv1.Consignment{
		Id: c.ID, Description: c.Description, Weight: c.Weight, VesselId: c.Vessel, CustomerId: c.Customer,
		Status: statuses[c.Status], StatusReason: c.StatusReason,
		CreateTime: timestamppb.New(c.CreateTime), UpdateTime: timestamppb.New(c.UpdateTime),
		Containers: make([]*consignmentv1.Container, len(c.Containers)),
	}
	for i, container := range c.Containers {
		out.Containers[i] = &consignmentv1.Container{Id: container.ID, CustomerId: container.Customer, Origin: container.Origin, UserId: container.User}
	}
	return out
}
