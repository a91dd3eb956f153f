package sidecar_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar/sidecartest"
)

type pingStream = grpc.BidiStreamingServer[opsv1.PingPongRequest, opsv1.PingPongResponse]

// harbour is another app: the test says what it answers.
type harbour struct {
	opsv1.UnimplementedOpsServiceServer
	ping     func(ctx context.Context, req *opsv1.PingRequest) (*opsv1.PingResponse, error)
	pingPong func(stream pingStream) error
}

func (h harbour) Ping(ctx context.Context, req *opsv1.PingRequest) (*opsv1.PingResponse, error) {
	return h.ping(ctx, req)
}

func (h harbour) PingPong(stream pingStream) error { return h.pingPong(stream) }

func (h harbour) register(server grpc.ServiceRegistrar) { opsv1.RegisterOpsServiceServer(server, h) }

// seen returns what of the metadata matters.
func seen(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return fmt.Sprint(md.Get("dapr-app-id"), md.Get("dapr-stream"), md.Get("dapr-api-token"), md.Get("traceparent"), md.Get("authorization"))
}

// What the caller sends along is kept, and what the sidecar needs is added.
func TestMetadataOfCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ token, unary, stream string }{
		"with an API token": {"secret", "[harbour] [] [secret] [00-trace] [Bearer x]", "[harbour] [true] [secret] [00-trace] [Bearer x]"},
		"without":           {"", "[harbour] [] [] [00-trace] [Bearer x]", "[harbour] [true] [] [00-trace] [Bearer x]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			fake.App(t, "harbour", harbour{
				ping: func(ctx context.Context, req *opsv1.PingRequest) (*opsv1.PingResponse, error) {
					return &opsv1.PingResponse{AppId: seen(ctx), Sequence: req.GetSequence()}, nil
				},
				pingPong: func(stream pingStream) error {
					for {
						req, err := stream.Recv()
						if err != nil {
							return nil //nolint:nilerr // the caller is done
						}
						if err := stream.Send(&opsv1.PingPongResponse{AppId: seen(stream.Context()), Stroke: req.GetStroke()}); err != nil {
							return err
						}
					}
				},
			}.register)
			client := opsv1.NewOpsServiceClient(fake.SidecarWithToken(t, c.token).App("harbour"))
			ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-trace", "authorization", "Bearer x")

			answer, err := client.Ping(ctx, &opsv1.PingRequest{Sequence: 7})
			if err != nil || answer.GetSequence() != 7 || answer.GetAppId() != c.unary {
				t.Errorf("Ping = %v, %v, want it to have %s", answer, err, c.unary)
			}
			stream, err := client.PingPong(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for n := range int64(3) {
				if err := stream.Send(&opsv1.PingPongRequest{Stroke: n}); err != nil {
					t.Fatal(err)
				}
				if answer, err := stream.Recv(); err != nil || answer.GetStroke() != n || answer.GetAppId() != c.stream {
					t.Fatalf("stroke %d: %v, %v, want it to have %s", n, answer, err, c.stream)
				}
			}
			if err := stream.CloseSend(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What the other service says passes; what those in between say becomes UNAVAILABLE, since what
// became of the call is not known.
func TestErrorsOfCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer error
		code   codes.Code
		passes bool
	}{
		"wrong field":               {failure.Invalid("origin", "must not be empty"), codes.InvalidArgument, true},
		"short":                     {failure.Short(failure.ShortOfWeight, "weight", "too heavy"), codes.FailedPrecondition, true},
		"not found":                 {failure.NotFound("id", "none"), codes.NotFound, true},
		"its own internal error":    {status.Error(codes.Internal, failure.InternalMessage), codes.Internal, true},
		"the sidecar's":             {status.Error(codes.Internal, "failed to invoke 10.0.0.7:3500"), codes.Unavailable, false},
		"unknown to the sidecar":    {status.Error(codes.Unknown, "no address"), codes.Unavailable, false},
		"the service is going away": {status.Error(codes.Unavailable, "transport is closing"), codes.Unavailable, false},
		"too late":                  {status.Error(codes.DeadlineExceeded, "late"), codes.DeadlineExceeded, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			fake.App(t, "harbour", harbour{
				ping:     func(context.Context, *opsv1.PingRequest) (*opsv1.PingResponse, error) { return nil, c.answer },
				pingPong: func(pingStream) error { return c.answer },
			}.register)
			client := opsv1.NewOpsServiceClient(fake.Sidecar(t).App("harbour"))
			_, err := client.Ping(t.Context(), &opsv1.PingRequest{})
			stream, streamErr := client.PingPong(t.Context())
			if streamErr == nil {
				_, streamErr = stream.Recv()
			}
			if status.Code(streamErr) != status.Code(err) || status.Convert(streamErr).Message() != status.Convert(err).Message() {
				t.Errorf("a stream ends with %v, a call with %v", streamErr, err)
			}
			got := failure.From(err)
			if got.Code() != c.code {
				t.Fatalf("got %v, want %v", err, c.code)
			}
			if want := failure.From(c.answer); c.passes && (status.Convert(err).Message() != status.Convert(c.answer).Message() || !slices.Equal(got.Violations(), want.Violations())) {
				t.Errorf("got %v with %v, want it as it was: %v", got, got.Violations(), want.Violations())
			}
			if public := got.GRPCStatus().Message(); !c.passes && (strings.Contains(public, "10.0") || !strings.Contains(public, "harbour")) {
				t.Errorf("the caller reads %q: it must name the service and no address", public)
			}
		})
	}
}

func TestCallOfAnAppThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := opsv1.NewOpsServiceClient(sidecartest.New().Sidecar(t).App("nobody")).Ping(t.Context(), &opsv1.PingRequest{})
	if e, ok := errors.AsType[*failure.Error](err); !ok || e.Code() != codes.Unavailable || !strings.Contains(e.GRPCStatus().Message(), "nobody") {
		t.Errorf("got %v, want UNAVAILABLE that names it", err)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	s := fake.Sidecar(t)
	remove := fake.Inject(sidecartest.Fault{Op: sidecartest.Metadata, Before: sidecartest.Away})
	if s.Ready(t.Context()) == nil {
		t.Error("ready while it is away")
	}
	remove()
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
