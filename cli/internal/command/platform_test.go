package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"seaport.example/cli/internal/credentials"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
)

// platform is a fake Seaport behind one address. Its answers are fixed unless a function is set;
// it remembers every request.
type platform struct {
	address string
	create  func(*consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error)
	list    func(*consignmentv1.ListConsignmentsRequest) (*consignmentv1.ListConsignmentsResponse, error)
	fail    func(method string) error // before anything else
	quiet   bool                      // no vessel and no depot has holds that are not confirmed
	echo    func(*opsv1.PingPongRequest) (*opsv1.PingPongResponse, error)
	admit   func(token string) error // of calls that are not for anyone; empty: no token came
	auth    func(*userv1.AuthRequest) (*userv1.AuthResponse, error)
	refresh func(*userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error)
	revoke  func(*userv1.RevokeTokensRequest) error
	letters *letterRack // instead of sampleLetters
	publish func(context.Context, *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error)
	watch   func(*consignmentv1.WatchConsignmentsRequest, grpc.ServerStreamingServer[consignmentv1.WatchConsignmentsResponse]) error
	imports

	mu       sync.Mutex
	requests []proto.Message
	tokens   []string // that calls came with, in their order
}

// noon is the time of everything on the fake.
var noon = timestamppb.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))

func newPlatform(t *testing.T) *platform {
	t.Helper()
	t.Setenv(credentials.FolderEnv, t.TempDir()) // where nobody is logged in
	p := &platform{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = listener.Addr().String()
	server := grpc.NewServer(grpc.UnaryInterceptor(p.record), grpc.StreamInterceptor(p.recordStream))
	consignmentv1.RegisterShippingServiceServer(server, &shipping{platform: p})
	vesselv1.RegisterVesselServiceServer(server, &vessels{platform: p})
	inventoryv1.RegisterInventoryServiceServer(server, &inventory{})
	opsv1.RegisterOpsServiceServer(server, &ops{platform: p})
	userv1.RegisterUserServiceServer(server, &users{platform: p})
	notificationv1.RegisterNotificationServiceServer(server, &notifications{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // before it began to serve
			t.Error(err)
		}
	})
	return p
}

func (p *platform) record(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	p.mu.Lock()
	p.requests = append(p.requests, req.(proto.Message))
	p.mu.Unlock()
	if err := p.enter(ctx, needsNoToken(info.FullMethod, req)); err != nil {
		return nil, err
	}
	if p.fail != nil {
		if err := p.fail(info.FullMethod); err != nil {
			return nil, err
		}
	}
	return handle(ctx, req)
}

func (p *platform) recordStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := p.enter(stream.Context(), false); err != nil {
		return err
	}
	return handle(srv, stream)
}

// enter notes the token of a call and lets it in, or not.
func (p *platform) enter(ctx context.Context, anyone bool) error {
	token := strings.TrimPrefix(strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), "; "), "Bearer ")
	p.mu.Lock()
	p.tokens = append(p.tokens, token)
	p.mu.Unlock()
	if anyone && token != "" {
		return status.Error(codes.InvalidArgument, "a call that is for anyone came with a token")
	}
	if anyone || p.admit == nil {
		return nil
	}
	return p.admit(token)
}

// received returns the requests so far.
func (p *platform) received() []proto.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]proto.Message(nil), p.requests...)
}

// result is what a command line did.
type result struct {
	exit           int
	stdout, stderr string
}

// run runs a command line against the fake.
func (p *platform) run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return runLine(t, stdin, append([]string{"--server", p.address}, args...)...)
}

func runLine(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	exit := Run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	return result{exit, stdout.String(), stderr.String()}
}

type shipping struct {
	consignmentv1.UnimplementedShippingServiceServer
	*platform
}

func booked(id string, req *consignmentv1.CreateConsignmentRequest) *consignmentv1.Consignment {
	c := &consignmentv1.Consignment{
		Id: id, Description: req.GetDescription(), Weight: req.GetWeight(), VesselId: "vessel001",
		CustomerId: req.GetCustomerId(), Status: consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED,
		CreateTime: noon, UpdateTime: noon,
	}
	for i, b := range req.GetContainers() {
		b = proto.CloneOf(b)
		b.Id = fmt.Sprintf("%s-%d", id, i+1)
		c.Containers = append(c.Containers, b)
	}
	return c
}

func (s *shipping) CreateConsignment(_ context.Context, req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
	if s.create != nil {
		return s.create(req)
	}
	return &consignmentv1.CreateConsignmentResponse{Created: true, Consignment: booked("c1", req)}, nil
}

var (
	spareParts = &consignmentv1.CreateConsignmentRequest{
		Description: "Spare parts", Weight: 550, CustomerId: "user001",
		Containers: []*consignmentv1.Container{
			{CustomerId: "cust001", UserId: "user001", Origin: "Manchester, United Kingdom"},
			{CustomerId: "cust002", UserId: "user001", Origin: "Derby, United Kingdom"},
		},
	}
	hostile = &consignmentv1.CreateConsignmentRequest{
		Description: "red \x1b[31m\nline \u009b2J \u202e turned", Weight: 1, CustomerId: "cust\x07",
		Containers: []*consignmentv1.Container{{Origin: "Derby\tU.K."}},
	}
)

func (s *shipping) GetConsignment(_ context.Context, req *consignmentv1.GetConsignmentRequest) (*consignmentv1.GetConsignmentResponse, error) {
	if req.GetId() == "hostile" {
		return &consignmentv1.GetConsignmentResponse{Consignment: booked("hostile", hostile)}, nil
	}
	return &consignmentv1.GetConsignmentResponse{Consignment: booked(req.GetId(), spareParts)}, nil
}

func (s *shipping) CancelConsignment(_ context.Context, req *consignmentv1.CancelConsignmentRequest) (*consignmentv1.CancelConsignmentResponse, error) {
	c := booked(req.GetId(), spareParts)
	c.Status = consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED
	c.StatusReason = req.GetReason()
	return &consignmentv1.CancelConsignmentResponse{Consignment: c}, nil
}

// ListConsignments has two pages, of one consignment each.
func (s *shipping) ListConsignments(_ context.Context, req *consignmentv1.ListConsignmentsRequest) (*consignmentv1.ListConsignmentsResponse, error) {
	if s.list != nil {
		return s.list(req)
	}
	if req.GetPageToken() == "" {
		return &consignmentv1.ListConsignmentsResponse{
			Consignments: []*consignmentv1.Consignment{booked("c2", spareParts)}, NextPageToken: "second page",
		}, nil
	}
	return &consignmentv1.ListConsignmentsResponse{Consignments: []*consignmentv1.Consignment{booked("c1", spareParts)}}, nil
}

type vessels struct {
	vesselv1.UnimplementedVesselServiceServer
	*platform
}

var saltySecret = &vesselv1.Vessel{
	Id: "vessel001", Name: "Kane's Salty Secret", Capacity: 500, MaxWeight: 200000, Available: true,
	FreeCapacity: 497, FreeWeight: 145000, PendingHolds: 1, CreateTime: noon,
}

func (s *vessels) CreateVessel(_ context.Context, req *vesselv1.CreateVesselRequest) (*vesselv1.CreateVesselResponse, error) {
	return &vesselv1.CreateVesselResponse{Vessel: &vesselv1.Vessel{
		Id: req.GetId(), Name: req.GetName(), Capacity: req.GetCapacity(), MaxWeight: req.GetMaxWeight(),
		FreeCapacity: req.GetCapacity(), FreeWeight: req.GetMaxWeight(),
		Available: req.Available == nil || req.GetAvailable(), OwnerId: req.GetOwnerId(), CreateTime: noon,
	}}, nil
}

func (s *vessels) ListVessels(context.Context, *vesselv1.ListVesselsRequest) (*vesselv1.ListVesselsResponse, error) {
	if s.quiet {
		return &vesselv1.ListVesselsResponse{}, nil
	}
	return &vesselv1.ListVesselsResponse{Vessels: []*vesselv1.Vessel{saltySecret, {Id: "v2", Name: "Tug\x1b[2J", OwnerId: "o"}}}, nil
}

func (s *vessels) FindAvailable(context.Context, *vesselv1.FindAvailableRequest) (*vesselv1.FindAvailableResponse, error) {
	return &vesselv1.FindAvailableResponse{Vessel: saltySecret}, nil
}

type inventory struct {
	inventoryv1.UnimplementedInventoryServiceServer
}

func (inventory) StockDepot(_ context.Context, req *inventoryv1.StockDepotRequest) (*inventoryv1.StockDepotResponse, error) {
	return &inventoryv1.StockDepotResponse{Depot: &inventoryv1.Depot{
		Origin: req.GetOrigin(), Stock: 10 + req.GetContainers(), Free: 8 + req.GetContainers(), PendingHolds: 2, CreateTime: noon,
	}}, nil
}

func (inventory) ListDepots(context.Context, *inventoryv1.ListDepotsRequest) (*inventoryv1.ListDepotsResponse, error) {
	return &inventoryv1.ListDepotsResponse{Depots: []*inventoryv1.Depot{
		{Origin: "Derby, United Kingdom", Stock: 100, Free: 97, CreateTime: noon},
		{Origin: "Sheffield, United Kingdom", Stock: 5, CreateTime: noon},
	}}, nil
}

type ops struct {
	opsv1.UnimplementedOpsServiceServer
	*platform
}

func (o *ops) Ping(_ context.Context, req *opsv1.PingRequest) (*opsv1.PingResponse, error) {
	return &opsv1.PingResponse{AppId: req.GetAppId(), Sequence: req.GetSequence(), AnswerTime: noon}, nil
}

func (o *ops) PingPong(stream grpc.BidiStreamingServer[opsv1.PingPongRequest, opsv1.PingPongResponse]) error {
	app := ""
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if app == "" {
			app = req.GetAppId()
		}
		resp := &opsv1.PingPongResponse{AppId: app, Stroke: req.GetStroke()}
		if o.echo != nil {
			if resp, err = o.echo(req); err != nil {
				return err
			}
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}
