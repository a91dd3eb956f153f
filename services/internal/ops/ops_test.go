package ops_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/ops"
)

func client(t *testing.T) opsv1.OpsServiceClient {
	t.Helper()
	return clientOf(t, ops.Config{App: "vessel"})
}

// clientOf calls the ops service as the operator u1.
func clientOf(t *testing.T, cfg ops.Config) opsv1.OpsServiceClient {
	t.Helper()
	server := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		return handle(auth.With(ctx, auth.Caller{User: "u1", Roles: []auth.Role{auth.Operator}}), req)
	}))
	ops.Register(server, cfg)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return opsv1.NewOpsServiceClient(conn)
}

func TestPing(t *testing.T) {
	t.Parallel()
	began := time.Now()
	got, err := client(t).Ping(t.Context(), &opsv1.PingRequest{Sequence: 7})
	if at := got.GetAnswerTime().AsTime(); err != nil || got.GetAppId() != "vessel" || got.GetSequence() != 7 || at.Before(began) || at.After(time.Now()) {
		t.Errorf("Ping = %v, %v", got, err)
	}
}

// Strokes come back one by one, and also when many are under way.
func TestPingPong(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int64{1, 50} {
		stream, err := client(t).PingPong(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for first := int64(0); first < 100; first += ahead {
			for stroke := first; stroke < first+ahead; stroke++ {
				if err := stream.Send(&opsv1.PingPongRequest{Stroke: stroke}); err != nil {
					t.Fatal(err)
				}
			}
			for stroke := first; stroke < first+ahead; stroke++ {
				if got, err := stream.Recv(); err != nil || got.GetAppId() != "vessel" || got.GetStroke() != stroke {
					t.Fatalf("stroke %d came back as %v, %v", stroke, got, err)
				}
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if got, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v, %v", got, err)
		}
	}
}

func TestPingPongEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client(t).PingPong(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("Recv = %v", err)
	}
}
