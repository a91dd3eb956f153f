package booking

import (
	"fmt"
	"testing"
	"time"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Holds that nobody confirms are given back when they expire, by vessel and depot alike.
func TestUnconfirmedHoldsExpire(t *testing.T) {
	t.Parallel()
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=3s")
	c := p.Client(t)
	vessel, depot := freight.Vessel(t, c, 10, 10_000), freight.Depot(t, c, 10)
	neighbour := p.AsApp(t, "consignment", "vessel").Beside(t, "consignment.daprd", "vessel")
	stores := p.AsApp(t, "consignment", "inventory").Beside(t, "consignment.daprd", "inventory")

	for range 3 { // the same consignment holds once, however often it asks
		held, err := neighbour.HoldCapacity(t.Context(), &vesselv1.HoldCapacityRequest{Holds: []*vesselv1.CapacityHold{
			{ConsignmentId: "never-booked", Containers: 4, Weight: 4_000, VesselId: vessel},
		}})
		if err != nil || held.GetResults()[0].GetHeld().GetVesselId() != vessel {
			t.Fatalf("holding room: %v, %v", held, err)
		}
		kept, err := stores.HoldContainers(t.Context(), &inventoryv1.HoldContainersRequest{Holds: []*inventoryv1.ContainerHold{
			{ConsignmentId: "never-booked", Pickups: []*inventoryv1.Pickup{{Origin: depot, Containers: 4}}},
		}})
		if err != nil || kept.GetResults()[0].GetHeld() == nil {
			t.Fatalf("holding containers: %v, %v", kept, err)
		}
	}
	wantFree(t, c, vessel, depot, 6, 6_000, 6)
	if room := freight.Room(t, c, vessel); room.GetPendingHolds() != 1 {
		t.Errorf("%d holds are pending, want 1", room.GetPendingHolds())
	}
	audit.Wait(t, p, c, 20*time.Second)
	wantFree(t, c, vessel, depot, 10, 10_000, 10)
}

// An announcement that comes after its hold expired takes the room again if it is still there;
// else the consignment is cancelled with the reason and everything it had is given back.
func TestLateConfirmation(t *testing.T) {
	platform.OnlyLocal(t, "the broker cannot be away while the stores are there")
	t.Parallel()
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=9s")
	c := p.Client(t)
	roomy, tight := freight.Vessel(t, c, 10, 10_000), freight.Vessel(t, c, 1, 10_000)
	depot := freight.Depot(t, c, 100)
	// Both sidecars know their subscriptions before the broker goes quiet.
	freight.Book(t, c, freight.Order(roomy, 10, depot))
	audit.Wait(t, p, c, 30*time.Second)

	p.Freeze(t, "nats")
	again := freight.Book(t, c, freight.Order(roomy, 100, depot))
	early := freight.Book(t, c, freight.Order(tight, 100, depot))
	platform.Wait(t, 30*time.Second, func() error {
		if n := freight.Room(t, c, tight).GetPendingHolds(); n != 0 {
			return fmt.Errorf("%d holds are pending", n)
		}
		return nil
	})
	late := freight.Book(t, c, freight.Order(tight, 100, depot))
	p.Thaw(t, "nats")

	found := audit.Wait(t, p, c, time.Minute)
	if got := found[again.GetId()]; got.GetStatus() == cancelled {
		t.Errorf("there was room for it, yet it is %v", got)
	}
	lost := 0
	for _, id := range []string{early.GetId(), late.GetId()} {
		if got := found[id]; got.GetStatus() == consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED {
			lost++
			if got.GetStatusReason() == "" {
				t.Errorf("consignment %s is cancelled without a reason", id)
			}
		}
	}
	if lost != 1 {
		t.Errorf("of two consignments for one place %d were cancelled, want 1", lost)
	}
	wantFree(t, c, tight, depot, 0, 9_900, 97)
}
