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

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/serve"
	"seaport.example/services/inventory/internal/inventory"
	"seaport.example/services/inventory/internal/rpc"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// yard keeps depots in memory and notes the releases.
type yard struct {
	away error

	mu       sync.Mutex
	depots   map[string]inventory.Depot
	listed   []string
	releases []string
}

func (y *yard) GetMany(_ context.Context, keys []string) (map[string]inventory.Depot, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	found := make(map[string]inventory.Depot)
	for _, key := range keys {
		if d, ok := y.depots[key]; ok {
			found[key] = d
		}
	}
	return found, nil
}

func (y *yard) Update(_ context.Context, key string, change func(*inventory.Depot) error) (inventory.Depot, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	d := y.depots[key]
	err := change(&d)
	if err == nil {
		y.depots[key] = d
	}
	return d, err
}

func (y *yard) Apply(_ context.Context, key string, steps []ledger.Step) (inventory.Depot, []error, error) {
	if y.away != nil {
		return inventory.Depot{}, nil, y.away
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	d, there := y.depots[key]
	errs := make([]error, len(steps))
	for i, step := range steps {
		switch {
		case !there:
			errs[i] = ledger.ErrMissing
		case step.Do == ledger.Hold:
			errs[i] = d.Containers.Apply(step, d.Limit(), nil)
		default:
			kind := map[ledger.Action]string{ledger.Release: "cancelled", ledger.Abandon: "not booked"}[step.Do]
			if step.Do == ledger.Return {
				kind = fmt.Sprintf("returned to %s: %d", step.Lot, step.Amount.Containers)
			}
			y.releases = append(y.releases, fmt.Sprintf("%s at %s %s", step.ID, key, kind))
		}
	}
	if there {
		y.depots[key] = d
	}
	return d, errs, nil
}

func (y *yard) Sweep(context.Context, []string) error { return nil }

func (y *yard) Add(_ context.Context, key string, _ time.Time) error {
	y.listed = append([]string{key}, y.listed...)
	return nil
}

func (y *yard) Page(_ context.Context, size int32, token string) ([]string, string, error) {
	if size != 7 || token != "token" {
		return nil, "", failure.Invalid("page_token", "is for %d, %q", size, token)
	}
	return y.listed, "next", nil
}

func (y *yard) All(_ context.Context, visit func(keys []string) error) error { return visit(y.listed) }

func (y *yard) client(t *testing.T) inventoryv1.InventoryServiceClient {
	t.Helper()
	y.depots = make(map[string]inventory.Depot)
	log := slog.New(slog.DiscardHandler)
	server := serve.NewServer(log, auth.NewGuard(auth.GuardConfig{Insecure: true, Rules: []auth.Rules{access.Inventory}}))
	rpc.Register(server, inventory.NewDepots(inventory.Config{
		Store: y, Register: y, HoldTTL: time.Minute, Now: func() time.Time { return noon }, Log: log,
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
	return inventoryv1.NewInventoryServiceClient(conn)
}

// A depot through the whole contract: every field there and back.
func TestLife(t *testing.T) {
	t.Parallel()
	y := &yard{}
	c := y.client(t)
	want := &inventoryv1.Depot{Origin: "Derby", Stock: 10, Free: 10, CreateTime: timestamppb.New(noon)}
	for range 2 { // the same request adds once
		got, err := c.StockDepot(t.Context(), &inventoryv1.StockDepotRequest{Origin: "Derby", Containers: 10, RequestId: "r"})
		if err != nil || !proto.Equal(got.GetDepot(), want) {
			t.Fatalf("stocked %v, %v\nwant    %v", got.GetDepot(), err, want)
		}
	}
	hold := func(id string, pickups ...*inventoryv1.Pickup) *inventoryv1.ContainerHold {
		return &inventoryv1.ContainerHold{ConsignmentId: id, Pickups: pickups}
	}
	held, err := c.HoldContainers(t.Context(), &inventoryv1.HoldContainersRequest{Holds: []*inventoryv1.ContainerHold{
		hold("c1", &inventoryv1.Pickup{Origin: "Derby", Containers: 3}),
		hold("c2", &inventoryv1.Pickup{Origin: "Atlantis", Containers: 1}),
		hold("c3", &inventoryv1.Pickup{Origin: "Derby", Containers: 8}),
	}})
	if err != nil || len(held.GetResults()) != 3 {
		t.Fatal(held, err)
	}
	r := held.GetResults()
	if g := r[0].GetHeld(); g == nil || !g.GetExpireTime().AsTime().Equal(noon.Add(time.Minute)) {
		t.Errorf("c1: %v", r[0])
	}
	for i, want := range []struct {
		code codes.Code
		kind string
	}{1: {codes.NotFound, ""}, 2: {codes.FailedPrecondition, "CONTAINERS"}} {
		if f := r[i].GetFailure(); i > 0 && (codes.Code(f.GetCode()) != want.code || f.GetViolations()[0].GetField() != "pickups[0].origin" || f.GetViolations()[0].GetType() != want.kind) {
			t.Errorf("c%d: %v", i+1, r[i])
		}
	}
	want.Free, want.PendingHolds = 7, 1
	list, err := c.ListDepots(t.Context(), &inventoryv1.ListDepotsRequest{PageSize: 7, PageToken: "token"})
	if page := (&inventoryv1.ListDepotsResponse{Depots: []*inventoryv1.Depot{want}, NextPageToken: "next"}); err != nil || !proto.Equal(list, page) {
		t.Errorf("listed %v, %v\nwant   %v", list, err, page)
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	y := &yard{}
	c := y.client(t)
	for _, origin := range []string{"Derby", "Sheffield"} {
		if _, err := c.StockDepot(t.Context(), &inventoryv1.StockDepotRequest{Origin: origin, Containers: 1}); err != nil {
			t.Fatal(err)
		}
	}
	req := &inventoryv1.ReleaseContainersRequest{Releases: []*inventoryv1.ContainerRelease{
		{ConsignmentId: "c1", Origins: []string{"Derby", "Sheffield"}, Cancelled: true}, {ConsignmentId: "c2", Origins: []string{"Derby", "Atlantis"}},
		{ConsignmentId: "c3", Cancelled: true, LotId: "l1", Origins: []string{"Sheffield"}, Pickups: []*inventoryv1.Pickup{{Origin: "Derby", Containers: 2}}},
	}}
	if _, err := c.ReleaseContainers(t.Context(), req); err != nil {
		t.Error(err)
	}
	slices.Sort(y.releases)
	if want := []string{"c1 at derby cancelled", "c1 at sheffield cancelled", "c2 at derby not booked", "c3 at derby returned to l1: 2"}; !slices.Equal(y.releases, want) {
		t.Errorf("released %q, want %q", y.releases, want)
	}
	y.away = failure.Unavailable(nil, "away")
	if _, err := c.ReleaseContainers(t.Context(), req); status.Code(err) != codes.Unavailable {
		t.Errorf("while the store is away: %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c := (&yard{}).client(t)
	for _, e := range []struct {
		name   string
		err    error
		fields []string
	}{
		{"wrong stock", second(c.StockDepot(t.Context(), &inventoryv1.StockDepotRequest{Origin: "a||b", Containers: -1})), []string{"origin", "containers"}},
		{"page", second(c.ListDepots(t.Context(), &inventoryv1.ListDepotsRequest{})), []string{"page_token"}},
		{"many holds", second(c.HoldContainers(t.Context(), &inventoryv1.HoldContainersRequest{Holds: slices.Repeat([]*inventoryv1.ContainerHold{{}}, 1001)})), []string{"holds"}},
		{"parts of lots", second(c.ReleaseContainers(t.Context(), &inventoryv1.ReleaseContainersRequest{Releases: []*inventoryv1.ContainerRelease{
			{ConsignmentId: "c1", Cancelled: true, Origins: []string{"Derby"}}, {ConsignmentId: "c2", Cancelled: true, LotId: "l"},
		}})), []string{"releases[1].pickups"}},
		{"part of a lot that is not cancelled", second(c.ReleaseContainers(t.Context(), &inventoryv1.ReleaseContainersRequest{Releases: []*inventoryv1.ContainerRelease{
			{ConsignmentId: "c2", LotId: "l", Pickups: []*inventoryv1.Pickup{{Origin: "Derby", Containers: 1}, {Origin: "Sheffield"}}},
		}})), []string{"releases[0].lot_id", "releases[0].pickups[1].containers"}},
		{"many releases", second(c.ReleaseContainers(t.Context(), &inventoryv1.ReleaseContainersRequest{Releases: slices.Repeat([]*inventoryv1.ContainerRelease{{}}, 1001)})), []string{"releases"}},
	} {
		var fields []string
		for _, detail := range status.Convert(e.err).Details() {
			if bad, ok := detail.(*errdetails.BadRequest); ok {
				for _, v := range bad.GetFieldViolations() {
					fields = append(fields, v.GetField())
				}
			}
		}
		if status.Code(e.err) != codes.InvalidArgument || !slices.Equal(fields, e.fields) {
			t.Errorf("%s: %v of %q, want %q", e.name, e.err, fields, e.fields)
		}
	}
}

func second[T any](_ T, err error) error { return err }
