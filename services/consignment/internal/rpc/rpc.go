// Package rpc translates between the consignment service's contract and its domain.
package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/normalize"
)

// maxBatch is how many items a batch may have.
const maxBatch = 1000

// Server is the ShippingService.
type Server struct {
	consignmentv1.UnimplementedShippingServiceServer

	bookings *consignment.Bookings
	watches  *consignment.Watches
	doorman  Doorman
	stopping <-chan struct{}
	create   *batch.Batcher[consignment.Order, *consignmentv1.CreateConsignmentResponse]
}

// Doorman tells who the caller of one item of a batch is, if it may call the method.
type Doorman interface {
	Check(token, method string) (auth.Caller, error)
}

// Register puts the service on a server. Imports end when stopping is closed.
func Register(server grpc.ServiceRegistrar, bookings *consignment.Bookings, watches *consignment.Watches, doorman Doorman, stopping <-chan struct{}) {
	s := &Server{bookings: bookings, watches: watches, doorman: doorman, stopping: stopping}
	s.create = batch.New(batch.Config{Max: 128, InFlight: 4, Timeout: 20 * time.Second}, s.createMany)
	consignmentv1.RegisterShippingServiceServer(server, s)
}

// CreateConsignment implements the contract.
func (s *Server) CreateConsignment(ctx context.Context, req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
	order, err := orderOf(req, auth.From(ctx))
	if err != nil {
		return nil, err
	}
	return s.create.Do(ctx, order)
}

// BatchCreateConsignments implements the contract.
func (s *Server) BatchCreateConsignments(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	if len(req.GetRequests()) > maxBatch {
		return nil, failure.Invalid("requests", "at most %d in one call", maxBatch)
	}
	callers, err := s.callers(ctx, req)
	if err != nil {
		return nil, err
	}
	resp := &consignmentv1.BatchCreateConsignmentsResponse{Results: make([]*consignmentv1.CreateConsignmentResult, len(req.GetRequests()))}
	var orders []consignment.Order
	var from []int // the request an order is from
	for i, item := range req.GetRequests() {
		order, err := consignment.Order{}, callers[i].err
		if err == nil {
			order, err = orderOf(item, callers[i].Caller)
		}
		if err != nil {
			resp.Results[i] = refused(err)
			continue
		}
		orders, from = append(orders, order), append(from, i)
	}
	for n, r := range s.createMany(ctx, orders) {
		if r.Err != nil {
			resp.Results[from[n]] = refused(r.Err)
			continue
		}
		resp.Results[from[n]] = &consignmentv1.CreateConsignmentResult{Result: &consignmentv1.CreateConsignmentResult_Response{Response: r.Answer}}
	}
	return resp, nil
}

func refused(err error) *consignmentv1.CreateConsignmentResult {
	return &consignmentv1.CreateConsignmentResult{Result: &consignmentv1.CreateConsignmentResult_Failure{Failure: failure.ToProto(err)}}
}

// caller is who wants one item of a batch, or why it may not.
type caller struct {
	auth.Caller

	err error
}

// callers returns the caller of each request: whoever calls, unless that is the gateway, which shows
// the token of each.
func (s *Server) callers(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) ([]caller, error) {
	all := make([]caller, len(req.GetRequests()))
	calling := auth.From(ctx)
	if calling.App == "" {
		if len(req.GetTokens())+len(req.GetCallers()) > 0 {
			return nil, failure.Invalid("tokens", "is for the gateway alone")
		}
		for i := range all {
			all[i].Caller = calling
		}
		return all, nil
	}
	if len(req.GetCallers()) != len(all) {
		return nil, failure.Invalid("callers", "must name the caller of each of %d requests, not %d", len(all), len(req.GetCallers()))
	}
	shown := make([]caller, len(req.GetTokens()))
	for i, token := range req.GetTokens() {
		shown[i].Caller, shown[i].err = s.doorman.Check(token, consignmentv1.ShippingService_CreateConsignment_FullMethodName)
	}
	for i, n := range req.GetCallers() {
		if n < 0 || int(n) >= len(shown) {
			return nil, failure.Invalid(fmt.Sprintf("callers[%d]", i), "there is no token %d", n)
		}
		all[i] = shown[n]
	}
	return all, nil
}

func (s *Server) createMany(ctx context.Context, orders []consignment.Order) []batch.Result[*consignmentv1.CreateConsignmentResponse] {
	results := make([]batch.Result[*consignmentv1.CreateConsignmentResponse], len(orders))
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
	c, err := s.bookings.Get(ctx, auth.Owner(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	return &consignmentv1.GetConsignmentResponse{Consignment: toProto(&c)}, nil
}

// ListConsignments implements the contract.
func (s *Server) ListConsignments(ctx context.Context, req *consignmentv1.ListConsignmentsRequest) (*consignmentv1.ListConsignmentsResponse, error) {
	customer, err := customerOf(ctx, req.GetCustomerId())
	if err != nil {
		return nil, err
	}
	page, next, err := s.bookings.Page(ctx, customer, req.GetPageSize(), req.GetPageToken())
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
	c, err := s.bookings.Cancel(ctx, auth.Owner(ctx), req.GetId(), req.GetReason())
	if err != nil {
		return nil, err
	}
	return &consignmentv1.CancelConsignmentResponse{Consignment: toProto(&c)}, nil
}

// customerOf returns whose consignments the caller sees who asks for those of a customer, or of all for "".
func customerOf(ctx context.Context, asked string) (string, error) {
	owner := auth.Owner(ctx)
	if owner == "" {
		return asked, nil
	}
	return owner, ownOnly(owner, asked)
}

// ownOnly refuses a customer_id that is not the owner's.
func ownOnly(owner, customer string) error {
	if customer != "" && normalize.Name(customer) != owner {
		return failure.DeniedField("customer_id", "must be your own, %s, or empty", owner)
	}
	return nil
}

// orderOf returns what the caller orders: for itself, unless it may order for others and says whom.
func orderOf(req *consignmentv1.CreateConsignmentRequest, by auth.Caller) (consignment.Order, error) {
	if owner := by.Owner(); owner != "" {
		if err := ownOnly(owner, req.GetCustomerId()); err != nil {
			return consignment.Order{}, err
		}
	}
	order := consignment.Order{
		Customer: req.GetCustomerId(), Description: req.GetDescription(), Weight: req.GetWeight(),
		Wished: req.GetVesselId(), RequestID: req.GetRequestId(),
		Containers: make([]consignment.Container, len(req.GetContainers())),
	}
	for i, c := range req.GetContainers() {
		order.Containers[i] = consignment.Container{ID: c.GetId(), Customer: c.GetCustomerId(), Origin: c.GetOrigin(), User: c.GetUserId()}
	}
	if order.Customer == "" {
		order.Customer = by.User
	}
	return order, nil
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
