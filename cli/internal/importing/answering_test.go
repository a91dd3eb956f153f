package importing

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// answering is a client whose server answers with one result, whatever it was sent.
type answering struct {
	consignmentv1.ShippingServiceClient

	result *consignmentv1.ImportResult
}

func (a answering) ImportConsignments(ctx context.Context, opts ...grpc.CallOption) (consignmentv1.ShippingService_ImportConsignmentsClient, error) {
	stream, err := a.ShippingServiceClient.ImportConsignments(ctx, opts...)
	return answeringStream{stream, a.result}, err
}

type answeringStream struct {
	consignmentv1.ShippingService_ImportConsignmentsClient

	result *consignmentv1.ImportResult
}

func (s answeringStream) Recv() (*consignmentv1.ImportConsignmentsResponse, error) {
	if _, err := s.ShippingService_ImportConsignmentsClient.Recv(); err != nil {
		return nil, err
	}
	return &consignmentv1.ImportConsignmentsResponse{Results: []*consignmentv1.ImportResult{s.result}}, nil
}

// shut is a client that finds no server, and is interrupted meanwhile.
type shut struct {
	consignmentv1.ShippingServiceClient

	interrupt func()
}

func (s shut) ImportConsignments(ctx context.Context, _ ...grpc.CallOption) (consignmentv1.ShippingService_ImportConsignmentsClient, error) {
	s.interrupt()
	<-ctx.Done()
	return nil, status.FromContextError(ctx.Err()).Err()
}
