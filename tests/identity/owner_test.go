package identity

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Customers book for themselves, and see and touch what is theirs and nothing else.
func TestCustomersKeepToTheirOwn(t *testing.T) {
	p := shared(t)
	operator := p.Client(t)
	vessel, depot := freight.Vessel(t, operator, 100, 100_000), freight.Depot(t, operator, 100)
	one, two := p.Register(t), p.Register(t)
	order := freight.Order(vessel, 10, depot)
	order.CustomerId = ""

	booked := freight.Book(t, one.Client(t), order)
	if booked.GetCustomerId() != one.UserID {
		t.Errorf("booked for customer %q, want the caller, %q", booked.GetCustomerId(), one.UserID)
	}
	other := freight.Book(t, two.Client(t), order)

	t.Run("a list has one's own", func(t *testing.T) {
		for _, customer := range []string{"", one.UserID} {
			listed, err := audit.List(t.Context(), one.Client(t), customer)
			if err != nil || len(listed) != 1 || listed[0].GetId() != booked.GetId() {
				t.Errorf("of customer %q: got %v, %v, want %s alone", customer, listed, err, booked.GetId())
			}
		}
	})
	t.Run("another's is as good as none", func(t *testing.T) {
		c := one.Client(t)
		said := func(id string) [2]string {
			_, err := c.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: id})
			freight.Refused(t, err, codes.NotFound)
			get := strings.ReplaceAll(err.Error(), id, "ID")
			_, err = c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: id})
			freight.Refused(t, err, codes.NotFound)
			return [2]string{get, strings.ReplaceAll(err.Error(), id, "ID")}
		}
		if got, want := said(other.GetId()), said("01234567-89ab-7cde-8f01-23456789abcd"); got != want {
			t.Errorf("of another's it says %q, of one that does not exist %q", got, want)
		}
		kept, err := operator.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: other.GetId()})
		if err != nil || kept.GetConsignment().GetStatus() != consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED {
			t.Errorf("the other's consignment is now %v, %v", kept, err)
		}
	})
	t.Run("a batch is for oneself", func(t *testing.T) {
		foreign := freight.Order(vessel, 10, depot)
		foreign.CustomerId = two.UserID
		answer, err := one.Client(t).BatchCreateConsignments(t.Context(), &consignmentv1.BatchCreateConsignmentsRequest{
			Requests: []*consignmentv1.CreateConsignmentRequest{order, foreign},
		})
		if err != nil || len(answer.GetResults()) != 2 {
			t.Fatalf("got %v, %v, want two results", answer, err)
		}
		if got := answer.GetResults()[0].GetResponse().GetConsignment(); got.GetCustomerId() != one.UserID {
			t.Errorf("the first is %v, want a booking of the caller", answer.GetResults()[0])
		}
		if f := answer.GetResults()[1].GetFailure(); f.GetCode() != int32(codes.PermissionDenied) || len(f.GetViolations()) != 1 || f.GetViolations()[0].GetField() != "customer_id" {
			t.Errorf("the second is %v, want PERMISSION_DENIED naming customer_id", answer.GetResults()[1])
		}
	})
	t.Run("the customer of another is refused by name", func(t *testing.T) {
		foreign := freight.Order(vessel, 10, depot)
		foreign.CustomerId = two.UserID
		_, err := one.Client(t).CreateConsignment(t.Context(), foreign)
		freight.Refused(t, err, codes.PermissionDenied)
		if v := freight.Violations(err); len(v) != 1 || v[0].Field != "customer_id" {
			t.Errorf("the refusal names %+v, want customer_id", v)
		}
	})
	t.Run("an operator books for anybody, and for oneself by default", func(t *testing.T) {
		foreign := freight.Order(vessel, 10, depot)
		foreign.CustomerId = two.UserID
		if got := freight.Book(t, operator, foreign); got.GetCustomerId() != two.UserID {
			t.Errorf("booked for %q, want %q", got.GetCustomerId(), two.UserID)
		}
		if got := freight.Book(t, operator, order); got.GetCustomerId() != p.Account(t, platform.Operator).UserID {
			t.Errorf("booked for %q, want the operator", got.GetCustomerId())
		}
	})
	// Bookings of several customers at once share a call to the service: each stays whose it is.
	t.Run("at once with others", func(t *testing.T) {
		users := []platform.User{one, two, p.Register(t), p.Register(t)}
		type booking struct {
			user string
			work *freight.Work
		}
		var all []booking
		for _, user := range users {
			orders := freight.Orders(10, vessel, 1, depot)
			for _, order := range orders {
				order.CustomerId = ""
			}
			all = append(all, booking{user.UserID, freight.Callers{Client: user.Client(t), Count: 5}.Start(t.Context(), orders)})
		}
		for _, b := range all {
			for _, result := range b.work.Results() {
				if result.Err != nil || result.Booked.GetCustomerId() != b.user {
					t.Errorf("a booking of %s came back as %v, %v", b.user, result.Booked, result.Err)
				}
			}
		}
	})
}
