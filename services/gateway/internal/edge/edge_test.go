package edge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
)

// shipping is the one service that the calls here reach.
type shipping struct {
	consignmentv1.UnimplementedShippingServiceServer
}

func (shipping) GetConsignment(_ context.Context, req *consignmentv1.GetConsignmentRequest) (*consignmentv1.GetConsignmentResponse, error) {
	if req.GetId() == "gone" {
		return nil, failure.NotFound("id", "there is no consignment gone")
	}
	return &consignmentv1.GetConsignmentResponse{Consignment: &consignmentv1.Consignment{Id: req.GetId()}}, nil
}

func (shipping) BatchCreateConsignments(_ context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	resp := &consignmentv1.BatchCreateConsignmentsResponse{}
	for range req.GetRequests() {
		resp.Results = append(resp.Results, &consignmentv1.CreateConsignmentResult{})
	}
	return resp, nil
}

// open opens a public port in front of a sidecar that has all services, and returns its address
// and their health.
func open(t *testing.T) (address string, checks *health.Server, stop func() error) {
	t.Helper()
	// The sidecar's own calls are answered with an empty message, which is enough to be ready.
	behind := grpc.NewServer(grpc.MaxRecvMsgSize(16<<20), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
			return err
		}
		return stream.SendMsg(&emptypb.Empty{})
	}))
	consignmentv1.RegisterShippingServiceServer(behind, shipping{})
	checks = health.NewServer()
	healthv1.RegisterHealthServer(behind, checks)
	pipe := bufconn.Listen(1 << 20)
	go func() { _ = behind.Serve(pipe) }()
	t.Cleanup(behind.Stop)
	dapr, err := sidecar.Open("passthrough:///sidecar", "",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dapr.Close() })

	address = free(t)
	e, err := edge.Listen(t.Context(), address, dapr, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return address, checks, stop
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

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return do(t, http.MethodGet, url, nil)
}

func do(t *testing.T, method, url string, body io.Reader) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// REST and gRPC on one port, and they say the same.
func TestBothOnOnePort(t *testing.T) {
	t.Parallel()
	address, _, _ := open(t)
	client := consignmentv1.NewShippingServiceClient(dial(t, address))

	resp, err := client.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c1"})
	if err != nil || resp.GetConsignment().GetId() != "c1" {
		t.Errorf("gRPC: %v, %v", resp, err)
	}
	if code, body := get(t, "http://"+address+"/v1/consignments/c1"); code != 200 || !strings.Contains(body, `"c1"`) {
		t.Errorf("REST: %d %s", code, body)
	}
	_, err = client.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "gone"})
	code, body := get(t, "http://"+address+"/v1/consignments/gone")
	if status.Code(err) != codes.NotFound || code != 404 || !strings.Contains(body, status.Convert(err).Message()) {
		t.Errorf("a refusal: gRPC %v, REST %d %s", err, code, body)
	}
}

func TestReflection(t *testing.T) {
	t.Parallel()
	address, _, _ := open(t)
	stream, err := reflectionv1.NewServerReflectionClient(dial(t, address)).ServerReflectionInfo(t.Context())
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
		"seaport.ops.v1.OpsService", "grpc.health.v1.Health",
	} {
		if !listed[name] {
			t.Errorf("%s is not listed: %v", name, listed)
		}
	}
}

// A request a little over the limit is told what the limit is.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	address, _, _ := open(t)
	client := consignmentv1.NewShippingServiceClient(dial(t, address))
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
		code, answer := do(t, http.MethodPost, "http://"+address+"/v1/consignments", bytes.NewReader(body))
		if wantHTTP := map[codes.Code]int{codes.OK: 200, codes.InvalidArgument: 400}[want]; code != wantHTTP || code == 400 && !strings.Contains(answer, "4194304 bytes") {
			t.Errorf("REST, %d bytes: %d %s, want %d", size, code, answer, wantHTTP)
		}
	}
}

// Health is that of the whole platform.
func TestHealth(t *testing.T) {
	t.Parallel()
	address, checks, _ := open(t)
	var parts struct{ Parts map[string]string }
	code, body := get(t, "http://"+address+"/healthz")
	if err := json.Unmarshal([]byte(body), &parts); err != nil || code != 200 {
		t.Fatalf("all serving: %d %s", code, body)
	}
	for _, name := range []string{"gateway", "consignment", "inventory", "vessel"} {
		if parts.Parts[name] != "ready" {
			t.Errorf("%s is %q", name, parts.Parts[name])
		}
	}
	checks.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	if code, body := get(t, "http://"+address+"/healthz"); code != 503 || !strings.Contains(body, `"vessel":"not ready"`) {
		t.Errorf("none serving: %d %s", code, body)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	address, _, _ := open(t)
	dapr, err := sidecar.Open("passthrough:///nowhere", "")
	if err != nil {
		t.Fatal(err)
	}
	defer dapr.Close()
	if _, err := edge.Listen(t.Context(), address, dapr, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("Listen = %v, want an error that names %s", err, address)
	}
}

// After the end the port is free again.
func TestStop(t *testing.T) {
	t.Parallel()
	address, _, stop := open(t)
	get(t, "http://"+address+"/healthz")
	began := time.Now()
	if err := stop(); err != nil {
		t.Errorf("Serve = %v after %s", err, time.Since(began))
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = l.Close()
}
