package booking

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

func codeOf(err error) codes.Code { return status.Code(err) }

const cancelled = consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED

func cancel(t *testing.T, c *platform.Client, id string) *consignmentv1.Consignment {
	t.Helper()
	answer, err := c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: id, Reason: "ordered twice"})
	if err != nil {
		t.Fatalf("cancelling %s: %v", id, err)
	}
	if got := answer.GetConsignment(); got.GetStatus() != cancelled || got.GetStatusReason() != "ordered twice" {
		t.Errorf("cancelled, but answered as %v", got)
	}
	return answer.GetConsignment()
}

// wantFree wants so much room on the vessel and so many containers in the depot, now.
func wantFree(t *testing.T, c *platform.Client, vessel, depot string, containers, weight, stock int32) {
	t.Helper()
	room, free := freight.Room(t, c, vessel), freight.Stock(t, c, depot).GetFree()
	if room.GetFreeCapacity() != containers || room.GetFreeWeight() != weight || free != stock {
		t.Errorf("free are %d containers and %d kg on the vessel and %d containers in the depot, want %d, %d and %d",
			room.GetFreeCapacity(), room.GetFreeWeight(), free, containers, weight, stock)
	}
}

// A cancellation gives room and containers back: by the time it is answered, and not once more
// when its event is handled.
func TestCancellationGivesBackOnce(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	vessel, depot := freight.Vessel(t, c, 100, 100_000), freight.Depot(t, c, 100)
	keep := freight.Book(t, c, freight.Order(vessel, 1_000, depot))

	t.Run("after the booking was confirmed", func(t *testing.T) {
		booked := freight.Book(t, c, freight.Order(vessel, 5_000, depot, depot))
		audit.Wait(t, p, c, 30*time.Second)
		wantFree(t, c, vessel, depot, 97, 94_000, 97)
		cancel(t, c, booked.GetId())
		wantFree(t, c, vessel, depot, 99, 99_000, 99)
		audit.Wait(t, p, c, 30*time.Second)
		wantFree(t, c, vessel, depot, 99, 99_000, 99)
	})
	t.Run("right after the booking", func(t *testing.T) {
		for range 20 {
			cancel(t, c, freight.Book(t, c, freight.Order(vessel, 5_000, depot, depot)).GetId())
			wantFree(t, c, vessel, depot, 99, 99_000, 99)
		}
		audit.Wait(t, p, c, 30*time.Second)
		wantFree(t, c, vessel, depot, 99, 99_000, 99)
	})
	t.Run("twice, and many times at once", func(t *testing.T) {
		booked := freight.Book(t, c, freight.Order(vessel, 5_000, depot, depot))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: booked.GetId(), Reason: "ordered twice"})
				if err != nil {
					t.Errorf("cancelling: %v", err)
				}
			})
		}
		wg.Wait()
		first := cancel(t, c, booked.GetId())
		if again := cancel(t, c, booked.GetId()); !again.GetUpdateTime().AsTime().Equal(first.GetUpdateTime().AsTime()) {
			t.Errorf("cancelling again moved the time of the change from %v to %v", first.GetUpdateTime(), again.GetUpdateTime())
		}
		audit.Wait(t, p, c, 30*time.Second)
		wantFree(t, c, vessel, depot, 99, 99_000, 99)
	})
	t.Run("of a booking with a request_id, which stays cancelled", func(t *testing.T) {
		order := freight.Order(vessel, 5_000, depot)
		order.RequestId = freight.RequestID()
		booked := freight.Book(t, c, order)
		cancel(t, c, booked.GetId())
		again, err := c.CreateConsignment(t.Context(), order)
		if err != nil || again.GetConsignment().GetId() != booked.GetId() || again.GetConsignment().GetStatus() != cancelled {
			t.Errorf("the same request_id afterwards is answered %v, %v, want the cancelled consignment", again, err)
		}
		audit.Wait(t, p, c, 30*time.Second)
		wantFree(t, c, vessel, depot, 99, 99_000, 99)
	})
	t.Run("through the command line", func(t *testing.T) {
		booked := freight.Book(t, c, freight.Order(vessel, 5_000, depot))
		for range 2 {
			if out := p.CLI(t, "consignment", "cancel", booked.GetId(), "--reason", "ordered twice"); out.Exit != 0 {
				t.Errorf("exit %d: %s", out.Exit, out.Stderr)
			}
		}
		wantFree(t, c, vessel, depot, 99, 99_000, 99)
	})
	t.Run("what was given back can be booked again", func(t *testing.T) {
		booked := freight.Book(t, c, freight.Order(vessel, 99_000, depot))
		_, err := c.CreateConsignment(t.Context(), freight.Order(vessel, 1, depot))
		freight.Refused(t, err, codes.FailedPrecondition)
		cancel(t, c, booked.GetId())
		freight.Book(t, c, freight.Order(vessel, 1, depot))
	})
	found := audit.Wait(t, p, c, 30*time.Second)
	if found[keep.GetId()].GetStatus() == cancelled {
		t.Error("a consignment that nobody cancelled is cancelled")
	}
}

// Bookings and cancellations at the same time, by many: what is left is what was not cancelled.
func TestCancellationsAmongBookings(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	vessel, depot := freight.Vessel(t, c, 60, 1_000_000), freight.Depot(t, c, 60)
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for worker := range 16 {
		wg.Go(func() {
			for i := range 15 {
				answer, err := c.CreateConsignment(t.Context(), freight.Order(vessel, 10, depot))
				if codeOf(err) == codes.FailedPrecondition {
					continue // full for the moment
				}
				if err == nil && (worker+i)%3 > 0 {
					_, err = c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: answer.GetConsignment().GetId()})
				}
				if err != nil {
					errs <- fmt.Errorf("worker %d: %w", worker, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	live := int32(0)
	for _, consignment := range audit.Wait(t, p, c, 30*time.Second) {
		if consignment.GetVesselId() == vessel && consignment.GetStatus() != cancelled {
			live++
		}
	}
	wantFree(t, c, vessel, depot, 60-live, 1_000_000-10*live, 60-live)
}
