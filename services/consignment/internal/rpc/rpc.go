// Package rpc translates between the consignment service's contract and its domain.
package rpc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/failure"
)

// maxBatch is how many items a batch may have.
const maxBatch = 1000

// Server is the ShippingService.
type Server struct {
	consignmentv1.UnimplementedShippingServiceServer

	bookings *consignment.Bookings
}

// Register puts the service on a server.
func Register(server grpc.ServiceRegistrar, bookings *consignment.Bookings) {
	consignmentv1.RegisterShippingServiceServer(server, &Server{bookings: bookings})
}

// CreateConsignment implements the contract.
func (s *Server) CreateConsignment(ctx context.Context, req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
	c, err := s.bookings.Create(ctx, orderOf(req))
	if err != nil {
		return nil, err
	}
	return &consignmentv1.CreateConsignmentResponse{Created: true, Consignment: toProto(&c)}, nil
}

// BatchCreateConsignments implements the contract. The bookings run side by side; what they have
// in common on their way is batched below.
func (s *Server) BatchCreateConsignments(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	if len(req.GetRequests()) > maxBatch {
		return nil, failure.Invalid("requests", "at most %d in one call", maxBatch)
	}
	resp := &consignmentv1.BatchCreateConsignmentsResponse{Results: make([]*consignmentv1.CreateConsignmentResult, len(req.GetRequests()))}
	var wg sync.WaitGroup
	for i, item := range req.GetRequests() {
		wg.Go(func() {
			created, err := s.CreateConsignment(ctx, item)
			if err != nil {
				resp.Results[i] = &consignmentv1.CreateConsignmentResult{Result: &consignmentv1.CreateConsignmentResult_Failure{Failure: failure.ToProto(err)}}
				return
			}
			resp.Results[i] = &consignmentv1.CreateConsignmentResult{Result: &consignmentv1.CreateConsignmentResult_Response{Response: created}}
		})
	}
	wg.Wait()
	return resp, nil
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
