package crash

import (
	"context"
	"runtime"
	"testing"

	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// The whole platform killed at once in the middle of 500 bookings: after the next start on the
// same data everything answered with success is there and confirmed.
func TestKillEverythingInTheMiddleOfBookings(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets the children die with the runner")
	}
	data := platform.Folder(t)
	flags := []string{"--no-seed", "--env", "SEAPORT_HOLD_TTL=30s", "--env", "SEAPORT_LEASE=6s"}
	p := platform.StartIn(t, data, flags...)
	c := p.Client(t)
	orders := freight.Orders(bookings, freight.Vessel(t, c, bookings, 1_000_000), 100, freight.Depot(t, c, bookings))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	work := freight.Callers{Client: c, Count: callers}.Start(ctx, orders)
	work.Answered(killAfter)
	p.Crash(t)
	cancel()
	results := work.Results()
	booked, _ := freight.Split(results)
	if len(booked) < killAfter-callers || len(booked) == bookings {
		t.Fatalf("%d were booked: that was not in the middle", len(booked))
	}

	p = platform.StartIn(t, data, flags...)
	found := audit.Wait(t, p, p.Client(t), recovery)
	for _, r := range booked {
		if found[r.Booked.GetId()] == nil {
			t.Errorf("consignment %s was answered with success and is lost", r.Booked.GetId())
		}
	}
	t.Logf("%d were answered with success, %d are there", len(booked), len(found))

	// Whoever did not hear the end of it asks again and gets what there is, once.
	again := freight.Callers{Client: p.Client(t), Count: callers, Insist: patience}.Book(t.Context(), orders)
	for i, r := range again {
		if r.Err != nil {
			t.Errorf("asking again: %v", r.Err)
		} else if results[i].Err == nil && r.Booked.GetId() != results[i].Booked.GetId() {
			t.Errorf("asking again books %s a second time as %s", results[i].Booked.GetId(), r.Booked.GetId())
		}
	}
	if found := audit.Wait(t, p, p.Client(t), recovery); len(found) != bookings {
		t.Errorf("%d consignments are there in the end, want %d", len(found), bookings)
	}
}
