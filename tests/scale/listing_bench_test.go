package scale

import (
	"fmt"
	"testing"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// BenchmarkListNewestPage reads the newest page of a short and of a long list, of all
// consignments and of one customer's. The cost must be the same.
func BenchmarkListNewestPage(b *testing.B) {
	const vast = 2_000_000_000
	p := platform.Start(b, "--no-seed")
	c := p.Client(b)
	vessel := freight.Vessel(b, c, vast, vast)
	depot := freight.Depot(b, c, 1_000_000)
	customers := make([]string, 2) // each has a full page of the short list
	for i := range customers {
		customers[i] = freight.Customer()
	}
	booked := 0
	for _, size := range []int{100, 100_000} {
		for booked < size {
			booked += bookMany(b, c, min(1_000, size-booked), vessel, depot, customers)
		}
		for _, list := range []struct{ name, customer string }{{"all", ""}, {"one customer", customers[0]}} {
			b.Run(fmt.Sprintf("%d consignments/%s", size, list.name), func(b *testing.B) {
				for b.Loop() {
					page, err := c.ListConsignments(b.Context(), &consignmentv1.ListConsignmentsRequest{CustomerId: list.customer})
					if err != nil || len(page.GetConsignments()) == 0 {
						b.Fatalf("got %v, %v", page, err)
					}
				}
			})
		}
	}
}

// bookMany books a batch, spread over the customers, and returns its size.
func bookMany(b *testing.B, c *platform.Client, n int, vessel, depot string, customers []string) int {
	b.Helper()
	batch := &consignmentv1.BatchCreateConsignmentsRequest{}
	for i := range n {
		order := freight.Order(vessel, 1, depot)
		order.CustomerId = customers[i%len(customers)]
		batch.Requests = append(batch.Requests, order)
	}
	answer, err := c.BatchCreateConsignments(b.Context(), batch)
	if err != nil {
		b.Fatal(err)
	}
	for _, result := range answer.GetResults() {
		if failure := result.GetFailure(); failure != nil {
			b.Fatalf("booking: %v", failure)
		}
	}
	return n
}
