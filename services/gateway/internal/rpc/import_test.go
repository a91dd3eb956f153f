package rpc_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/gateway/internal/rpc"
	"seaport.example/services/internal/failure"
)

// importer is a ShippingService that takes imports.
type importer struct {
	consignmentv1.UnimplementedShippingServiceServer

	take func(stream consignmentv1.ShippingService_ImportConsignmentsServer) error
}

func (i *importer) ImportConsignments(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
	return i.take(stream)
}

// importing is an import through a gateway in front of such a service. The gateway stops with ctx.
func importing(ctx context.Context, t *testing.T, take func(consignmentv1.ShippingService_ImportConsignmentsServer) error) consignmentv1.ShippingService_ImportConsignmentsClient {
	t.Helper()
	behind := apps{"consignment": listen(t, func(s *grpc.Server) {
		consignmentv1.RegisterShippingServiceServer(s, &importer{take: take})
	})}
	for _, app := range append(rpc.Behind, "gateway") {
		behind[app] = behind["consignment"]
	}
	c := consignmentv1.NewShippingServiceClient(listen(t, func(s *grpc.Server) { rpc.Register(s, rpc.Config{Apps: behind, Insecure: true, Stopping: ctx}) }))
	stream, err := c.ImportConsignments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func lineOf(number int64) *consignmentv1.ImportConsignmentsRequest {
	return &consignmentv1.ImportConsignmentsRequest{ImportId: "i", Lines: []*consignmentv1.ImportLine{{Number: number}}}
}

// resultsOf answers every line of a message.
func resultsOf(req *consignmentv1.ImportConsignmentsRequest) *consignmentv1.ImportConsignmentsResponse {
	resp := &consignmentv1.ImportConsignmentsResponse{}
	for _, line := range req.GetLines() {
		resp.Results = append(resp.Results, &consignmentv1.ImportResult{Number: line.GetNumber()})
	}
	return resp
}

func TestImportIsPassedOn(t *testing.T) {
	t.Parallel()
	stream := importing(t.Context(), t, func(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
		for {
			req, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if req.GetImportId() != "i" || req.GetLines()[0].GetOrder() != nil {
				return failure.Invalid("lines", "came as %v", req)
			}
			if err := stream.Send(resultsOf(req)); err != nil {
				return err
			}
		}
	})
	for n := range int64(5) {
		if err := stream.Send(lineOf(n)); err != nil {
			t.Fatal(err)
		}
		if resp, err := stream.Recv(); err != nil || len(resp.GetResults()) != 1 || resp.GetResults()[0].GetNumber() != n {
			t.Fatalf("line %d: %v, %v", n, resp, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last result: %v, want the end", err)
	}
}

// What came before an error still comes, then the error.
func TestImportEndsWithItsError(t *testing.T) {
	t.Parallel()
	stream := importing(t.Context(), t, func(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := stream.Send(resultsOf(req)); err != nil {
			return err
		}
		return failure.Invalid("lines[0].number", "must be above 7")
	})
	if err := stream.Send(lineOf(7)); err != nil {
		t.Fatal(err)
	}
	if resp, err := stream.Recv(); err != nil || resp.GetResults()[0].GetNumber() != 7 {
		t.Errorf("the result: %v, %v", resp, err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument || len(status.Convert(err).Details()) != 1 {
		t.Errorf("the end: %v, want INVALID_ARGUMENT with its field", err)
	}
}

// A gateway that stops ends its imports, and says what to do; so the service does not go on with them.
func TestImportEndsWithTheGateway(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	left := make(chan error, 1)
	stream := importing(ctx, t, func(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
		if req, err := stream.Recv(); err != nil || stream.Send(resultsOf(req)) != nil {
			return err
		}
		_, err := stream.Recv()
		left <- err
		return err
	})
	if err := stream.Send(lineOf(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "without a result") {
		t.Errorf("the caller got %v, want UNAVAILABLE", err)
	}
	if err := <-left; status.Code(err) != codes.Canceled {
		t.Errorf("the service got %v, want CANCELLED", err)
	}
}
