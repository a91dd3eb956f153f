// Package freight makes what the tests ship: vessels, depots and orders, none of which any other
// test touches.
package freight

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/platform"
)

// Vessel adds a vessel with room for so many containers and kilograms and returns its id.
func Vessel(t testing.TB, c *platform.Client, capacity, maxWeight int32) string {
	t.Helper()
	id := unique("vessel")
	_, err := c.CreateVessel(t.Context(), &vesselv1.CreateVesselRequest{
		Id: id, Name: "Vessel of " + t.Name(), Capacity: capacity, MaxWeight: maxWeight,
	})
	if err != nil {
		t.Fatalf("creating vessel %s: %v", id, err)
	}
	return id
}

// Depot opens a depot with so many containers and returns its origin.
func Depot(t testing.TB, c *platform.Client, containers int32) string {
	t.Helper()
	origin := unique("Depot")
	for left := containers; left > 0; left -= min(left, mostAtOnce) {
		_, err := c.StockDepot(t.Context(), &inventoryv1.StockDepotRequest{
			Origin: origin, Containers: min(left, mostAtOnce), RequestId: fmt.Sprint(left),
		})
		if err != nil {
			t.Fatalf("stocking depot %s: %v", origin, err)
		}
	}
	return origin
}

const mostAtOnce = 1_000_000 // containers of one StockDepot

// Order is a booking of one container from each origin, for the vessel wished ("" for any).
func Order(vessel string, weight int32, origins ...string) *consignmentv1.CreateConsignmentRequest {
	order := &consignmentv1.CreateConsignmentRequest{
		Description: "Machine parts", Weight: weight, VesselId: vessel, CustomerId: "customer-1",
	}
	for _, origin := range origins {
		order.Containers = append(order.Containers, &consignmentv1.Container{CustomerId: "customer-1", UserId: "user-1", Origin: origin})
	}
	return order
}

// Orders makes n orders alike, each with a request id of its own.
func Orders(n int, vessel string, weight int32, origins ...string) []*consignmentv1.CreateConsignmentRequest {
	orders := make([]*consignmentv1.CreateConsignmentRequest, n)
	for i := range orders {
		orders[i] = Order(vessel, weight, origins...)
		orders[i].RequestId = unique("request")
	}
	return orders
}

// Book books an order that must be accepted.
func Book(t testing.TB, c *platform.Client, order *consignmentv1.CreateConsignmentRequest) *consignmentv1.Consignment {
	t.Helper()
	answer, err := c.CreateConsignment(t.Context(), order)
	if err != nil {
		t.Fatalf("booking: %v", err)
	}
	if !answer.GetCreated() || answer.GetConsignment().GetId() == "" {
		t.Fatalf("booking: answered with success but not created: %v", answer)
	}
	return answer.GetConsignment()
}

// Room returns a vessel as it is now.
func Room(t testing.TB, c *platform.Client, vessel string) *vesselv1.Vessel {
	t.Helper()
	answer, err := c.GetVessel(t.Context(), &vesselv1.GetVesselRequest{Id: vessel})
	if err != nil {
		t.Fatalf("reading vessel %s: %v", vessel, err)
	}
	return answer.GetVessel()
}

// Stock returns a depot as it is now.
func Stock(t testing.TB, c *platform.Client, origin string) *inventoryv1.Depot {
	t.Helper()
	for token := ""; ; {
		page, err := c.ListDepots(t.Context(), &inventoryv1.ListDepotsRequest{PageSize: 200, PageToken: token})
		if err != nil {
			t.Fatalf("listing depots: %v", err)
		}
		for _, depot := range page.GetDepots() {
			if depot.GetOrigin() == origin {
				return depot
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			t.Fatalf("there is no depot %s", origin)
		}
	}
}

// Refused fails the test unless err has the code.
func Refused(t testing.TB, err error, code codes.Code) {
	t.Helper()
	if status.Code(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}
