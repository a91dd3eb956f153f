package rpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/consignment/internal/rpc"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
)

// world is behind the service: room and containers for all, and a store in memory.
type world struct {
	mu     sync.Mutex
	rows   map[string]consignment.Consignment
	order  []string
	log    []consignment.Consignment    // as they were
	most   struct{ bookings, text int } // that were committed together; text in bytes of their descriptions
	notify func()
}

func (w *world) Release(context.Context, []*consignment.Consignment) error { return nil }
func (w *world) Abandon(context.Context, []*consignment.Lot) error         { return nil }

func (w *world) Hold(_ context.Context, lots []*consignment.Lot) []error {
	errs := make([]error, len(lots))
	for i, l := range lots {
		l.Vessel, l.Expires = "vessel001", noon.Add(time.Minute)
		for _, b := range l.Bookings {
			if b.Weight > 1000 {
				errs[i] = failure.Short(failure.ShortOfWeight, "weight", "too heavy")
			}
		}
	}
	return errs
}

func (w *world) Claim(_ context.Context, ids []string) ([]consignment.Claim, error) {
	return slices.Repeat([]consignment.Claim{{Mine: true}}, len(ids)), nil
}
func (w *world) Unclaim(context.Context, []string, []string) {}

func (w *world) Commit(_ context.Context, _ time.Time, lots []*consignment.Lot) error {
	w.mu.Lock()
	defer w.notify()
	defer w.mu.Unlock()
	bookings, text := 0, 0
	for _, l := range lots {
		for _, b := range l.Bookings {
			w.rows[b.ID] = b.Consignment
			w.order = append(w.order, b.ID)
			w.log = append(w.log, b.Consignment)
			bookings, text = bookings+1, text+len(b.Description)
		}
	}
	w.most.bookings, w.most.text = max(w.most.bookings, bookings), max(w.most.text, text)
	return nil
}

func (w *world) Cancel(_ context.Context, c *consignment.Consignment, reason string) error {
	w.mu.Lock()
	defer w.notify()
	defer w.mu.Unlock()
	row := w.rows[c.ID]
	row.Cancel(reason, noon.Add(time.Hour))
	w.rows[c.ID] = row
	w.log = append(w.log, row)
	return nil
}

func (w *world) Get(_ context.Context, id string) (consignment.Consignment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows[id], nil
}

func (w *world) GetMany(context.Context, []string) (map[string]consignment.Consignment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows, nil
}

func (w *world) Page(_ context.Context, customer string, size int32, token string) ([]string, string, error) {
	if customer != "cust001" || size != 7 || token != "token" {
		return nil, "", failure.Invalid("page_token", "is for %q, %d, %q", customer, size, token)
	}
	return w.order, "next", nil
}

// client returns the service as an operator sees it.
func client(t *testing.T) consignmentv1.ShippingServiceClient {
	t.Helper()
	authority := authtest.New(t, "consignment", "gateway")
	return consignmentv1.NewShippingServiceClient(speaking{open(t, authority), authority.User(t, "operator", auth.Operator)})
}

// speaking is a connection on which somebody calls.
type speaking struct {
	*grpc.ClientConn

	token string
}

func (s speaking) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return s.ClientConn.Invoke(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.token), method, args, reply, opts...)
}

// NewStream is Invoke for streams.
func (s speaking) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return s.ClientConn.NewStream(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.token), desc, method, opts...)
}

// open starts the service, with nothing in it.
func open(t *testing.T, authority *authtest.Authority) *grpc.ClientConn {
	t.Helper()
	return openUntil(t, authority, newWorld(), t.Context().Done())
}

func newWorld() *world { return &world{rows: make(map[string]consignment.Consignment)} }

// openUntil is open of a service in a world, which is told to stop.
func openUntil(t *testing.T, authority *authtest.Authority, w *world, stopping <-chan struct{}) *grpc.ClientConn {
	t.Helper()
	guard := auth.NewGuard(auth.GuardConfig{App: "consignment", Keys: authority.Keys(t, "consignment"), Rules: []auth.Rules{access.Consignment}})
	log := slog.New(slog.DiscardHandler)
	var mu sync.Mutex
	ids := 0
	server := serve.NewServer(log, guard)
	watches := consignment.NewWatches(t.Context(), w, log)
	rpc.Register(server, consignment.NewBookings(consignment.Config{
		Vessels: w, Depots: w, Store: w, Now: func() time.Time { return noon }, Log: log,
		NewID: func() string {
			mu.Lock()
			defer mu.Unlock()
			ids++
			return fmt.Sprintf("c%d", ids)
		},
	}), watches, guard, stopping)
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

func request() *consignmentv1.CreateConsignmentRequest {
	return &consignmentv1.CreateConsignmentRequest{
		Description: "tea", Weight: 550, CustomerId: "cust001",
		Containers: []*consignmentv1.Container{
			{Id: "box", CustomerId: "cust002", Origin: "Derby", UserId: "user001"}, {Origin: "Manchester"},
		},
	}
}

func stored() *consignmentv1.Consignment {
	return &consignmentv1.Consignment{
		Id: "c1", Description: "tea", Weight: 550, CustomerId: "cust001", VesselId: "vessel001",
		Status:     consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED,
		CreateTime: timestamppb.New(noon), UpdateTime: timestamppb.New(noon),
		Containers: []*consignmentv1.Container{
			{Id: "box", CustomerId: "cust002", Origin: "Derby", UserId: "user001"}, {Id: "c1-2", Origin: "Manchester"},
		},
	}
}

// One consignment through its life: every field there and back.
func TestLife(t *testing.T) {
	t.Parallel()
	c := client(t)
	created, err := c.CreateConsignment(t.Context(), request())
	if want := (&consignmentv1.CreateConsignmentResponse{Created: true, Consignment: stored()}); err != nil || !proto.Equal(created, want) {
		t.Errorf("created %v, %v\nwant    %v", created, err, want)
	}
	got, err := c.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c1"})
	if err != nil || !proto.Equal(got.GetConsignment(), stored()) {
		t.Errorf("got %v, %v", got, err)
	}
	list, err := c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{CustomerId: "cust001", PageSize: 7, PageToken: "token"})
	want := &consignmentv1.ListConsignmentsResponse{Consignments: []*consignmentv1.Consignment{stored()}, NextPageToken: "next"}
	if err != nil || !proto.Equal(list, want) {
		t.Errorf("listed %v, %v\nwant   %v", list, err, want)
	}
	cancelled, err := c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: "c1", Reason: "r"})
	end := stored()
	end.Status, end.StatusReason, end.UpdateTime = consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED, "r", timestamppb.New(noon.Add(time.Hour))
	if err != nil || !proto.Equal(cancelled.GetConsignment(), end) {
		t.Errorf("cancelled %v, %v\nwant      %v", cancelled, err, end)
	}
}

// The wished vessel and the request id arrive.
func TestRequestID(t *testing.T) {
	t.Parallel()
	c := client(t)
	req := request()
	req.RequestId, req.VesselId = "r", "vessel||"
	if _, err := c.CreateConsignment(t.Context(), req); !slices.Equal(badFields(err), []string{"vessel_id"}) {
		t.Errorf("wished vessel: %v", err)
	}
	req.VesselId = ""
	created, err := c.CreateConsignment(t.Context(), req)
	if err != nil || created.GetConsignment().GetId() == "c1" || len(created.GetConsignment().GetId()) != 36 {
		t.Errorf("the id %q, %v is not derived from the request id", created.GetConsignment().GetId(), err)
	}
}

func TestBatchCreate(t *testing.T) {
	t.Parallel()
	c := client(t)
	heavy, empty := request(), &consignmentv1.CreateConsignmentRequest{}
	heavy.Weight = 2000
	resp, err := c.BatchCreateConsignments(t.Context(), &consignmentv1.BatchCreateConsignmentsRequest{
		Requests: []*consignmentv1.CreateConsignmentRequest{heavy, request(), empty},
	})
	if err != nil || len(resp.GetResults()) != 3 {
		t.Fatalf("BatchCreate = %v, %v", resp, err)
	}
	r := resp.GetResults()
	if f := r[0].GetFailure(); codes.Code(f.GetCode()) != codes.FailedPrecondition || f.GetViolations()[0].GetType() != "WEIGHT" {
		t.Errorf("too heavy: %v", r[0])
	}
	if !r[1].GetResponse().GetCreated() || r[1].GetResponse().GetConsignment().GetDescription() != "tea" {
		t.Errorf("nothing wrong: %v", r[1])
	}
	if f := r[2].GetFailure(); codes.Code(f.GetCode()) != codes.InvalidArgument || len(f.GetViolations()) != 2 {
		t.Errorf("empty: %v", r[2])
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c := client(t)
	for _, e := range []struct {
		name   string
		err    error
		code   codes.Code
		fields []string
	}{
		{"wrong order", second(c.CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{Weight: -1})), codes.InvalidArgument, []string{"weight", "containers"}},
		{"unknown", second(c.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "nowhere"})), codes.NotFound, []string{"id"}},
		{"id with separator", second(c.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "a||b"})), codes.InvalidArgument, []string{"id"}},
		{"unknown to cancel", second(c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: "nowhere"})), codes.NotFound, []string{"id"}},
		{"long reason", second(c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: "x", Reason: strings.Repeat("x", 501)})), codes.InvalidArgument, []string{"reason"}},
		{"page", second(c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{})), codes.InvalidArgument, []string{"page_token"}},
		{"large batch", second(c.BatchCreateConsignments(t.Context(), &consignmentv1.BatchCreateConsignmentsRequest{
			Requests: slices.Repeat([]*consignmentv1.CreateConsignmentRequest{{}}, 1001)})), codes.InvalidArgument, []string{"requests"}},
	} {
		if status.Code(e.err) != e.code || !slices.Equal(badFields(e.err), e.fields) {
			t.Errorf("%s: %v of %q, want %s of %q", e.name, e.err, badFields(e.err), e.code, e.fields)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// badFields returns what the details of a status name.
func badFields(err error) (fields []string) {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		}
	}
	return fields
}
