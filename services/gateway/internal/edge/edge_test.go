package edge_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
)

// shipping notes with what it is called.
type shipping struct {
	consignmentv1.UnimplementedShippingServiceServer

	mu     sync.Mutex
	with   []metadata.MD
	booked []*consignmentv1.CreateConsignmentRequest
}

func (s *shipping) note(ctx context.Context, bookings ...*consignmentv1.CreateConsignmentRequest) {
	with, _ := metadata.FromIncomingContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.with, s.booked = append(s.with, with), append(s.booked, bookings...)
}

func (s *shipping) GetConsignment(ctx context.Context, req *consignmentv1.GetConsignmentRequest) (*consignmentv1.GetConsignmentResponse, error) {
	s.note(ctx)
	if req.GetId() == "gone" {
		return nil, failure.NotFound("id", "there is no consignment gone")
	}
	return &consignmentv1.GetConsignmentResponse{Consignment: &consignmentv1.Consignment{Id: req.GetId()}}, nil
}

func (s *shipping) BatchCreateConsignments(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	s.note(ctx, req.GetRequests()...)
	resp := &consignmentv1.BatchCreateConsignmentsResponse{}
	for range req.GetRequests() {
		resp.Results = append(resp.Results, &consignmentv1.CreateConsignmentResult{})
	}
	return resp, nil
}

// users counts log-ins and sign-ups.
type users struct {
	userv1.UnimplementedUserServiceServer

	logIns, signUps atomic.Int32
}

func (u *users) Auth(context.Context, *userv1.AuthRequest) (*userv1.AuthResponse, error) {
	u.logIns.Add(1)
	return nil, failure.Unauthenticated("the address or the password is wrong")
}

func (u *users) Create(context.Context, *userv1.CreateRequest) (*userv1.CreateResponse, error) {
	u.signUps.Add(1)
	return &userv1.CreateResponse{}, nil
}

// port is an open public port in front of a sidecar that has all services.
type port struct {
	address   string
	authority *authtest.Authority
	checks    *health.Server // of the services
	shipping  *shipping
	users     *users
	stop      func() error
}

func open(t *testing.T, change ...func(*edge.Config)) *port {
	t.Helper()
	p := &port{address: free(t), authority: authtest.New(t, "gateway"), checks: health.NewServer(), shipping: &shipping{}, users: &users{}}
	// The sidecar's own calls are answered with an empty message, which is enough to be ready.
	behind := grpc.NewServer(grpc.MaxRecvMsgSize(16<<20), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
			return err
		}
		return stream.SendMsg(&emptypb.Empty{})
	}))
	consignmentv1.RegisterShippingServiceServer(behind, p.shipping)
	userv1.RegisterUserServiceServer(behind, p.users)
	healthv1.RegisterHealthServer(behind, p.checks)
	pipe := bufconn.Listen(1 << 20)
	go func() { _ = behind.Serve(pipe) }()
	t.Cleanup(behind.Stop)
	dapr, err := sidecar.Open("passthrough:///sidecar", "",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dapr.Close() })

	cfg := edge.Config{
		App: "gateway", Address: p.address, Limits: true,
		Sidecar: dapr, Keys: p.authority.Keys(t, "gateway"), Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg)
	}
	e, err := edge.Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx) }()
	p.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = p.stop() })
	return p
}

func insecurely(cfg *edge.Config) { cfg.Insecure = true }
func unlimited(cfg *edge.Config)  { cfg.Limits = false }

// customer returns what a customer says to be let in.
func (p *port) customer(t *testing.T) string {
	return "Bearer " + p.authority.User(t, "u1", auth.Customer)
}

// free returns an address that nobody listens on at present.
func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// dial connects for gRPC. Headers, in pairs of name and value, go with every call.
func (p *port) dial(t *testing.T, headers ...string) *grpc.ClientConn {
	t.Helper()
	with := func(ctx context.Context) context.Context { return metadata.AppendToOutgoingContext(ctx, headers...) }
	conn, err := grpc.NewClient(p.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(with(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(with(ctx), desc, cc, method, opts...)
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answer is what REST answered.
type answer struct {
	code   int
	header http.Header
	body   string
}

// do makes a REST call with headers, in pairs of name and value.
func (p *port) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	return p.doBy(t, http.DefaultClient, method, path, body, headers...)
}

func (p *port) doBy(t *testing.T, client *http.Client, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(data)}
}

// REST and gRPC on one port, and they say the same.
func TestBothOnOnePort(t *testing.T) {
	t.Parallel()
	p := open(t)
	client := consignmentv1.NewShippingServiceClient(p.dial(t, "authorization", p.customer(t)))

	resp, err := client.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c1"})
	if err != nil || resp.GetConsignment().GetId() != "c1" {
		t.Errorf("gRPC: %v, %v", resp, err)
	}
	if a := p.do(t, "GET", "/v1/consignments/c1", "", "Authorization", p.customer(t)); a.code != 200 || !strings.Contains(a.body, `"c1"`) {
		t.Errorf("REST: %d %s", a.code, a.body)
	}
	_, err = client.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "gone"})
	a := p.do(t, "GET", "/v1/consignments/gone", "", "Authorization", p.customer(t))
	if status.Code(err) != codes.NotFound || a.code != 404 || !strings.Contains(a.body, status.Convert(err).Message()) {
		t.Errorf("a refusal: gRPC %v, REST %d %s", err, a.code, a.body)
	}
}

func TestReflection(t *testing.T) {
	t.Parallel()
	stream, err := reflectionv1.NewServerReflectionClient(open(t).dial(t)).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, s := range answer.GetListServicesResponse().GetService() {
		listed[s.GetName()] = true
	}
	for _, name := range []string{
		"seaport.consignment.v1.ShippingService", "seaport.vessel.v1.VesselService", "seaport.inventory.v1.InventoryService",
		"seaport.user.v1.UserService", "seaport.ops.v1.OpsService", "grpc.health.v1.Health",
	} {
		if !listed[name] {
			t.Errorf("%s is not listed: %v", name, listed)
		}
	}
}

// A request a little over the limit is told what the limit is.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	p := open(t)
	client := consignmentv1.NewShippingServiceClient(p.dial(t, "authorization", p.customer(t)))
	for _, size := range []int{4<<20 - 100, 4<<20 + 100} {
		text := strings.Repeat("x", size)
		want := map[bool]codes.Code{false: codes.OK, true: codes.InvalidArgument}[size > 4<<20]
		_, err := client.CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{Description: text})
		if status.Code(err) != want || err != nil && !strings.Contains(err.Error(), "4194304 bytes") {
			t.Errorf("gRPC, %d bytes: %v, want %s", size, err, want)
		}
		body, err := json.Marshal(map[string]string{"description": text})
		if err != nil {
			t.Fatal(err)
		}
		a := p.do(t, "POST", "/v1/consignments", string(body), "Authorization", p.customer(t))
		if wantHTTP := map[codes.Code]int{codes.OK: 200, codes.InvalidArgument: 400}[want]; a.code != wantHTTP || a.code == 400 && !strings.Contains(a.body, "4194304 bytes") {
			t.Errorf("REST, %d bytes: %d %s, want %d", size, a.code, a.body, wantHTTP)
		}
	}
}

// Callers may send gzip, and the limit is that of what it unpacks to.
func TestGzip(t *testing.T) {
	t.Parallel()
	p := open(t)
	client := consignmentv1.NewShippingServiceClient(p.dial(t, "authorization", p.customer(t)))
	for size, want := range map[int]codes.Code{1000: codes.OK, 4<<20 + 100: codes.InvalidArgument, 64 << 20: codes.ResourceExhausted} {
		request := &consignmentv1.CreateConsignmentRequest{Description: strings.Repeat("x", size)}
		if _, err := client.CreateConsignment(t.Context(), request, grpc.UseCompressor("gzip")); status.Code(err) != want {
			t.Errorf("%d bytes packed: %v, want %s", size, err, want)
		}
	}
}

// Health is that of the whole platform.
func TestHealth(t *testing.T) {
	t.Parallel()
	p := open(t)
	var parts struct{ Parts map[string]string }
	a := p.do(t, "GET", "/healthz", "")
	if err := json.Unmarshal([]byte(a.body), &parts); err != nil || a.code != 200 {
		t.Fatalf("all serving: %d %s", a.code, a.body)
	}
	for _, name := range []string{"gateway", "consignment", "inventory", "user", "vessel"} {
		if parts.Parts[name] != "ready" {
			t.Errorf("%s is %q", name, parts.Parts[name])
		}
	}
	p.checks.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	if a := p.do(t, "GET", "/healthz", ""); a.code != 503 || !strings.Contains(a.body, `"vessel":"not ready"`) {
		t.Errorf("none serving: %d %s", a.code, a.body)
	}
}

// Without keys a gateway can let nobody in, and says so.
func TestHealthWithoutKeys(t *testing.T) {
	t.Parallel()
	p := open(t, func(cfg *edge.Config) { cfg.Keys = auth.NewKeys(authtest.Store{}, "gateway", cfg.Log) })
	if a := p.do(t, "GET", "/healthz", ""); a.code != 503 || !strings.Contains(a.body, `"gateway":"not ready"`) {
		t.Errorf("%d %s", a.code, a.body)
	}
	if a := p.do(t, "GET", "/.well-known/jwks.json", ""); a.code != 503 {
		t.Errorf("its keys: %d %s", a.code, a.body)
	}
}

func TestWebKeys(t *testing.T) {
	t.Parallel()
	var set struct{ Keys []map[string]string }
	a := open(t).do(t, "GET", "/.well-known/jwks.json", "")
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || a.code != 200 || len(set.Keys) != 1 || set.Keys[0]["x"] == "" || set.Keys[0]["d"] != "" {
		t.Errorf("%d, %v: %s", a.code, err, a.body)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	p := open(t)
	dapr, err := sidecar.Open("passthrough:///nowhere", "")
	if err != nil {
		t.Fatal(err)
	}
	defer dapr.Close()
	if _, err := edge.Listen(t.Context(), edge.Config{Address: p.address, Sidecar: dapr}); err == nil || !strings.Contains(err.Error(), p.address) {
		t.Errorf("Listen = %v, want an error that names %s", err, p.address)
	}
}

// After the end the port is free again.
func TestStop(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.do(t, "GET", "/healthz", "")
	began := time.Now()
	if err := p.stop(); err != nil {
		t.Errorf("Serve = %v after %s", err, time.Since(began))
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", p.address)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = l.Close()
}
