package crash

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Callers who hang up before they are answered break nothing for those who come after them.
func TestCallersWhoHangUp(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=30s", "--env", "SEAPORT_LEASE=6s")
	c := p.Client(t)
	vessel := freight.Vessel(t, c, 10_000, 1_000_000_000)
	depot := freight.Depot(t, c, 10_000)
	booked := freight.Book(t, c, freight.Order(vessel, 100, depot))
	orders := freight.Orders(bookings, vessel, 100, depot)

	// hangUp makes a call and gives up on it before, while or after it is answered.
	hangUp := func(call func(ctx context.Context)) {
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(8*time.Millisecond))
		defer cancel()
		call(ctx)
	}
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := caller; i < len(orders); i += callers {
				hangUp(func(ctx context.Context) { _, _ = c.CreateConsignment(ctx, orders[i]) })
				for range 20 {
					hangUp(func(ctx context.Context) { _, _ = c.GetVessel(ctx, &vesselv1.GetVesselRequest{Id: vessel}) })
					hangUp(func(ctx context.Context) { _, _ = c.ListDepots(ctx, &inventoryv1.ListDepotsRequest{}) })
					hangUp(func(ctx context.Context) {
						_, _ = c.GetConsignment(ctx, &consignmentv1.GetConsignmentRequest{Id: booked.GetId()})
					})
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
