package crash

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Callers who hang up before they are answered break nothing for those who come after them.
func TestCallersWhoHangUp(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=30s", "--env", "SEAPORT_OUTBOX_LEASE=6s")
	c := p.Client(t)
	vessel := freight.Vessel(t, c, 10_000, 1_000_000_000)
	depot := freight.Depot(t, c, 10_000)
	booked := freight.Book(t, c, freight.Order(vessel, 100, depot))
	orders := freight.Orders(bookings, vessel, 100, depot)

	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := caller; i < len(orders); i += callers {
				for range 4 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond+rand.N(25*time.Millisecond))
					_, _ = c.CreateConsignment(ctx, orders[i])
					_, _ = c.GetVessel(ctx, &vesselv1.GetVesselRequest{Id: vessel})
					_, _ = c.ListVessels(ctx, &vesselv1.ListVesselsRequest{})
					_, _ = c.GetConsignment(ctx, &consignmentv1.GetConsignmentRequest{Id: booked.GetId()})
					_, _ = c.ListConsignments(ctx, &consignmentv1.ListConsignmentsRequest{})
					cancel()
				}
			}
		})
	}
	wg.Wait()

	results := freight.Callers{Client: c, Count: callers, Insist: patience}.Book(t.Context(), orders)
	wantDefinite(t, results)
	found := audit.Wait(t, p, c, recovery)
	if len(found) != bookings+1 {
		t.Errorf("%d consignments are there, want %d", len(found), bookings+1)
	}
	for _, consignment := range found {
		if consignment.GetStatus() != consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED {
			t.Errorf("consignment %s, which nobody cancelled, is %v: %s", consignment.GetId(), consignment.GetStatus(), consignment.GetStatusReason())
		}
	}
}
