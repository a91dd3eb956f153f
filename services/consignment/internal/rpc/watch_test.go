package rpc_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/auth"
)

// The world's log is one chain of all: of each consignment its booking, and its cancellation.
var _ consignment.Log = (*world)(nil)

func (w *world) entries(customer string) (entries []consignment.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.log {
		if customer == "" || customer == c.Customer {
			entries = append(entries, consignment.Entry{Number: int64(len(entries)), Consignment: &c})
		}
	}
	return entries
}

func (w *world) End(_ context.Context, customer string) (consignment.Position, error) {
	return consignment.Position{int64(len(w.entries(customer)))}, nil
}

func (w *world) Read(_ context.Context, customer string, from consignment.Position) (consignment.Reading, error) {
	return consignment.Reading{Entries: w.entries(customer)[from[0]:]}, nil
}

func (w *world) Mark(customer string, at consignment.Position) string {
	return customer + "@" + strconv.FormatInt(at[0], 10)
}

func (w *world) ParseMark(customer, mark string) (consignment.Position, bool) {
	number, ok := strings.CutPrefix(mark, customer+"@")
	n, err := strconv.ParseInt(number, 10, 64)
	return consignment.Position{n}, ok && err == nil
}

func (w *world) Notify(f func()) { w.notify = f }

// watch begins a watch and returns it with its first answer, or the error that came instead.
func watch(t *testing.T, c consignmentv1.ShippingServiceClient, customer, last string) (grpc.ServerStreamingClient[consignmentv1.WatchConsignmentsResponse], error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	stream, err := c.WatchConsignments(ctx, &consignmentv1.WatchConsignmentsRequest{CustomerId: customer, LastEventId: last})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err == nil && (first.GetStarted() == nil || first.GetEventId() == "") {
		t.Errorf("a watch begins with %v", first)
	}
	return stream, err
}

// A customer watches its own consignments, an operator those of whom it likes.
func TestWhoWatches(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	one, operator := p.user("cust001", auth.Customer), p.user("op1", auth.Operator)
	for _, c := range []struct {
		name     string
		client   consignmentv1.ShippingServiceClient
		customer string
		last     string
		want     codes.Code
	}{
		{"customer, of nobody", one, "", "", codes.OK},
		{"customer, own", one, "cust001", "cust001@0", codes.OK},
		{"customer, of another", one, "cust002", "", codes.PermissionDenied},
		{"customer, after the event of another", one, "", "cust002@0", codes.InvalidArgument},
		{"customer, after an event of all", one, "", "@0", codes.InvalidArgument},
		{"operator, of all", operator, "", "@0", codes.OK},
		{"operator, of a customer", operator, "cust002", "", codes.OK},
		{"operator, of no customer", operator, "a||b", "", codes.InvalidArgument},
		{"operator, beyond", operator, "", "@1", codes.InvalidArgument},
		{"admin", p.user("admin", auth.Admin), "", "", codes.PermissionDenied},
	} {
		if _, err := watch(t, c.client, c.customer, c.last); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	one := p.user("cust001", auth.Customer)
	own, err := watch(t, one, "", "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := watch(t, p.user("op1", auth.Operator), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.user("cust002", auth.Customer).CreateConsignment(t.Context(), orderOf("")); err != nil {
		t.Fatal(err)
	}
	booked, err := one.CreateConsignment(t.Context(), orderOf(""))
	if err != nil {
		t.Fatal(err)
	}
	cancelled, err := one.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: booked.GetConsignment().GetId()})
	if err != nil {
		t.Fatal(err)
	}
	want := []*consignmentv1.WatchConsignmentsResponse{
		changed("cust001@1", consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_BOOKED, booked.GetConsignment()),
		changed("cust001@2", consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_CANCELLED, cancelled.GetConsignment()),
	}
	for i, want := range want {
		if got, err := own.Recv(); err != nil || !proto.Equal(got, want) {
			t.Errorf("answer %d is %v, %v; want %v", i+1, got, err, want)
		}
	}
	for _, customer := range []string{"cust002", "cust001", "cust001"} {
		if got, err := all.Recv(); err != nil || got.GetChange().GetConsignment().GetCustomerId() != customer {
			t.Errorf("who watches all is told %v, %v; want one of %s", got, err, customer)
		}
	}
}

func changed(id string, what consignmentv1.ConsignmentChangeType, c *consignmentv1.Consignment) *consignmentv1.WatchConsignmentsResponse {
	return &consignmentv1.WatchConsignmentsResponse{EventId: id, What: &consignmentv1.WatchConsignmentsResponse_Change{
		Change: &consignmentv1.ConsignmentChange{Type: what, Consignment: c, Time: timestamppb.New(c.GetUpdateTime().AsTime())},
	}}
}
