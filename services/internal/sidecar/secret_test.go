package sidecar_test

import (
	"context"
	"net"
	"strings"
	"testing"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"seaport.example/services/internal/sidecar"
)

// vault is a sidecar that has secrets.
type vault struct {
	runtimev1.UnimplementedDaprServer

	secrets map[string]map[string]string
}

func (v *vault) GetSecret(_ context.Context, req *runtimev1.GetSecretRequest) (*runtimev1.GetSecretResponse, error) {
	data, ok := v.secrets[req.GetStoreName()+"/"+req.GetKey()]
	if !ok {
		return nil, status.Error(codes.Internal, "secret not found")
	}
	return &runtimev1.GetSecretResponse{Data: data}, nil
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	server := grpc.NewServer()
	runtimev1.RegisterDaprServer(server, &vault{secrets: map[string]map[string]string{
		"store/plain": {"plain": "p"}, "store/other-part": {"value": "v"}, "store/two-parts": {"a": "1", "b": "2"},
		"store/own-and-more": {"own-and-more": "o", "b": "2"}, "elsewhere/e": {"e": "x"},
	}})
	pipe := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(pipe) }()
	t.Cleanup(server.Stop)
	dapr, err := sidecar.Open("passthrough:///sidecar", "",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dapr.Close() })
	for name, want := range map[string]string{"plain": "p", "other-part": "v", "own-and-more": "o", "two-parts": "", "none": "", "e": ""} {
		got, err := dapr.Secrets("store").Get(t.Context(), name)
		if got != want || (err == nil) != (want != "") || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}
