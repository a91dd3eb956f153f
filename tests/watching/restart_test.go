package watching

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const (
	kills   = 10
	between = 60 // bookings
	// patience is how long a caller repeats what was not answered.
	patience = time.Minute
)

// Whoever watches while services restart is told every change once.
func TestWatchWhileServicesRestart(t *testing.T) {
	watchWhileRestarting(t, []string{"consignment", "consignment.daprd", "gateway", "gateway.daprd", "nats"})
}

// The same where two replicas tell.
func TestWatchWhileReplicasRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	watchWhileRestarting(t, []string{"consignment", "consignment#2", "consignment.daprd", "consignment#2.daprd", "gateway"}, "--replicas", "consignment=2")
}

// watchWhileRestarting has consignments booked and cancelled while processes are killed at random.
func watchWhileRestarting(t *testing.T, victims []string, flags ...string) {
	p := platform.Start(t, append(flags, "--no-seed", "--env", "SEAPORT_LEASE=5s", "--env", "SEAPORT_LIMITS=off")...)
	operator := p.Client(t)
	const bookings = kills * between
	vessel, depot := freight.Vessel(t, operator, bookings, 1_000_000), freight.Depot(t, operator, bookings)
	customer := p.Register(t)
	orders := freight.Orders(bookings, vessel, 10, depot)
	for i, order := range orders {
		if order.CustomerId = freight.Customer(); i%3 == 0 {
			order.CustomerId = customer.UserID
		}
	}
	all := []*watcher{
		watch(t, "operator, gRPC", overGRPC(operator, "")),
		watch(t, "operator, SSE", overSSE(t, p, p.As(t, platform.Operator), "")),
		watch(t, "operator, command line", overCLI(t, p.As(t, platform.Operator))),
	}
	own := []*watcher{watch(t, "customer, gRPC", overGRPC(customer.Client(t), "")), watch(t, "customer, SSE", overSSE(t, p, customer.Caller, ""))}

	var cancelling sync.WaitGroup
	for round := range kills {
		work := freight.Callers{Client: operator, Count: 6, Timeout: 10 * time.Second, Insist: patience}.Start(t.Context(), orders[round*between:(round+1)*between])
		work.Answered(between / 3)
		victim := victims[rand.IntN(len(victims))]
		pid := p.Kill(t, victim)
		booked, refused := freight.Split(work.Results())
		if len(refused) > 0 {
			t.Fatalf("%d bookings are refused: %v", len(refused), refused[0].Err)
		}
		cancelling.Go(func() { cancel(t, operator, booked) })
		p.WaitRestarted(t, victim, pid)
	}
	cancelling.Wait()

	breaks := 0
	for _, w := range all {
		w.wantChanges(t, stored(t, operator, ""))
		breaks += w.breaks
	}
	for _, w := range own {
		w.wantChanges(t, stored(t, operator, customer.UserID))
		breaks += w.breaks
	}
	t.Logf("%d changes, %d of the customer; watches broke off %d times", len(all[0].told()), len(own[0].told()), breaks)
}

// cancel cancels half of the consignments, each by two callers at once, who insist.
func cancel(t *testing.T, c *platform.Client, booked []freight.Result) {
	var wg sync.WaitGroup
	for i, b := range booked {
		if i%2 == 0 {
			continue
		}
		for range 2 {
			wg.Go(func() {
				if err := insist(t.Context(), c, b.Booked.GetId()); err != nil {
					t.Errorf("cancelling %s: %v", b.Booked.GetId(), err)
				}
			})
		}
		if i%8 == 7 {
			wg.Wait()
		}
	}
	wg.Wait()
}

func insist(ctx context.Context, c *platform.Client, id string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		attempt, leave := context.WithTimeout(ctx, 10*time.Second)
		_, err := c.CancelConsignment(attempt, &consignmentv1.CancelConsignmentRequest{Id: id})
		leave()
		if code := status.Code(err); code != codes.Unavailable && code != codes.DeadlineExceeded || time.Now().After(deadline) {
			return err
		}
	}
}
