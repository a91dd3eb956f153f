package booking

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// The bugs of the freight tutorial that Seaport descends from, each of which must not come back.
func TestBugsOfTheAncestor(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	c := p.Client(t)
	find := func(capacity, weight int32) (*vesselv1.Vessel, error) {
		answer, err := c.FindAvailable(t.Context(), &vesselv1.FindAvailableRequest{Capacity: capacity, MaxWeight: weight})
		return answer.GetVessel(), err
	}

	t.Run("an empty platform lists nothing, not an empty entry", func(t *testing.T) {
		page, err := c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{})
		if err != nil || len(page.GetConsignments()) != 0 || page.GetNextPageToken() != "" {
			t.Errorf("got %v, %v, want an empty page", page, err)
		}
		if out := p.CLI(t, "consignment", "list"); out.Exit != 0 || strings.Contains(out.Stdout, "Consignment ") {
			t.Errorf("exit %d, output:\n%s", out.Exit, out.Stdout)
		}
	})
	t.Run("no vessel is a refusal, not a nil answer looked at before its error", func(t *testing.T) {
		_, err := c.CreateConsignment(t.Context(), freight.Order("", 100, "Nowhere"))
		freight.Refused(t, err, codes.FailedPrecondition)
		_, err = find(1, 1)
		freight.Refused(t, err, codes.FailedPrecondition)
		p.WaitHealthy(t)
	})

	small := freight.Vessel(t, c, 10, 5_000)
	large := freight.Vessel(t, c, 500, 200_000)
	depot := freight.Depot(t, c, 10_000)

	t.Run("the capacity filter is not inverted", func(t *testing.T) {
		tests := []struct {
			name             string
			capacity, weight int32
			want             string // "" for a refusal
		}{
			{"fits both: the tighter one", 10, 5_000, small},
			{"one container too many for the small one", 11, 5_000, large},
			{"exactly the large one", 500, 200_000, large},
			{"one container too many for any", 501, 5_000, ""},
		}
		for _, test := range tests {
			switch got, err := find(test.capacity, test.weight); {
			case test.want == "":
				freight.Refused(t, err, codes.FailedPrecondition)
			case err != nil || got.GetId() != test.want:
				t.Errorf("%s: got vessel %q, %v, want %q", test.name, got.GetId(), err, test.want)
			}
		}
	})
	t.Run("the weight is not ignored", func(t *testing.T) {
		if got, err := find(1, 5_001); err != nil || got.GetId() != large {
			t.Errorf("got vessel %q, %v, want %q", got.GetId(), err, large)
		}
		_, err := find(1, 200_001)
		freight.Refused(t, err, codes.FailedPrecondition)
		_, err = c.CreateConsignment(t.Context(), freight.Order("", 200_001, depot))
		freight.Refused(t, err, codes.FailedPrecondition)
		if v := freight.Violations(err); len(v) != 1 || v[0].Type != "WEIGHT" || v[0].Field != "weight" {
			t.Errorf("the refusal names %+v, want weight alone", v)
		}
	})
	t.Run("the vessel service is reached by its app-id", func(t *testing.T) {
		if booked := freight.Book(t, c, freight.Order("", 100, depot)); booked.GetVesselId() != small {
			t.Errorf("booked on vessel %q, want %q", booked.GetVesselId(), small)
		}
		if got, err := p.Beside(t, "consignment.daprd", "vessel").GetVessel(t.Context(), &vesselv1.GetVesselRequest{Id: small}); err != nil || got.GetVessel().GetId() != small {
			t.Errorf("asked through the sidecar of consignment, app-id vessel answers %v, %v", got, err)
		}
	})
	t.Run("the id is generated, another for each", func(t *testing.T) {
		one, other := freight.Book(t, c, freight.Order("", 100, depot)), freight.Book(t, c, freight.Order("", 100, depot))
		if one.GetId() == "" || other.GetId() == "" || one.GetId() == other.GetId() {
			t.Errorf("the ids are %q and %q", one.GetId(), other.GetId())
		}
		for _, container := range one.GetContainers() {
			if container.GetId() == "" {
				t.Error("a container has no id")
			}
		}
	})
	t.Run("the origin of a container is not dropped", func(t *testing.T) {
		booked := freight.Book(t, c, freight.Order("", 100, depot))
		got, err := c.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: booked.GetId()})
		if err != nil {
			t.Fatal(err)
		}
		container := got.GetConsignment().GetContainers()[0]
		if container.GetOrigin() != depot || container.GetCustomerId() != "customer-1" || container.GetUserId() != "user-1" {
			t.Errorf("stored as %v", container)
		}
	})
	t.Run("capacity and weight are consumed", func(t *testing.T) {
		before, stock := freight.Room(t, c, large), freight.Stock(t, c, depot)
		freight.Book(t, c, freight.Order(large, 7_000, depot, depot, depot))
		after := freight.Room(t, c, large)
		if got := before.GetFreeCapacity() - after.GetFreeCapacity(); got != 3 {
			t.Errorf("%d containers of room consumed, want 3", got)
		}
		if got := before.GetFreeWeight() - after.GetFreeWeight(); got != 7_000 {
			t.Errorf("%d kg of room consumed, want 7000", got)
		}
		if got := stock.GetFree() - freight.Stock(t, c, depot).GetFree(); got != 3 {
			t.Errorf("%d containers taken from the depot, want 3", got)
		}
	})
	t.Run("the list holds what was booked, whole", func(t *testing.T) {
		customer := freight.Customer()
		order := freight.Order("", 123, depot)
		order.CustomerId = customer
		booked := freight.Book(t, c, order)
		listed, err := audit.List(t.Context(), c, customer)
		if err != nil || len(listed) != 1 {
			t.Fatalf("got %v, %v, want one consignment", listed, err)
		}
		for _, got := range listed {
			if got.GetId() != booked.GetId() || got.GetWeight() != 123 || got.GetDescription() == "" || got.GetVesselId() == "" || len(got.GetContainers()) != 1 {
				t.Errorf("listed as %v", got)
			}
		}
	})
	audit.Wait(t, p, c, 30*time.Second)
}
