package runner

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Two platforms run side by side and know nothing of each other. A second one on the same data
// folder is refused.
func TestSideBySide(t *testing.T) {
	one, other := platform.Start(t), platform.Start(t)
	if one.Address() == other.Address() {
		t.Fatalf("both are at %s", one.Address())
	}
	var booked []*consignmentv1.Consignment
	for _, p := range []*platform.Platform{one, other} {
		out := p.CLI(t, "consignment", "create", "examples/consignment.json")
		if out.Exit != 0 || !strings.Contains(out.Stdout, "Created: true") {
			t.Fatalf("exit %d: %s%s", out.Exit, out.Stdout, out.Stderr)
		}
	}
	for _, p := range []*platform.Platform{one, other} {
		found := audit.Wait(t, p, p.Client(t), 30*time.Second)
		if len(found) != 1 {
			t.Errorf("%d consignments, want the one booked here", len(found))
		}
		for _, consignment := range found {
			booked = append(booked, consignment)
		}
	}
	if len(booked) == 2 && booked[0].GetId() == booked[1].GetId() {
		t.Errorf("both have consignment %s", booked[0].GetId())
	}

	t.Run("a second one on the same data folder is refused", func(t *testing.T) {
		out := platform.RefusedStartIn(t, one.Data, nil)
		if out.Exit != 1 || !strings.Contains(out.Stderr, one.Data) || !strings.Contains(out.Stderr, "--data") || !strings.Contains(out.Stderr, itoa(one.Record(t).PID)) {
			t.Errorf("exit %d, %q, want 1, the folder, who has it and what to do", out.Exit, out.Stderr)
		}
		one.WaitHealthy(t)
		if record := one.Record(t); record.State != "ready" {
			t.Errorf("the first one is now %q", record.State)
		}
	})
	t.Run("a port that is taken is refused", func(t *testing.T) {
		out := platform.RefusedStart(t, nil, "--port", itoa(one.Record(t).Port))
		if out.Exit != 1 || !strings.Contains(out.Stderr, "port "+itoa(one.Record(t).Port)+" is taken") || !strings.Contains(out.Stderr, "--port") {
			t.Errorf("exit %d, %q, want 1, the port and what to do", out.Exit, out.Stderr)
		}
	})
	one.Interrupt(t)
	other.WaitHealthy(t)
}

// SIGTERM in the middle of bookings: all processes are gone within ten seconds, and what was
// answered with success is there after the next start.
func TestStopInTheMiddleOfBookings(t *testing.T) {
	data := platform.Folder(t)
	p := platform.StartIn(t, data, "--no-seed")
	c := p.Client(t)
	const bookings, stopAfter = 2_000, 300
	orders := freight.Orders(bookings, freight.Vessel(t, c, bookings, 1_000_000), 100, freight.Depot(t, c, bookings))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	work := freight.Callers{Client: c, Count: 16}.Start(ctx, orders)
	work.Answered(stopAfter)
	p.Stop(t)
	cancel()
	results := work.Results()
	booked, refused := freight.Split(results)
	if len(booked) < stopAfter-16 || len(booked) == bookings {
		t.Fatalf("%d were booked: that was not in the middle", len(booked))
	}
	for _, r := range refused {
		switch code := status.Code(r.Err); code {
		case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		default:
			t.Errorf("a caller heard %v, want UNAVAILABLE", r.Err)
		}
	}

	p = platform.StartIn(t, data, "--no-seed")
	found := audit.WaitHandled(t, p, p.Client(t), time.Minute)
	for _, r := range booked {
		if found[r.Booked.GetId()] == nil {
			t.Errorf("consignment %s was answered with success and is lost", r.Booked.GetId())
		}
	}
	t.Logf("%d were answered with success, %d are there", len(booked), len(found))
}
