package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// walk lists page after page and returns the ids in the order shown.
func walk(ctx context.Context, c *platform.Client, customer string, size int32, afterPage func()) ([]string, error) {
	var ids []string
	for token := ""; ; {
		page, err := c.ListConsignments(ctx, &consignmentv1.ListConsignmentsRequest{CustomerId: customer, PageSize: size, PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("page after %d: %w", len(ids), err)
		}
		if len(page.GetConsignments()) > int(size) {
			return nil, fmt.Errorf("a page of %d has %d", size, len(page.GetConsignments()))
		}
		for _, consignment := range page.GetConsignments() {
			ids = append(ids, consignment.GetId())
		}
		if token = page.GetNextPageToken(); token == "" {
			return ids, nil
		}
		if afterPage != nil {
			afterPage()
		}
	}
}

// What is booked one after the other is listed the newest first, at once, whatever the page size.
func TestNewestFirst(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags []string
	}{
		{"one replica", []string{"--no-seed"}},
		{"two replicas", []string{"--no-seed", "--replicas", "consignment=2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := platform.Start(t, test.flags...)
			c := p.Client(t)
			vessel, depot := freight.Vessel(t, c, 100_000, 1_000_000), freight.Depot(t, c, 100_000)
			customers := []string{freight.Customer(), freight.Customer(), freight.Customer()}
			var all []string
			own := make(map[string][]string)
			for i := range 160 {
				order := freight.Order(vessel, 1, depot)
				order.CustomerId = customers[i%len(customers)]
				id := freight.Book(t, c, order).GetId()
				all = slices.Insert(all, 0, id)
				own[order.GetCustomerId()] = slices.Insert(own[order.GetCustomerId()], 0, id)
				newest, err := c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{PageSize: 1})
				if err != nil || len(newest.GetConsignments()) != 1 || newest.GetConsignments()[0].GetId() != id {
					t.Fatalf("right after booking %s the newest is %v, %v", id, newest, err)
				}
			}
			for _, size := range []int32{1, 7, 50, 160, 200} {
				if got, err := walk(t.Context(), c, "", size, nil); err != nil || !slices.Equal(got, all) {
					t.Errorf("pages of %d: got %d consignments, %v, in another order or others than the %d booked", size, len(got), err, len(all))
				}
				for _, customer := range customers {
					if got, err := walk(t.Context(), c, customer, size, nil); err != nil || !slices.Equal(got, own[customer]) {
						t.Errorf("pages of %d: got %d consignments of %s, %v, want %d", size, len(got), customer, err, len(own[customer]))
					}
				}
			}
			t.Run("a tampered page token is refused", func(t *testing.T) { tamper(t, c, customers) })
			t.Run("while bookings arrive", func(t *testing.T) { listDuringBookings(t, c, vessel, depot) })
			audit.Wait(t, p, c, 30*time.Second)
		})
	}
}

func tamper(t *testing.T, c *platform.Client, customers []string) {
	list := func(customer, token string) error {
		_, err := c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{CustomerId: customer, PageSize: 5, PageToken: token})
		return err
	}
	page, err := c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	token := page.GetNextPageToken()
	if err := list("", token); err != nil {
		t.Fatalf("the token as it was given: %v", err)
	}
	spoiled := map[string]string{
		"cut short": token[:len(token)-1], "longer": token + "A", "twice": token + token, "padded": token + "=", "a space before": " " + token,
	}
	for i := range token {
		for _, other := range []byte("A9-_z") {
			if token[i] != other {
				spoiled[fmt.Sprintf("character %d is %c", i, other)] = token[:i] + string(other) + token[i+1:]
			}
		}
	}
	for name, bad := range spoiled {
		err := list("", bad)
		if v := freight.Violations(err); codeOf(err) != codes.InvalidArgument || len(v) != 1 || v[0].Field != "page_token" {
			t.Errorf("%s: got %v, want INVALID_ARGUMENT naming page_token", name, err)
		}
	}
	freight.Refused(t, list(customers[0], token), codes.InvalidArgument)
	own, err := c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{CustomerId: customers[0], PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	freight.Refused(t, list(customers[1], own.GetNextPageToken()), codes.InvalidArgument)
	freight.Refused(t, list("", own.GetNextPageToken()), codes.InvalidArgument)
}

// listDuringBookings walks the list again and again while callers book. Each walk must show all
// that was answered before it began, nothing twice, and what was answered before another was
// asked for below that other.
func listDuringBookings(t *testing.T, c *platform.Client, vessel, depot string) {
	orders := freight.Orders(600, vessel, 1, depot)
	customer := freight.Customer()
	for _, order := range orders {
		order.CustomerId = customer
	}
	before, err := walk(t.Context(), c, "", 200, nil)
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu      sync.Mutex
		results []freight.Result
		done    = make(chan struct{})
		each    = &recorder{ShippingServiceClient: c.ShippingServiceClient, heard: func(r freight.Result) {
			mu.Lock()
			defer mu.Unlock()
			results = append(results, r)
		}}
	)
	go func() {
		defer close(done)
		freight.Callers{Client: each, Count: 6}.Book(t.Context(), orders)
	}()
	for walks, over := 0, false; !over || walks < 2; walks++ {
		select {
		case <-done:
			over = true
		default:
		}
		mu.Lock()
		answered := slices.Clone(results)
		mu.Unlock()
		for _, scope := range []string{"", customer} {
			ids, err := walk(t.Context(), c, scope, 20, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := len(answered)
			if scope == "" {
				want += len(before)
			}
			at := make(map[string]int, len(ids))
			for i, id := range ids {
				if first, twice := at[id]; twice {
					t.Fatalf("%s is shown at %d and at %d", id, first, i)
				}
				at[id] = i
			}
			if len(ids) < want {
				t.Fatalf("%d consignments are shown, %d were booked before", len(ids), want)
			}
			wantInOrder(t, at, answered)
		}
	}
	if len(results) != len(orders) {
		t.Errorf("%d of %d were booked", len(results), len(orders))
	}
}

// wantInOrder wants that what was answered before another was asked for stands below it.
func wantInOrder(t *testing.T, at map[string]int, answered []freight.Result) {
	t.Helper()
	began := slices.Clone(answered)
	slices.SortFunc(began, func(a, b freight.Result) int { return b.Began.Compare(a.Began) }) // newest first
	ended := slices.Clone(answered)
	slices.SortFunc(ended, func(a, b freight.Result) int { return b.Ended.Compare(a.Ended) })
	// Going back in time, the lowest place so far of those that began after r ended.
	lowest, next := -1, 0
	for _, r := range ended {
		for ; next < len(began) && began[next].Began.After(r.Ended); next++ {
			place, shown := at[began[next].Booked.GetId()]
			if !shown {
				t.Fatalf("%s was booked and is not shown", began[next].Booked.GetId())
			}
			lowest = max(lowest, place)
		}
		if place, shown := at[r.Booked.GetId()]; !shown || place < lowest {
			t.Fatalf("%s is shown at %d (%t), above one that was asked for after it was answered, at %d", r.Booked.GetId(), place, shown, lowest)
		}
	}
}

// recorder hears of every booking as it is answered.
type recorder struct {
	consignmentv1.ShippingServiceClient

	heard func(freight.Result)
}

func (r *recorder) CreateConsignment(ctx context.Context, order *consignmentv1.CreateConsignmentRequest, opts ...callOption) (*consignmentv1.CreateConsignmentResponse, error) {
	began := time.Now()
	answer, err := r.ShippingServiceClient.CreateConsignment(ctx, order, opts...)
	if err == nil {
		r.heard(freight.Result{Order: order, Booked: proto.CloneOf(answer.GetConsignment()), Began: began, Ended: time.Now()})
	}
	return answer, err
}
