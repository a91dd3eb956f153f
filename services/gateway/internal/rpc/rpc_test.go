package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/gateway/internal/rpc"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ops"
	"seaport.example/services/internal/serve"
)

// apps are services in this process, by app-id.
type apps map[string]*grpc.ClientConn

func (a apps) App(appID string) grpc.ClientConnInterface { return a[appID] }

// listen serves what register puts on a server and returns a connection to it.
func listen(t *testing.T, register func(*grpc.Server), opts ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	return guarded(t, auth.NewGuard(auth.GuardConfig{Rules: access.Public, Insecure: true}), register, opts...)
}

// guarded is the same behind a guard of its own.
func guarded(t *testing.T, guard *auth.Guard, register func(*grpc.Server), opts ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	server := serve.NewServer(slog.New(slog.DiscardHandler), guard, opts...)
	register(server)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// shipping books what it is asked to, unless a function says otherwise.
type shipping struct {
	consignmentv1.UnimplementedShippingServiceServer

	batch func(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error)

	mu    sync.Mutex
	calls [][]*consignmentv1.CreateConsignmentRequest
	asked []*consignmentv1.BatchCreateConsignmentsRequest
	with  []metadata.MD
}

func (s *shipping) BatchCreateConsignments(ctx context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
	s.mu.Lock()
	s.calls, s.asked = append(s.calls, req.GetRequests()), append(s.asked, req)
	with, _ := metadata.FromIncomingContext(ctx)
	s.with = append(s.with, with)
	s.mu.Unlock()
	if s.batch != nil {
		return s.batch(ctx, req)
	}
	return answers(req), nil
}

func (s *shipping) GetConsignment(_ context.Context, req *consignmentv1.GetConsignmentRequest) (*consignmentv1.GetConsignmentResponse, error) {
	return nil, failure.NotFound("id", "there is no consignment %s", req.GetId())
}

// answers books each of a batch under its description, or refuses it.
func answers(req *consignmentv1.BatchCreateConsignmentsRequest) *consignmentv1.BatchCreateConsignmentsResponse {
	resp := &consignmentv1.BatchCreateConsignmentsResponse{}
	for _, r := range req.GetRequests() {
		result := &consignmentv1.CreateConsignmentResult{Result: &consignmentv1.CreateConsignmentResult_Response{
			Response: &consignmentv1.CreateConsignmentResponse{Created: true, Consignment: &consignmentv1.Consignment{Id: r.GetDescription()}},
		}}
		if strings.HasPrefix(r.GetDescription(), "bad") {
			result.Result = &consignmentv1.CreateConsignmentResult_Failure{Failure: failure.ToProto(failure.Invalid("weight", "of %s", r.GetDescription()))}
		}
		resp.Results = append(resp.Results, result)
	}
	return resp
}

// fleet and depots note the request id of what they are asked to change.
type fleet struct {
	vesselv1.UnimplementedVesselServiceServer

	created []*vesselv1.CreateVesselRequest
}

func (f *fleet) CreateVessel(_ context.Context, req *vesselv1.CreateVesselRequest) (*vesselv1.CreateVesselResponse, error) {
	f.created = append(f.created, req)
	return &vesselv1.CreateVesselResponse{}, nil
}

func (f *fleet) HoldCapacity(context.Context, *vesselv1.HoldCapacityRequest) (*vesselv1.HoldCapacityResponse, error) {
	return &vesselv1.HoldCapacityResponse{}, nil
}

func (f *fleet) ReleaseCapacity(context.Context, *vesselv1.ReleaseCapacityRequest) (*vesselv1.ReleaseCapacityResponse, error) {
	return &vesselv1.ReleaseCapacityResponse{}, nil
}

type depots struct {
	inventoryv1.UnimplementedInventoryServiceServer

	stocked []*inventoryv1.StockDepotRequest
}

func (d *depots) StockDepot(_ context.Context, req *inventoryv1.StockDepotRequest) (*inventoryv1.StockDepotResponse, error) {
	d.stocked = append(d.stocked, req)
	return &inventoryv1.StockDepotResponse{}, nil
}

func (d *depots) HoldContainers(context.Context, *inventoryv1.HoldContainersRequest) (*inventoryv1.HoldContainersResponse, error) {
	return &inventoryv1.HoldContainersResponse{}, nil
}

func (d *depots) ReleaseContainers(context.Context, *inventoryv1.ReleaseContainersRequest) (*inventoryv1.ReleaseContainersResponse, error) {
	return &inventoryv1.ReleaseContainersResponse{}, nil
}

// users note what they are asked, and in whose name.
type users struct {
	userv1.UnimplementedUserServiceServer

	created   []*userv1.CreateRequest
	refreshed []*userv1.RefreshTokenRequest
	shown     []string
}

func (u *users) Create(_ context.Context, req *userv1.CreateRequest) (*userv1.CreateResponse, error) {
	u.created = append(u.created, req)
	return &userv1.CreateResponse{}, nil
}

func (u *users) RefreshToken(_ context.Context, req *userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
	u.refreshed = append(u.refreshed, req)
	return &userv1.RefreshTokenResponse{}, nil
}

func (u *users) Get(ctx context.Context, req *userv1.GetRequest) (*userv1.GetResponse, error) {
	u.shown = metadata.ValueFromIncomingContext(ctx, "authorization")
	return &userv1.GetResponse{User: &userv1.User{Id: req.GetId()}}, nil
}

// platform is a gateway and the services behind it.
type platform struct {
	shipping *shipping
	fleet    *fleet
	depots   *depots
	users    *users
}

func (p *platform) gateway(t *testing.T, opts ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	behind := p.behind(t)
	return listen(t, func(s *grpc.Server) { rpc.Register(s, rpc.Config{Apps: behind, Insecure: true}) }, opts...)
}

// behind returns the services.
func (p *platform) behind(t *testing.T) apps {
	t.Helper()
	behind := apps{}
	for app, register := range map[string]func(*grpc.Server){
		"consignment": func(s *grpc.Server) { consignmentv1.RegisterShippingServiceServer(s, p.shipping) },
		"vessel":      func(s *grpc.Server) { vesselv1.RegisterVesselServiceServer(s, p.fleet) },
		"inventory":   func(s *grpc.Server) { inventoryv1.RegisterInventoryServiceServer(s, p.depots) },
		"user":        func(s *grpc.Server) { userv1.RegisterUserServiceServer(s, p.users) },
		"gateway":     func(*grpc.Server) {},
	} {
		behind[app] = listen(t, func(s *grpc.Server) {
			register(s)
			ops.Register(s, ops.Config{App: app})
		})
	}
	return behind
}

func newPlatform() *platform {
	return &platform{shipping: &shipping{}, fleet: &fleet{}, depots: &depots{}, users: &users{}}
}

// Bookings made while one is under way travel together; each gets its own answer.
func TestCreateIsBatched(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	const callers = 40
	entered, goOn := make(chan struct{}, 100), make(chan struct{})
	p.shipping.batch = func(_ context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
		entered <- struct{}{}
		<-goOn
		return answers(req), nil
	}
	var arrived sync.WaitGroup
	arrived.Add(callers + 1)
	c := consignmentv1.NewShippingServiceClient(p.gateway(t, grpc.ChainUnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			arrived.Done()
			return handle(ctx, req)
		})))
	var wg sync.WaitGroup
	book := func(name string) {
		resp, err := c.CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{Description: name})
		if strings.HasPrefix(name, "bad") {
			if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "of "+name) {
				t.Errorf("%s: %v, %v", name, resp, err)
			}
		} else if err != nil || !resp.GetCreated() || resp.GetConsignment().GetId() != name {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	wg.Go(func() { book("first") })
	<-entered
	for i := range callers {
		wg.Go(func() { book(fmt.Sprintf("%s%d", []string{"good", "bad"}[i%2], i)) })
	}
	arrived.Wait()
	close(goOn)
	wg.Wait()

	var carried int
	ids := make(map[string]bool)
	for _, call := range p.shipping.calls {
		carried += len(call)
		for _, req := range call {
			ids[req.GetRequestId()] = true
		}
	}
	if carried != callers+1 || len(p.shipping.calls) > callers/2 {
		t.Errorf("%d bookings in %d calls", carried, len(p.shipping.calls))
	}
	if len(ids) != carried || ids[""] {
		t.Errorf("%d bookings have %d request ids", carried, len(ids))
	}
}

// A call that fails, or is answered in part, fails for those it carries.
func TestCreateFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		resp *consignmentv1.BatchCreateConsignmentsResponse
		err  error
		code codes.Code
	}{
		"away":         {nil, failure.Unavailable(nil, "away"), codes.Unavailable},
		"short answer": {&consignmentv1.BatchCreateConsignmentsResponse{}, nil, codes.Internal},
	} {
		p := newPlatform()
		p.shipping.batch = func(context.Context, *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
			return c.resp, c.err
		}
		client := consignmentv1.NewShippingServiceClient(p.gateway(t))
		if resp, err := client.CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{}); status.Code(err) != c.code {
			t.Errorf("%s: %v, %v; want %s", name, resp, err, c.code)
		}
	}
}

// Calls that change something have a request id when they go on: the caller's, or a new one.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	conn := p.gateway(t)
	ctx := t.Context()
	for _, id := range []string{"mine", "", ""} {
		_, err1 := consignmentv1.NewShippingServiceClient(conn).CreateConsignment(ctx, &consignmentv1.CreateConsignmentRequest{RequestId: id})
		_, err2 := consignmentv1.NewShippingServiceClient(conn).BatchCreateConsignments(ctx, &consignmentv1.BatchCreateConsignmentsRequest{
			Requests: []*consignmentv1.CreateConsignmentRequest{{RequestId: id}}})
		_, err3 := vesselv1.NewVesselServiceClient(conn).CreateVessel(ctx, &vesselv1.CreateVesselRequest{RequestId: id, Id: id})
		_, err4 := inventoryv1.NewInventoryServiceClient(conn).StockDepot(ctx, &inventoryv1.StockDepotRequest{RequestId: id})
		_, err5 := userv1.NewUserServiceClient(conn).Create(ctx, &userv1.CreateRequest{RequestId: id})
		_, err6 := userv1.NewUserServiceClient(conn).RefreshToken(ctx, &userv1.RefreshTokenRequest{RequestId: id})
		if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
			t.Fatal(err)
		}
	}
	var booked, created, vesselIDs, stocked []string
	for _, call := range p.shipping.calls {
		for _, req := range call {
			booked = append(booked, req.GetRequestId())
		}
	}
	for _, req := range p.fleet.created {
		created, vesselIDs = append(created, req.GetRequestId()), append(vesselIDs, req.GetId())
	}
	for _, req := range p.depots.stocked {
		stocked = append(stocked, req.GetRequestId())
	}
	var signedUp, refreshed []string
	for i, req := range p.users.created {
		signedUp, refreshed = append(signedUp, req.GetRequestId()), append(refreshed, p.users.refreshed[i].GetRequestId())
	}
	for what, ids := range map[string][]string{
		"sign-ups": signedUp, "refreshed tokens": refreshed,
		"bookings one by one": {booked[0], booked[2], booked[4]}, "bookings in batches": {booked[1], booked[3], booked[5]},
		"vessels": created, "ids of vessels": vesselIDs, "stocks": stocked,
	} {
		if ids[0] != "mine" || len(ids[1]) != 36 || len(ids[2]) != 36 || ids[1] == ids[2] {
			t.Errorf("%s: %q; want mine and two new ones", what, ids)
		}
	}
}

// What a service refuses, and what is between services only.
func TestPassedOn(t *testing.T) {
	t.Parallel()
	conn := newPlatform().gateway(t)
	_, err := consignmentv1.NewShippingServiceClient(conn).GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "x"})
	if e := failure.From(err); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "no consignment x") || e.Violations()[0].Field != "id" {
		t.Errorf("a refusal became %v", err)
	}
	vessels, depots := vesselv1.NewVesselServiceClient(conn), inventoryv1.NewInventoryServiceClient(conn)
	for name, err := range map[string]error{
		"HoldCapacity":      second(vessels.HoldCapacity(t.Context(), &vesselv1.HoldCapacityRequest{})),
		"ReleaseCapacity":   second(vessels.ReleaseCapacity(t.Context(), &vesselv1.ReleaseCapacityRequest{})),
		"HoldContainers":    second(depots.HoldContainers(t.Context(), &inventoryv1.HoldContainersRequest{})),
		"ReleaseContainers": second(depots.ReleaseContainers(t.Context(), &inventoryv1.ReleaseContainersRequest{})),
	} {
		if status.Code(err) != codes.Unimplemented {
			t.Errorf("%s is public: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A ping reaches the service it names.
func TestPing(t *testing.T) {
	t.Parallel()
	c := opsv1.NewOpsServiceClient(newPlatform().gateway(t))
	for app, want := range map[string]string{"": "gateway", "gateway": "gateway", "consignment": "consignment", "vessel": "vessel", "inventory": "inventory", "user": "user"} {
		resp, err := c.Ping(t.Context(), &opsv1.PingRequest{AppId: app, Sequence: 7})
		if err != nil || resp.GetAppId() != want || resp.GetSequence() != 7 {
			t.Errorf("Ping(%q) = %v, %v", app, resp, err)
		}
	}
	if _, err := c.Ping(t.Context(), &opsv1.PingRequest{AppId: "nobody"}); status.Code(err) != codes.NotFound || failure.From(err).Violations()[0].Field != "app_id" {
		t.Errorf("Ping(nobody) = %v", err)
	}
}

func TestPingPong(t *testing.T) {
	t.Parallel()
	c := opsv1.NewOpsServiceClient(newPlatform().gateway(t))
	stream, err := c.PingPong(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for stroke := range int64(10) {
		app := map[bool]string{true: "vessel", false: "nobody"}[stroke == 0] // the first decides
		if err := stream.Send(&opsv1.PingPongRequest{AppId: app, Stroke: stroke}); err != nil {
			t.Fatal(err)
		}
		back, err := stream.Recv()
		if err != nil || back.GetAppId() != "vessel" || back.GetStroke() != stroke {
			t.Fatalf("stroke %d came back as %v, %v", stroke, back, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if back, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v, %v", back, err)
	}

	unknown, err := c.PingPong(t.Context())
	if err == nil {
		_ = unknown.Send(&opsv1.PingPongRequest{AppId: "nobody"})
		_, err = unknown.Recv()
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("PingPong with nobody: %v", err)
	}
	silent, err := c.PingPong(t.Context())
	if err == nil {
		_ = silent.CloseSend()
		_, err = silent.Recv()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("PingPong without a stroke: %v", err)
	}
}

// A service that goes away ends the stream with an error.
func TestPingPongBreaks(t *testing.T) {
	t.Parallel()
	var server *grpc.Server
	behind := apps{"vessel": listen(t, func(s *grpc.Server) { server = s; ops.Register(s, ops.Config{App: "vessel"}) })}
	for _, app := range []string{"consignment", "inventory", "user", "gateway"} {
		behind[app] = behind["vessel"]
	}
	c := opsv1.NewOpsServiceClient(listen(t, func(s *grpc.Server) { rpc.Register(s, rpc.Config{Apps: behind, Insecure: true}) }))
	stream, err := c.PingPong(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&opsv1.PingPongRequest{AppId: "vessel"}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("Recv = %v, want Unavailable", err)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	if !slices.IsSorted(rpc.Behind) || len(rpc.Behind) != 5 {
		t.Errorf("Behind = %q", rpc.Behind)
	}
	checks := health.NewServer()
	conn := listen(t, func(s *grpc.Server) { healthv1.RegisterHealthServer(s, checks) })
	ready := rpc.Ready(apps{"vessel": conn}, "vessel")
	if err := ready(t.Context()); err != nil {
		t.Errorf("serving: %v", err)
	}
	checks.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	if err := ready(t.Context()); err == nil || !strings.Contains(err.Error(), "vessel") {
		t.Errorf("not serving: %v", err)
	}
	away := rpc.Ready(apps{"vessel": listen(t, func(*grpc.Server) {})}, "vessel")
	if err := away(t.Context()); err == nil {
		t.Error("without a health service: ready")
	}
}
