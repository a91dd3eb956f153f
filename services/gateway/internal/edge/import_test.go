package edge_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// ImportConsignments begins, and takes no line.
func (s *shipping) ImportConsignments(stream grpc.BidiStreamingServer[consignmentv1.ImportConsignmentsRequest, consignmentv1.ImportConsignmentsResponse]) error {
	if err := stream.Send(&consignmentv1.ImportConsignmentsResponse{}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// begin begins an import.
func begin(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := consignmentv1.NewShippingServiceClient(conn).ImportConsignments(ctx)
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

// A caller may have so many imports at once; watches are not counted among them.
func TestManyImports(t *testing.T) {
	t.Parallel()
	p := open(t)
	conn := p.dial(t, "authorization", p.customer(t))
	if _, err := watch(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	var leave context.CancelFunc
	for range 4 {
		var ctx context.Context
		ctx, leave = context.WithCancel(t.Context())
		defer leave()
		if err := begin(ctx, conn); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin(t.Context(), conn); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "4 imports") {
		t.Errorf("one more: %v, want RESOURCE_EXHAUSTED", err)
	}
	leave()
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := begin(t.Context(), conn)
		if err == nil {
			break
		}
		if status.Code(err) != codes.ResourceExhausted || time.Now().After(deadline) {
			t.Fatalf("after one has ended: %v", err)
		}
	}
}
