package watching

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Customers are told what happens to their own consignments, operators what happens to all, by gRPC as by
// Server-Sent Events.
func TestWatch(t *testing.T) {
	p := platform.Shared(t, "--no-seed")
	operator := p.Client(t)
	vessel, depot := freight.Vessel(t, operator, 100, 100_000), freight.Depot(t, operator, 100)
	one, other := p.Register(t), p.Register(t)
	order := func() *consignmentv1.CreateConsignmentRequest {
		order := freight.Order(vessel, 1, depot)
		order.CustomerId = ""
		return order
	}
	freight.Book(t, one.Client(t), order()) // before anybody watches
	watchers := map[string][]*watcher{
		one.UserID: {
			watch(t, "one, gRPC", overGRPC(one.Client(t), "")),
			watch(t, "one, SSE", overSSE(t, p, one.Caller, one.UserID)),
			watch(t, "operator about one", overGRPC(operator, one.UserID)),
		},
		other.UserID: {watch(t, "other, SSE", overSSE(t, p, other.Caller, ""))},
		"":           {watch(t, "operator, gRPC", overGRPC(operator, "")), watch(t, "operator, SSE", overSSE(t, p, p.As(t, platform.Operator), ""))},
	}
	var changes []string
	own := make(map[string][]string)
	for _, user := range []platform.User{one, other, one} {
		c := user.Client(t)
		booked := freight.Book(t, c, order())
		own[user.UserID] = append(own[user.UserID], booked.GetId()+" booked", booked.GetId()+" cancelled")
		if _, err := c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: booked.GetId()}); err != nil {
			t.Fatal(err)
		}
		changes = append(changes, booked.GetId()+" booked", booked.GetId()+" cancelled")
	}
	own[""] = changes
	for customer, all := range watchers {
		for _, w := range all {
			w.wantChanges(t, own[customer])
		}
	}
}

// A watch that cannot be is refused, with the field at fault.
func TestRefusedWatch(t *testing.T) {
	p := platform.Shared(t, "--no-seed")
	one, other := p.Register(t), p.Register(t)
	others := watch(t, "other", overGRPC(other.Client(t), ""))
	for name, c := range map[string]struct {
		request *consignmentv1.WatchConsignmentsRequest
		code    codes.Code
		http    int
		field   string
	}{
		"the event of another": {&consignmentv1.WatchConsignmentsRequest{LastEventId: others.last}, codes.InvalidArgument, http.StatusBadRequest, "last_event_id"},
		"rubbish":              {&consignmentv1.WatchConsignmentsRequest{LastEventId: "rubbish"}, codes.InvalidArgument, http.StatusBadRequest, "last_event_id"},
		"long rubbish":         {&consignmentv1.WatchConsignmentsRequest{LastEventId: strings.Repeat("x", 10_000)}, codes.InvalidArgument, http.StatusBadRequest, "last_event_id"},
		"another customer":     {&consignmentv1.WatchConsignmentsRequest{CustomerId: other.UserID}, codes.PermissionDenied, http.StatusForbidden, "customer_id"},
	} {
		stream, err := one.Client(t).WatchConsignments(t.Context(), c.request)
		if err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		if found := freight.Violations(err); status.Code(err) != c.code || len(found) != 1 || found[0].Field != c.field {
			t.Errorf("%s: %v, %v; want %s of %s", name, err, found, c.code, c.field)
		}
		query := url.Values{"customer_id": {c.request.GetCustomerId()}, "last_event_id": {c.request.GetLastEventId()}}
		answer := one.REST(t, "GET", "/v1/consignments:watch?"+query.Encode(), nil)
		if answer.Status != c.http || !strings.HasPrefix(answer.Type, "application/json") || !strings.Contains(string(answer.Body), `"field":"`+c.field+`"`) {
			t.Errorf("%s: answered %d %s %s", name, answer.Status, answer.Type, answer.Body)
		}
	}
}

// Whoever does not take what is told holds up nobody, and gets everything when it reads on; whoever comes back
// late, too, and is told that it is. (How much connections hold by themselves is not certain, so neither is
// whether the slow one is told.)
func TestSlowWatcher(t *testing.T) {
	p := platform.Shared(t, "--no-seed")
	operator := p.Client(t)
	const batches, each, containers = 4, 500, 10
	vessel, depot := freight.Vessel(t, operator, batches*each*containers, 1_000_000), freight.Depot(t, operator, batches*each*containers)
	customer := p.Register(t)
	slow, err := customer.Client(t).WatchConsignments(t.Context(), &consignmentv1.WatchConsignmentsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	started, err := slow.Recv()
	if err != nil || started.GetStarted() == nil {
		t.Fatalf("the watch begins with %v, %v", started, err)
	}
	quick := watch(t, "the quick one", overGRPC(operator, customer.UserID))

	var want []string
	for range batches {
		request := &consignmentv1.BatchCreateConsignmentsRequest{}
		for range each {
			order := freight.Order(vessel, 1, slices.Repeat([]string{depot}, containers)...)
			order.CustomerId, order.Description = customer.UserID, strings.Repeat("x", 1000)
			request.Requests = append(request.Requests, order)
		}
		answer, err := operator.BatchCreateConsignments(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range answer.GetResults() {
			if result.GetResponse() == nil {
				t.Fatalf("refused: %v", result.GetFailure())
			}
			want = append(want, result.GetResponse().GetConsignment().GetId()+" booked")
		}
	}
	quick.wantChanges(t, want)

	if behind := readAll(t, slow, want); behind > 1 {
		t.Errorf("the slow one is told %d times that it fell behind", behind)
	}
	late, err := customer.Client(t).WatchConsignments(t.Context(), &consignmentv1.WatchConsignmentsRequest{LastEventId: started.GetEventId()})
	if err != nil {
		t.Fatal(err)
	}
	if behind := readAll(t, late, want); behind != 1 {
		t.Errorf("the late one is told %d times that it is behind", behind)
	}
}

// readAll reads until all changes that are wanted are told, each once, and returns how often it was told that
// the watch fell behind.
func readAll(t *testing.T, stream grpc.ServerStreamingClient[consignmentv1.WatchConsignmentsResponse], want []string) (behind int) {
	t.Helper()
	got := make(map[string]bool)
	for len(got) < len(want) {
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if answer.GetFellBehind() != nil {
			behind++
		}
		if answer.GetChange() == nil {
			continue
		}
		change := answer.GetChange().GetConsignment().GetId() + " " + names[answer.GetChange().GetType()]
		if got[change] || !slices.Contains(want, change) {
			t.Fatalf("%s is told twice, or has not happened", change)
		}
		got[change] = true
	}
	return behind
}
