// Package sidecartest is a sidecar for tests: Dapr's gRPC API in memory, as far as package sidecar
// uses it, with faults to order. It is made of Dapr's own protobuf: the SDK has no server for that side of it. What it promises is in [TestState], which the real sidecar passes
// too.
package sidecartest

import (
	"context"
	"net"
	"sync"
	"testing"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"seaport.example/services/internal/sidecar"
)

// The components a [Fake] has. Others it does not know, as a real sidecar would not.
const (
	StateStore = "statestore"
	PubSub     = "pubsub"
)

// Fake is the sidecars of one app's replicas, with the state store and the broker behind them, and
// the other apps they reach. Use [New].
type Fake struct {
	mu       sync.Mutex
	rows     map[string]row
	version  int
	faults   []*fault
	counts   map[Op]int
	messages []Message
	apps     map[string]*grpc.ClientConn

	bindings   map[string]func(Delivery) ([]byte, map[string]string, error)
	deliveries []Delivery
}

// New returns a fake that has stored and published nothing. It ends with the test, and may be
// used in a bubble of testing/synctest.
func New() *Fake {
	return &Fake{
		rows: make(map[string]row), counts: make(map[Op]int), apps: make(map[string]*grpc.ClientConn),
		bindings: make(map[string]func(Delivery) ([]byte, map[string]string, error)),
	}
}

// Sidecar returns the connection of one more replica to its own sidecar.
func (f *Fake) Sidecar(t testing.TB) *sidecar.Sidecar {
	t.Helper()
	return f.SidecarWithToken(t, "")
}

// SidecarWithToken is [Fake.Sidecar] for a replica that shows an API token.
func (f *Fake) SidecarWithToken(t testing.TB, token string) *sidecar.Sidecar {
	t.Helper()
	d := &daprd{Fake: f}
	dial := serve(t, func(server grpc.ServiceRegistrar) { runtimev1.RegisterDaprServer(server, d) },
		grpc.UnknownServiceHandler(d.proxy))
	s, err := sidecar.Open("passthrough:///fake", token, dial)
	if err != nil {
		t.Fatal(err)
	}
	d.of = s
	t.Cleanup(func() { s.Close() })
	return s
}

// State returns the state store as one more replica sees it.
func (f *Fake) State(t testing.TB) *sidecar.State {
	t.Helper()
	return f.Sidecar(t).State(StateStore)
}

// App makes an app reachable by its app-id.
func (f *Fake) App(t testing.TB, appID string, register func(grpc.ServiceRegistrar), opts ...grpc.ServerOption) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///app", serve(t, register, opts...),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apps[appID] = conn
}

// daprd is one replica's sidecar.
type daprd struct {
	runtimev1.UnimplementedDaprServer
	*Fake

	of *sidecar.Sidecar // who uses it
}

// serve runs a server in memory until the test ends, and returns how to reach it.
func serve(t testing.TB, register func(grpc.ServiceRegistrar), opts ...grpc.ServerOption) grpc.DialOption {
	listener := bufconn.Listen(256 << 10)
	server := grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(16<<20))...)
	register(server)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
}

// GetMetadata says that the sidecar answers.
func (d *daprd) GetMetadata(ctx context.Context, _ *runtimev1.GetMetadataRequest) (*runtimev1.GetMetadataResponse, error) {
	resp := &runtimev1.GetMetadataResponse{}
	return resp, d.do(ctx, Metadata, nil, func() error { return nil })
}
