package rpc_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
)

// people is the service as several people see it.
type people struct {
	t         *testing.T
	conn      *grpc.ClientConn
	authority *authtest.Authority
}

func newPeople(t *testing.T) people {
	authority := authtest.New(t, "consignment", "gateway", "vessel")
	return people{t, open(t, authority), authority}
}

func (p people) user(id string, role auth.Role) consignmentv1.ShippingServiceClient {
	return consignmentv1.NewShippingServiceClient(speaking{p.conn, p.authority.User(p.t, id, role)})
}

func (p people) app(id string) consignmentv1.ShippingServiceClient {
	return consignmentv1.NewShippingServiceClient(speaking{p.conn, p.authority.App(p.t, id, "consignment")})
}

func orderOf(customer string) *consignmentv1.CreateConsignmentRequest {
	order := request()
	order.CustomerId = customer
	return order
}

// A customer books for nobody else, and need not say who it is; an operator may.
func TestWhoseBooking(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	one, operator := p.user("cust001", auth.Customer), p.user("op1", auth.Operator)
	for _, c := range []struct {
		name   string
		client consignmentv1.ShippingServiceClient
		names  string // customer_id of the order
		want   string // customer_id of what is booked; "" for a refusal
	}{
		{"customer, of nobody", one, "", "cust001"},
		{"customer, own", one, "cust001", "cust001"},
		{"customer, of another", one, "cust002", ""},
		{"operator, of nobody", operator, "", "op1"},
		{"operator, of a customer", operator, "cust002", "cust002"},
	} {
		resp, err := c.client.CreateConsignment(t.Context(), orderOf(c.names))
		batch, batchErr := c.client.BatchCreateConsignments(t.Context(), &consignmentv1.BatchCreateConsignmentsRequest{
			Requests: []*consignmentv1.CreateConsignmentRequest{orderOf(c.names)}})
		if batchErr != nil {
			t.Fatal(batchErr)
		}
		one := batch.GetResults()[0]
		if c.want == "" {
			if status.Code(err) != codes.PermissionDenied || !slices.Equal(badFields(err), []string{"customer_id"}) ||
				codes.Code(one.GetFailure().GetCode()) != codes.PermissionDenied {
				t.Errorf("%s: booked %v, %v and %v", c.name, resp, err, one)
			}
			continue
		}
		if err != nil || resp.GetConsignment().GetCustomerId() != c.want || one.GetResponse().GetConsignment().GetCustomerId() != c.want {
			t.Errorf("%s: booked %v, %v and %v", c.name, resp, err, one)
		}
	}
}

// To a customer the consignment of another is as good as none.
func TestOthersConsignments(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	one, other := p.user("cust001", auth.Customer), p.user("cust002", auth.Customer)
	booked, err := one.CreateConsignment(t.Context(), orderOf(""))
	if err != nil {
		t.Fatal(err)
	}
	id := booked.GetConsignment().GetId()
	_, unknown := other.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c9"})
	_, others := other.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: id})
	_, cancelled := other.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: id})
	for name, err := range map[string]error{"get": others, "cancel": cancelled, "get of none": unknown} {
		if status.Code(err) != codes.NotFound || !slices.Equal(badFields(err), []string{"id"}) {
			t.Errorf("%s: %v, want NOT_FOUND of id", name, err)
		}
	}
	if _, err := other.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{CustomerId: "cust001"}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("list of another: %v", err)
	}
	if got, err := one.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: id}); err != nil ||
		got.GetConsignment().GetStatus() != consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED {
		t.Errorf("after the other tried to cancel it: %v, %v", got, err)
	}
	// The store of this test lists for cust001 alone: whoever asks for nobody in particular gets the own ones.
	if _, err := one.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{PageSize: 7, PageToken: "token"}); err != nil {
		t.Errorf("list of one's own: %v", err)
	}
	if _, err := p.app("vessel").CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: id}); err != nil {
		t.Errorf("cancelled by a service: %v", err)
	}
}

// The gateway carries bookings of several callers: each is booked for the one whose token came with it.
func TestCallersOfABatch(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	req := &consignmentv1.BatchCreateConsignmentsRequest{
		Requests: []*consignmentv1.CreateConsignmentRequest{orderOf(""), orderOf(""), orderOf("cust001"), orderOf(""), orderOf("")},
		Tokens: []string{
			p.authority.User(t, "cust001", auth.Customer), p.authority.User(t, "cust002", auth.Customer),
			p.authority.User(t, "boss", auth.Admin), "garbage",
		},
		Callers: []int32{1, 0, 1, 2, 3},
	}
	resp, err := p.app("gateway").BatchCreateConsignments(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range resp.GetResults() {
		if f := r.GetFailure(); f != nil {
			got = append(got, codes.Code(f.GetCode()).String())
		} else {
			got = append(got, r.GetResponse().GetConsignment().GetCustomerId())
		}
	}
	if want := []string{"cust002", "cust001", "PermissionDenied", "PermissionDenied", "Unauthenticated"}; !slices.Equal(got, want) {
		t.Errorf("booked for %q, want %q", got, want)
	}
	// Who is not the gateway speaks for oneself, and the gateway for nobody without a token.
	for name, c := range map[string]struct {
		client  consignmentv1.ShippingServiceClient
		tokens  []string
		callers []int32
		want    codes.Code
		field   string
	}{
		"a user with tokens":     {p.user("op1", auth.Operator), req.GetTokens(), req.GetCallers(), codes.InvalidArgument, "tokens"},
		"another service":        {p.app("vessel"), req.GetTokens(), req.GetCallers(), codes.PermissionDenied, ""},
		"gateway without tokens": {p.app("gateway"), nil, nil, codes.InvalidArgument, "callers"},
		"no such token":          {p.app("gateway"), req.GetTokens(), []int32{0, 1, 2, 3, 4}, codes.InvalidArgument, "callers[4]"},
		"a negative one":         {p.app("gateway"), req.GetTokens(), []int32{-1, 1, 2, 3, 3}, codes.InvalidArgument, "callers[0]"},
	} {
		_, err := c.client.BatchCreateConsignments(t.Context(), &consignmentv1.BatchCreateConsignmentsRequest{
			Requests: req.GetRequests(), Tokens: c.tokens, Callers: c.callers})
		if status.Code(err) != c.want || c.field != "" && !slices.Equal(badFields(err), []string{c.field}) {
			t.Errorf("%s: %v, want %s of %q", name, err, c.want, c.field)
		}
	}
}
