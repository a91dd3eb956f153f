package booking

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// The same request_id sent 50 times at once books once, and all get the same answer, whichever
// replica they reach.
func TestSameRequestIDBooksOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags []string
	}{
		{"one replica", []string{"--no-seed"}},
		{"two replicas", []string{"--no-seed", "--replicas", "consignment=2", "--replicas", "vessel=2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := platform.Start(t, test.flags...)
			c := p.Client(t)
			vessel := freight.Vessel(t, c, 1_000, 1_000_000)
			depot := freight.Depot(t, c, 1_000)
			const rounds = 5
			for round := range rounds {
				order := freight.Order(vessel, 500, depot, depot)
				order.RequestId, order.CustomerId = freight.RequestID(), freight.Customer()
				answers := atOnce(t, p, func(int) *consignmentv1.CreateConsignmentRequest { return order })
				for i, a := range answers {
					if a.err != nil || !proto.Equal(a.answer, answers[0].answer) {
						t.Errorf("round %d: call %d answered\n%v, %v\ncall 0\n%v", round, i, a.answer, a.err, answers[0].answer)
					}
				}
				if listed, err := audit.List(t.Context(), c, order.GetCustomerId()); err != nil || len(listed) != 1 {
					t.Errorf("round %d: %d consignments are listed (%v), want 1", round, len(listed), err)
				}
			}
			audit.Wait(t, p, c, 30*time.Second)
			if room := freight.Room(t, c, vessel); room.GetFreeCapacity() != 1_000-2*rounds || room.GetFreeWeight() != 1_000_000-500*rounds {
				t.Errorf("%d containers and %d kg are left, want %d and %d", room.GetFreeCapacity(), room.GetFreeWeight(), 1_000-2*rounds, 1_000_000-500*rounds)
			}

			t.Run("later the answer is still the same", func(t *testing.T) {
				order := freight.Order(vessel, 10, depot)
				order.RequestId = freight.RequestID()
				first := freight.Book(t, c, order)
				audit.Wait(t, p, c, 30*time.Second)
				if again := freight.Book(t, c, order); !proto.Equal(again, first) {
					t.Errorf("got\n%v\nwant\n%v", again, first)
				}
			})
			t.Run("other content with the same request_id is refused", func(t *testing.T) {
				order := freight.Order(vessel, 10, depot)
				order.RequestId = freight.RequestID()
				freight.Book(t, c, order)
				other := proto.CloneOf(order)
				other.Weight++
				_, err := c.CreateConsignment(t.Context(), other)
				freight.Refused(t, err, codes.AlreadyExists)
				if v := freight.Violations(err); len(v) != 1 || v[0].Field != "request_id" {
					t.Errorf("the refusal names %+v, want request_id", v)
				}
			})
			t.Run("of two contents at once one is booked", func(t *testing.T) {
				customer, request := freight.Customer(), freight.RequestID()
				answers := atOnce(t, p, func(i int) *consignmentv1.CreateConsignmentRequest {
					order := freight.Order(vessel, int32(10+i%2), depot)
					order.RequestId, order.CustomerId = request, customer
					return order
				})
				listed, err := audit.List(t.Context(), c, customer)
				if err != nil || len(listed) != 1 {
					t.Fatalf("%d consignments are listed (%v), want 1", len(listed), err)
				}
				for i, a := range answers {
					switch won := int32(10+i%2) == listed[0].GetWeight(); {
					case won && (a.err != nil || !proto.Equal(a.answer.GetConsignment(), listed[0])):
						t.Errorf("call %d answered %v, %v, want the booking", i, a.answer, a.err)
					case !won && a.code() != codes.AlreadyExists:
						t.Errorf("call %d answered %v, %v, want ALREADY_EXISTS", i, a.answer, a.err)
					}
				}
			})
			t.Run("another customer's request_id is another booking", func(t *testing.T) {
				order := freight.Order(vessel, 10, depot)
				order.RequestId, order.CustomerId = freight.RequestID(), freight.Customer()
				first := freight.Book(t, c, order)
				order.CustomerId = freight.Customer()
				if second := freight.Book(t, c, order); second.GetId() == first.GetId() {
					t.Errorf("both customers have consignment %s", first.GetId())
				}
			})
			audit.Wait(t, p, c, 30*time.Second)
		})
	}
}

// answered is one answer of many.
type answered struct {
	answer *consignmentv1.CreateConsignmentResponse
	err    error
	rest   codes.Code // what REST said, where it was REST
}

func (a answered) code() codes.Code {
	if a.rest != codes.OK {
		return a.rest
	}
	return codeOf(a.err)
}

// atOnce sends 50 orders at the same moment: through the gateway by gRPC and by REST, and through
// the sidecars of other services, which spread them over the replicas.
func atOnce(t *testing.T, p *platform.Platform, order func(i int) *consignmentv1.CreateConsignmentRequest) []answered {
	t.Helper()
	calls := []func(context.Context, *consignmentv1.CreateConsignmentRequest) answered{overREST(t, p)}
	for _, c := range []*platform.Client{
		p.Client(t), p.Beside(t, "gateway.daprd", "consignment"), p.Beside(t, "vessel.daprd", "consignment"), p.Beside(t, "inventory.daprd", "consignment"),
	} {
		calls = append(calls, func(ctx context.Context, order *consignmentv1.CreateConsignmentRequest) answered {
			answer, err := c.CreateConsignment(ctx, order)
			return answered{answer: answer, err: err}
		})
	}
	answers := make([]answered, 50)
	gun := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			<-gun
			answers[i] = calls[i%len(calls)](t.Context(), order(i))
		})
	}
	close(gun)
	wg.Wait()
	return answers
}

func overREST(t *testing.T, p *platform.Platform) func(context.Context, *consignmentv1.CreateConsignmentRequest) answered {
	return func(_ context.Context, order *consignmentv1.CreateConsignmentRequest) answered {
		body, err := protojson.Marshal(order)
		if err != nil {
			return answered{err: err}
		}
		got := p.REST(t, "POST", "/v1/consignments", body)
		if got.Status != 200 {
			a := answered{err: fmt.Errorf("REST answered %d %s", got.Status, got.Body)}
			if got.Status == 409 {
				a.rest = codes.AlreadyExists
			}
			return a
		}
		answer := &consignmentv1.CreateConsignmentResponse{}
		return answered{answer: answer, err: protojson.Unmarshal(got.Body, answer)}
	}
}
