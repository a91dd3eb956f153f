package crash

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const (
	bookings  = 500
	callers   = 12
	killAfter = 150 // bookings answered
	// A caller gives up after this long; every process is back much sooner.
	patience = time.Minute
	// An event in flight at the moment of the kill is delivered again after the broker's ackWait
	// (20 s), a dead replica's events are taken over after its lease (6 s).
	recovery = 90 * time.Second
)

// Each process in turn is killed with SIGKILL in the middle of 500 bookings. Everything answered
// with success is there after recovery, once, and confirmed by vessel and depot. When all is over
// no hold is left and all totals agree.
func TestKillInTheMiddleOfBookings(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=30s", "--env", "SEAPORT_LEASE=6s")
	c := p.Client(t)
	victims := []string{
		"consignment", "consignment.daprd", "vessel", "vessel.daprd", "inventory", "inventory.daprd", "user", "user.daprd", "gateway", "gateway.daprd",
	}
	if !platform.OnRedis() { // there broker and stores are one server, which is not the runner's to start again
		victims = append(victims, "nats")
	}
	for _, victim := range victims {
		t.Run(victim, func(t *testing.T) { killDuringBookings(t, p, c, victim) })
	}
	audit.Wait(t, p, c, recovery)
}

// With two replicas of a service, killing one of them loses nothing either.
func TestKillOneOfTwoReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=30s", "--env", "SEAPORT_LEASE=6s",
		"--replicas", "consignment=2", "--replicas", "vessel=2")
	c := p.Client(t)
	for _, victim := range []string{"consignment#2", "vessel", "consignment.daprd"} {
		t.Run(victim, func(t *testing.T) { killDuringBookings(t, p, c, victim) })
	}
	audit.Wait(t, p, c, recovery)
}

func killDuringBookings(t *testing.T, p *platform.Platform, c *platform.Client, victim string) {
	p.WaitHealthy(t)
	vessels := []string{freight.Vessel(t, c, 700, 100_000), freight.Vessel(t, c, 2_000, 1_000_000)}
	depots := []string{freight.Depot(t, c, 2_000), freight.Depot(t, c, 2_000)}
	orders := freight.Orders(bookings, "", 100, depots...)
	for i, order := range orders {
		order.CustomerId = "customer-" + victim
		order.VesselId = vessels[i%4/3] // three of four on the small one, until it is full
		if i%5 == 0 {
			order.RequestId = "" // a caller that does not try again
		}
	}
	work := freight.Callers{Client: c, Count: callers, Timeout: 10 * time.Second, Insist: patience}.Start(t.Context(), orders)
	work.Answered(killAfter)
	pid := p.Kill(t, victim)
	results := work.Results()
	p.WaitRestarted(t, victim, pid)
	wantDefinite(t, results)

	found := audit.WaitHandled(t, p, c, recovery)
	booked, _ := freight.Split(results)
	for _, r := range booked {
		got := found[r.Booked.GetId()]
		if got == nil {
			t.Errorf("consignment %s was answered with success and is lost", r.Booked.GetId())
			continue
		}
		if got.GetStatus() != consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED || got.GetCustomerId() != r.Order.GetCustomerId() {
			t.Errorf("consignment %s was booked and is %v", r.Booked.GetId(), got)
		}
	}
	wantNoneTwice(t, results, found, "customer-"+victim)
}

// wantDefinite wants those who tried again to end with success or with a refusal that is true:
// the small vessel may be full, nothing else is.
func wantDefinite(t *testing.T, results []freight.Result) {
	t.Helper()
	booked, refused := freight.Split(results)
	again := 0
	for _, r := range results {
		if r.Tries > 1 {
			again++
		}
	}
	t.Logf("%d booked, %d refused, %d tried more than once", len(booked), len(refused), again)
	for _, r := range refused {
		switch code := status.Code(r.Err); {
		case code == codes.FailedPrecondition && r.Order.GetVesselId() == results[0].Order.GetVesselId():
		case r.Order.GetRequestId() == "" && (code == codes.Unavailable || code == codes.DeadlineExceeded):
		default:
			t.Errorf("order %q ended after %d tries with %v", r.Order.GetRequestId(), r.Tries, r.Err)
		}
	}
}

// wantNoneTwice wants no more consignments than orders that may have been booked.
func wantNoneTwice(t *testing.T, results []freight.Result, found map[string]*consignmentv1.Consignment, customer string) {
	t.Helper()
	least, most := 0, 0
	for _, r := range results {
		switch status.Code(r.Err) {
		case codes.OK:
			least++
			most++
		case codes.FailedPrecondition:
		default:
			most++
		}
	}
	count := 0
	for _, consignment := range found {
		if consignment.GetCustomerId() == customer {
			count++
		}
	}
	if count < least || count > most {
		t.Errorf("%d consignments are there, want %d to %d", count, least, most)
	}
}
