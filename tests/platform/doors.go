package platform

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

const maxAnswer = 64 << 20 // bytes

// Client is the gRPC door.
type Client struct {
	consignmentv1.ShippingServiceClient
	vesselv1.VesselServiceClient
	inventoryv1.InventoryServiceClient
	opsv1.OpsServiceClient

	Users  userv1.UserServiceClient
	Emails notificationv1.NotificationServiceClient
	Conn   *grpc.ClientConn
}

// Client connects to the gateway as the operator.
func (p *Platform) Client(t testing.TB) *Client {
	t.Helper()
	return p.usual(t).Client(t)
}

// Client connects to the gateway.
func (c Caller) Client(t testing.TB) *Client {
	t.Helper()
	return c.dial(t, c.platform.Address(), nil)
}

// Beside connects to an app through the sidecar of another, as its neighbours do.
func (p *Platform) Beside(t testing.TB, sidecar, app string) *Client {
	t.Helper()
	return p.usual(t).Beside(t, sidecar, app)
}

// Beside is [Platform.Beside] as this caller.
func (c Caller) Beside(t testing.TB, sidecar, app string) *Client {
	t.Helper()
	tokens := c.platform.APITokens(t, strings.TrimSuffix(sidecar, ".daprd"))
	return c.dial(t, c.platform.Port(t, sidecar, "grpc"), map[string]string{"dapr-app-id": app, "dapr-api-token": tokens.Sidecar})
}

// Straight connects to the app port of a process, as its sidecar does.
func (c Caller) Straight(t testing.TB, app string) *Client {
	t.Helper()
	return c.dial(t, c.platform.Port(t, app, "app"), map[string]string{"dapr-api-token": c.platform.APITokens(t, app).App})
}

// Port returns the address of a port of a process: "app", or a sidecar's "grpc", "http" or
// "internal".
func (p *Platform) Port(t testing.TB, process, port string) string {
	t.Helper()
	found, ok := p.Record(t).Process(process)
	if !ok || found.Ports[port] == 0 {
		t.Fatalf("there is no port %q of a process %q", port, process)
	}
	return "127.0.0.1:" + itoa(found.Ports[port])
}

// dial connects as the caller, with metadata that every call carries.
func (c Caller) dial(t testing.TB, target string, always map[string]string) *Client {
	t.Helper()
	c.Token(t) // if it cannot be had, that is said here, not by each call
	client, err := c.platform.connect(target, c.token, always)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Dial connects to an address with metadata that every call carries, and nothing else.
func (p *Platform) Dial(t testing.TB, target string, always map[string]string) *Client {
	t.Helper()
	return p.Nobody().dial(t, target, always)
}

func (p *Platform) connect(target string, token tokens, always map[string]string) (*Client, error) {
	var pairs []string
	for key, value := range always {
		pairs = append(pairs, key, value)
	}
	conn, err := grpc.NewClient(target,
		grpc.WithPerRPCCredentials(token),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(metadata.AppendToOutgoingContext(ctx, pairs...), method, req, reply, conn, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(metadata.AppendToOutgoingContext(ctx, pairs...), desc, conn, method, opts...)
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(maxAnswer)),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second, // on a busy machine a handshake takes longer than a pause
		}))
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.conns = append(p.conns, conn)
	p.mu.Unlock()
	return &Client{
		ShippingServiceClient:  consignmentv1.NewShippingServiceClient(conn),
		VesselServiceClient:    vesselv1.NewVesselServiceClient(conn),
		InventoryServiceClient: inventoryv1.NewInventoryServiceClient(conn),
		OpsServiceClient:       opsv1.NewOpsServiceClient(conn),
		Users:                  userv1.NewUserServiceClient(conn),
		Emails:                 notificationv1.NewNotificationServiceClient(conn),
		Conn:                   conn,
	}, nil
}

// Answer is what REST answered.
type Answer struct {
	Status int
	Type   string // the media type
	Header http.Header
	Body   []byte
}

// REST sends a request to the gateway as the operator.
func (p *Platform) REST(t testing.TB, method, path string, body []byte) Answer {
	t.Helper()
	return p.usual(t).REST(t, method, path, body)
}

// REST sends a request to the gateway. Headers are "Name: value"; one may be there twice.
func (c Caller) REST(t testing.TB, method, path string, body []byte, headers ...string) Answer {
	t.Helper()
	if token := c.Token(t); token != "" {
		headers = append([]string{"Authorization: Bearer " + token}, headers...)
	}
	return HTTP(t, method, c.platform.URL()+path, body, headers...)
}

// HTTP sends a request and reads the answer to its end.
func HTTP(t testing.TB, method, url string, body []byte, headers ...string) Answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: reading the answer: %v", method, url, err)
	}
	return Answer{response.StatusCode, response.Header.Get("Content-Type"), response.Header, content}
}
