package scale

import (
	"slices"
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
	wanted  = 2_000 // bookings asked for
	fitting = 1_500 // of them fit
	callers = 64
	roomy   = 100_000_000
)

// fleet is vessels and depots that take exactly 1,500 bookings of one kind.
type fleet struct {
	name  string
	short []string // what a refusal may name
	build func(t *testing.T, c *platform.Client) (order *consignmentv1.CreateConsignmentRequest)
}

var fleets = []fleet{
	{"as many containers as fit on five vessels", []string{"CAPACITY"}, func(t *testing.T, c *platform.Client) *consignmentv1.CreateConsignmentRequest {
		for _, capacity := range []int32{100, 200, 300, 400, 500} {
			freight.Vessel(t, c, capacity, roomy)
		}
		return freight.Order("", 10, freight.Depot(t, c, wanted))
	}},
	{"as many kilograms as three vessels take", []string{"WEIGHT", "CAPACITY"}, func(t *testing.T, c *platform.Client) *consignmentv1.CreateConsignmentRequest {
		// What is left on each takes no booking of any fleet here.
		for _, weight := range []int32{400_009, 500_000, 600_001} {
			freight.Vessel(t, c, roomy, weight)
		}
		return freight.Order("", 1_000, freight.Depot(t, c, wanted))
	}},
	{"containers short on one vessel, kilograms on the other", []string{"WEIGHT", "CAPACITY"}, func(t *testing.T, c *platform.Client) *consignmentv1.CreateConsignmentRequest {
		freight.Vessel(t, c, 2*500+1, roomy)
		freight.Vessel(t, c, roomy, 700*1_000+9)
		return freight.Order("", 700, freight.Depot(t, c, wanted), freight.Depot(t, c, wanted))
	}},
	{"one wished vessel", []string{"CAPACITY"}, func(t *testing.T, c *platform.Client) *consignmentv1.CreateConsignmentRequest {
		return freight.Order(freight.Vessel(t, c, fitting, roomy), 10, freight.Depot(t, c, wanted))
	}},
	{"containers short in the depot", []string{"CONTAINERS"}, func(t *testing.T, c *platform.Client) *consignmentv1.CreateConsignmentRequest {
		return freight.Order(freight.Vessel(t, c, wanted, roomy), 10, freight.Depot(t, c, fitting))
	}},
}

// Two thousand bookings by 64 callers where 1,500 fit: exactly those succeed, the others are told
// what is short, nothing is oversold and every store agrees.
func TestExactlyWhatFitsIsBooked(t *testing.T) {
	exactlyWhatFits(t, "--no-seed")
}

func TestExactlyWhatFitsIsBookedByTwoReplicas(t *testing.T) {
	exactlyWhatFits(t, "--no-seed", "--replicas", "consignment=2", "--replicas", "vessel=2")
}

func exactlyWhatFits(t *testing.T, flags ...string) {
	p := platform.Start(t, flags...)
	c := p.Client(t)
	for _, fleet := range fleets {
		t.Run(fleet.name, func(t *testing.T) {
			order := fleet.build(t, c)
			// Half of the orders have a request id, as the command line gives them one.
			orders := freight.Orders(wanted, order.GetVesselId(), order.GetWeight(), origins(order)...)
			customer := freight.Customer()
			for i, order := range orders {
				order.CustomerId = customer
				if i%2 == 0 {
					order.RequestId = ""
				}
			}
			began := time.Now()
			booked, refused := freight.Split(freight.Callers{Client: c, Count: callers}.Book(t.Context(), orders))
			t.Logf("%d bookings in %s", wanted, time.Since(began).Round(time.Millisecond))
			if len(booked) != fitting {
				t.Errorf("%d were booked, want %d", len(booked), fitting)
			}
			wantShort(t, refused, fleet.short)

			found := audit.Wait(t, p, c, time.Minute)
			for _, r := range booked {
				if got := found[r.Booked.GetId()]; got.GetStatus() != consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_BOOKED {
					t.Errorf("consignment %s was booked and is %v", r.Booked.GetId(), got)
				}
			}
			own := 0
			for _, consignment := range found {
				if consignment.GetCustomerId() == customer {
					own++
				}
			}
			if own != len(booked) {
				t.Errorf("%d are listed, %d were answered with success", own, len(booked))
			}
		})
	}
}

func origins(order *consignmentv1.CreateConsignmentRequest) []string {
	var all []string
	for _, container := range order.GetContainers() {
		all = append(all, container.GetOrigin())
	}
	return all
}

// wantShort wants every refusal to say what is short.
func wantShort(t *testing.T, refused []freight.Result, kinds []string) {
	t.Helper()
	others := make(map[string]int)
	for _, r := range refused {
		v := freight.Violations(r.Err)
		if status.Code(r.Err) != codes.FailedPrecondition || len(v) == 0 {
			others[r.Err.Error()]++
			continue
		}
		for _, v := range v {
			if !slices.Contains(kinds, v.Type) || v.Field == "" || v.Description == "" {
				others[r.Err.Error()]++
			}
		}
	}
	for text, count := range others {
		t.Errorf("%d refusals are not FAILED_PRECONDITION naming one of %v but: %s", count, kinds, text)
	}
}
