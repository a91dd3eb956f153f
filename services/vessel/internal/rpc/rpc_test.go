package rpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/serve"
	"seaport.example/services/vessel/internal/rpc"
	"seaport.example/services/vessel/internal/vessel"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// harbour keeps vessels in memory and notes the releases.
type harbour struct {
	away error

	mu       sync.Mutex
	vessels  map[string]vessel.Vessel
	listed   []string
	releases []string
}

func (h *harbour) Get(_ context.Context, id string) (vessel.Vessel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.vessels[id], nil
}

func (h *harbour) GetMany(_ context.Context, ids []string) (map[string]vessel.Vessel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := make(map[string]vessel.Vessel)
	for _, id := range ids {
		found[id] = h.vessels[id]
	}
	return found, nil
}

func (h *harbour) Update(_ context.Context, id string, change func(*vessel.Vessel) error) (vessel.Vessel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.vessels[id]
	err := change(&v)
	if err == nil {
		h.vessels[id] = v
	}
	return v, err
}

func (h *harbour) Apply(ctx context.Context, id string, steps []ledger.Step) (vessel.Vessel, []error, error) {
	if h.away != nil {
		return vessel.Vessel{}, nil, h.away
	}
	errs := make([]error, len(steps))
	v, err := h.Update(ctx, id, func(v *vessel.Vessel) error {
		for i, step := range steps {
			if step.Do != ledger.Hold {
				kind := map[ledger.Action]string{ledger.Release: "cancelled", ledger.Abandon: "not booked"}[step.Do]
				if step.Do == ledger.Return {
					kind = fmt.Sprintf("returned to %s: %d, %d kg", step.Lot, step.Amount.Containers, step.Amount.Weight)
				}
				h.releases = append(h.releases, fmt.Sprintf("%s on %s %s", step.ID, id, kind))
				continue
			}
			errs[i] = v.Room.Apply(step, v.Limit(), nil)
		}
		return nil
	})
	return v, errs, err
}

func (h *harbour) Sweep(context.Context, []string) error { return nil }

func (h *harbour) Add(_ context.Context, id string, _ time.Time) error {
	h.listed = append([]string{id}, h.listed...)
	return nil
}

func (h *harbour) Page(_ context.Context, size int32, token string) ([]string, string, error) {
	if size != 7 || token != "token" {
		return nil, "", failure.Invalid("page_token", "is for %d, %q", size, token)
	}
	return h.listed, "next", nil
}

func (h *harbour) All(_ context.Context, visit func(ids []string) error) error {
	return visit(h.listed)
}

func (h *harbour) client(t *testing.T) vesselv1.VesselServiceClient {
	t.Helper()
	h.vessels = make(map[string]vessel.Vessel)
	log := slog.New(slog.DiscardHandler)
	server := serve.NewServer(log, auth.NewGuard(auth.GuardConfig{Insecure: true, Rules: []auth.Rules{access.Vessel}}))
	rpc.Register(server, vessel.NewFleet(vessel.Config{
		Vessels: h, Register: h, HoldTTL: time.Minute, Now: func() time.Time { return noon }, NewID: func() string { return "assigned" }, Log: log,
	}))
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return vesselv1.NewVesselServiceClient(conn)
}

func create(t *testing.T, c vesselv1.VesselServiceClient) {
	t.Helper()
	if _, err := c.CreateVessel(t.Context(), &vesselv1.CreateVesselRequest{Id: "vessel001", Name: "Kane's Salty Secret", Capacity: 500, MaxWeight: 200000, OwnerId: "o"}); err != nil {
		t.Fatal(err)
	}
}

// A vessel through the whole contract: every field there and back, and the room on it.
func TestLife(t *testing.T) {
	t.Parallel()
	h := &harbour{}
	c := h.client(t)
	create(t, c)
	want := &vesselv1.Vessel{
		Id: "vessel001", Name: "Kane's Salty Secret", Capacity: 500, MaxWeight: 200000, OwnerId: "o", Available: true,
		FreeCapacity: 500, FreeWeight: 200000, CreateTime: timestamppb.New(noon),
	}
	got, err := c.GetVessel(t.Context(), &vesselv1.GetVesselRequest{Id: "vessel001"})
	if err != nil || !proto.Equal(got.GetVessel(), want) {
		t.Errorf("got  %v, %v\nwant %v", got.GetVessel(), err, want)
	}

	held, err := c.HoldCapacity(t.Context(), &vesselv1.HoldCapacityRequest{Holds: []*vesselv1.CapacityHold{
		{ConsignmentId: "c1", Containers: 3, Weight: 55000}, {ConsignmentId: "c2", Containers: 1, Weight: 1, VesselId: "titanic"},
		{ConsignmentId: "c3", Containers: 1, Weight: 200000},
	}})
	if err != nil || len(held.GetResults()) != 3 {
		t.Fatal(held, err)
	}
	r := held.GetResults()
	if g := r[0].GetHeld(); g.GetVesselId() != "vessel001" || !g.GetExpireTime().AsTime().Equal(noon.Add(time.Minute)) {
		t.Errorf("c1: %v", r[0])
	}
	if f := r[1].GetFailure(); codes.Code(f.GetCode()) != codes.NotFound || f.GetViolations()[0].GetField() != "vessel_id" {
		t.Errorf("c2: %v", r[1])
	}
	if f := r[2].GetFailure(); codes.Code(f.GetCode()) != codes.FailedPrecondition || f.GetViolations()[0].GetType() != "WEIGHT" {
		t.Errorf("c3: %v", r[2])
	}

	want.FreeCapacity, want.FreeWeight, want.PendingHolds = 497, 145000, 1
	list, err := c.ListVessels(t.Context(), &vesselv1.ListVesselsRequest{PageSize: 7, PageToken: "token"})
	if page := (&vesselv1.ListVesselsResponse{Vessels: []*vesselv1.Vessel{want}, NextPageToken: "next"}); err != nil || !proto.Equal(list, page) {
		t.Errorf("listed %v, %v\nwant   %v", list, err, page)
	}
	found, err := c.FindAvailable(t.Context(), &vesselv1.FindAvailableRequest{Capacity: 497, MaxWeight: 145000})
	if err != nil || !proto.Equal(found.GetVessel(), want) {
		t.Errorf("found %v, %v\nwant  %v", found.GetVessel(), err, want)
	}
}

// A vessel is available unless it is said that it is not.
func TestAvailable(t *testing.T) {
	t.Parallel()
	c := (&harbour{}).client(t)
	for i, available := range []*bool{nil, new(true), new(false)} {
		resp, err := c.CreateVessel(t.Context(), &vesselv1.CreateVesselRequest{Id: fmt.Sprint(i), Name: "n", Capacity: 1, MaxWeight: 1, Available: available})
		if want := available == nil || *available; err != nil || resp.GetVessel().GetAvailable() != want {
			t.Errorf("%v: %v, %v; want %t", available, resp, err, want)
		}
	}
}

// The request id arrives: the same one creates once.
func TestRequestID(t *testing.T) {
	t.Parallel()
	c := (&harbour{}).client(t)
	for request, want := range map[string][2]codes.Code{"r": {codes.OK, codes.OK}, "": {codes.OK, codes.AlreadyExists}} {
		for try := range 2 {
			_, err := c.CreateVessel(t.Context(), &vesselv1.CreateVesselRequest{Id: "a" + request, Name: "n", Capacity: 1, MaxWeight: 1, RequestId: request})
			if status.Code(err) != want[try] {
				t.Errorf("request %q, try %d: %v, want %s", request, try, err, want[try])
			}
		}
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	h := &harbour{}
	c := h.client(t)
	req := &vesselv1.ReleaseCapacityRequest{Releases: []*vesselv1.CapacityRelease{
		{ConsignmentId: "c1", VesselId: "a", Cancelled: true}, {ConsignmentId: "c2", VesselId: "a"}, {ConsignmentId: "c3", VesselId: "b"},
		{ConsignmentId: "c4", VesselId: "a", Cancelled: true, LotId: "l1", Containers: 3, Weight: 70},
	}}
	if _, err := c.ReleaseCapacity(t.Context(), req); err != nil {
		t.Error(err)
	}
	slices.Sort(h.releases)
	if want := []string{"c1 on a cancelled", "c2 on a not booked", "c3 on b not booked", "c4 on a returned to l1: 3, 70 kg"}; !slices.Equal(h.releases, want) {
		t.Errorf("released %q, want %q", h.releases, want)
	}
	h.away = failure.Unavailable(nil, "away")
	if _, err := c.ReleaseCapacity(t.Context(), req); status.Code(err) != codes.Unavailable {
		t.Errorf("while the store is away: %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c := (&harbour{}).client(t)
	create(t, c)
	for _, e := range []struct {
		name   string
		err    error
		code   codes.Code
		fields []string
	}{
		{"wrong vessel", second(c.CreateVessel(t.Context(), &vesselv1.CreateVesselRequest{Id: "a||b", Capacity: -1})), codes.InvalidArgument, []string{"id", "name", "capacity", "max_weight"}},
		{"there already", second(c.CreateVessel(t.Context(), &vesselv1.CreateVesselRequest{Id: "vessel001", Name: "n", Capacity: 1, MaxWeight: 1})), codes.AlreadyExists, []string{"id"}},
		{"unknown", second(c.GetVessel(t.Context(), &vesselv1.GetVesselRequest{Id: "titanic"})), codes.NotFound, []string{"id"}},
		{"page", second(c.ListVessels(t.Context(), &vesselv1.ListVesselsRequest{})), codes.InvalidArgument, []string{"page_token"}},
		{"too much", second(c.FindAvailable(t.Context(), &vesselv1.FindAvailableRequest{Capacity: 501, MaxWeight: 200001})), codes.FailedPrecondition, []string{"capacity CAPACITY", "max_weight WEIGHT"}},
		{"nothing to find", second(c.FindAvailable(t.Context(), &vesselv1.FindAvailableRequest{})), codes.InvalidArgument, []string{"capacity", "max_weight"}},
		{"many holds", second(c.HoldCapacity(t.Context(), &vesselv1.HoldCapacityRequest{Holds: slices.Repeat([]*vesselv1.CapacityHold{{}}, 1001)})), codes.InvalidArgument, []string{"holds"}},
		{"parts of lots", second(c.ReleaseCapacity(t.Context(), &vesselv1.ReleaseCapacityRequest{Releases: []*vesselv1.CapacityRelease{
			{ConsignmentId: "c1", VesselId: "a"}, {ConsignmentId: "c2", VesselId: "a", LotId: "l", Weight: -1},
		}})), codes.InvalidArgument, []string{"releases[1].lot_id", "releases[1].containers", "releases[1].weight"}},
		{"many releases", second(c.ReleaseCapacity(t.Context(), &vesselv1.ReleaseCapacityRequest{Releases: slices.Repeat([]*vesselv1.CapacityRelease{{}}, 1001)})), codes.InvalidArgument, []string{"releases"}},
	} {
		if status.Code(e.err) != e.code || !slices.Equal(details(e.err), e.fields) {
			t.Errorf("%s: %v of %q, want %s of %q", e.name, e.err, details(e.err), e.code, e.fields)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// details returns what the details of a status name.
func details(err error) (named []string) {
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				named = append(named, v.GetField())
			}
		case *errdetails.PreconditionFailure:
			for _, v := range d.GetViolations() {
				named = append(named, v.GetSubject()+" "+v.GetType())
			}
		}
	}
	return named
}
