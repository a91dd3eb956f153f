package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
)

type shipping struct {
	consignmentv1.UnimplementedShippingServiceServer

	client  consignmentv1.ShippingServiceClient // in the name of the caller
	carrier consignmentv1.ShippingServiceClient // in the name of the gateway, with bookings of many callers
	create  *batch.Batcher[booking, *consignmentv1.CreateConsignmentResponse]

	stopping context.Context // see Config
}

// booking is one of those that share a call.
type booking struct {
	request *consignmentv1.CreateConsignmentRequest
	token   string // of its caller
	call    string // the x-request-id it came with
}

// result is what came of a booking.
type result = batch.Result[*consignmentv1.CreateConsignmentResponse]

func newShipping(cfg Config) *shipping {
	s := &shipping{client: consignmentv1.NewShippingServiceClient(cfg.passOn("consignment")), stopping: cfg.Stopping}
	s.carrier = s.client
	if !cfg.Insecure {
		s.carrier = consignmentv1.NewShippingServiceClient(auth.AsApp(cfg.Apps.App("consignment"), "consignment", cfg.Keys))
	}
	s.create = batch.New(batch.Config{Max: 256, InFlight: 4, Timeout: 20 * time.Second}, s.createMany)
	return s
}

// largest is how many bytes a booking has that shares a call with others: so many of them still
// make a message that sidecars and stores take. A larger one goes alone.
const largest = 16 << 10

func (s *shipping) CreateConsignment(ctx context.Context, req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
	identify(&req.RequestId)
	b := booking{request: req, token: auth.From(ctx).Token, call: request.ID(ctx)}
	if proto.Size(req) > largest {
		alone := s.createMany(ctx, []booking{b})[0]
		return alone.Answer, alone.Err
	}
	return s.create.Do(ctx, b)
}

func (s *shipping) createMany(ctx context.Context, bookings []booking) []result {
	if len(bookings) == 1 && bookings[0].call != "" {
		// The call of one booking has its id; a call of many would have to choose.
		ctx = metadata.NewIncomingContext(ctx, metadata.Pairs(request.Header, bookings[0].call))
	}
	resp, err := s.carrier.BatchCreateConsignments(ctx, together(bookings))
	if err != nil {
		return batch.Fail[*consignmentv1.CreateConsignmentResponse](len(bookings), blameGateway(err))
	}
	results := make([]result, len(resp.GetResults()))
	for i, r := range resp.GetResults() {
		results[i] = result{Answer: r.GetResponse(), Err: failure.FromProto(r.GetFailure())}
	}
	return results
}

// together puts bookings into one request that says whose each of them is.
func together(bookings []booking) *consignmentv1.BatchCreateConsignmentsRequest {
	req := &consignmentv1.BatchCreateConsignmentsRequest{Requests: make([]*consignmentv1.CreateConsignmentRequest, len(bookings))}
	places := make(map[string]int32)
	for i, b := range bookings {
		req.Requests[i] = b.request
		if b.token == "" {
			continue // nobody has a token then: the gateway is an insecure one
		}
		place, known := places[b.token]
		if !known {
			place = int32(len(places)) //nolint:gosec // a batch is of hundreds
			places[b.token] = place
			req.Tokens = append(req.Tokens, b.token)
		}
		req.Callers = append(req.Callers, place)
	}
	return req
}

// blameGateway keeps from a caller that the gateway was turned away: logging in again would not help.
func blameGateway(err error) error {
	if code := status.Code(err); code == codes.Unauthenticated || code == codes.PermissionDenied {
		return fmt.Errorf("the consignment service turned the gateway away: %w", err)
	}
	return err
}

func (s *shipping) BatchCreateConsignments(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	if len(req.GetTokens()) > 0 || len(req.GetCallers()) > 0 {
		return nil, failure.Invalid("tokens", "is for calls between services, as callers is: these bookings are yours")
	}
	for _, item := range req.GetRequests() {
		identify(&item.RequestId)
	}
	return s.client.BatchCreateConsignments(ctx, req)
}

func (s *shipping) GetConsignment(ctx context.Context, req *consignmentv1.GetConsignmentRequest) (*consignmentv1.GetConsignmentResponse, error) {
	return s.client.GetConsignment(ctx, req)
}

func (s *shipping) ListConsignments(ctx context.Context, req *consignmentv1.ListConsignmentsRequest) (*consignmentv1.ListConsignmentsResponse, error) {
	return s.client.ListConsignments(ctx, req)
}

func (s *shipping) CancelConsignment(ctx context.Context, req *consignmentv1.CancelConsignmentRequest) (*consignmentv1.CancelConsignmentResponse, error) {
	return s.client.CancelConsignment(ctx, req)
}
