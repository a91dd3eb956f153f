package gateway

import (
	"context"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

func invalid(field string) refusal { return refusal{code: codes.InvalidArgument, field: field} }
func missing(field string) refusal { return refusal{code: codes.NotFound, field: field} }

// Bad input gets the same clear refusal through gRPC, REST and the command line, and changes nothing.
func TestBadOrders(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	vessel, depot := freight.Vessel(t, c, 100, 100_000), freight.Depot(t, c, 50)
	good := freight.Order(vessel, 100, depot, depot)
	freight.Book(t, c, good)
	audit.Wait(t, p, c, 30*time.Second)

	tests := []struct {
		name  string
		want  refusal
		spoil func(o *consignmentv1.CreateConsignmentRequest)
	}{
		{"weight zero", invalid("weight"), func(o *consignmentv1.CreateConsignmentRequest) { o.Weight = 0 }},
		{"weight negative", invalid("weight"), func(o *consignmentv1.CreateConsignmentRequest) { o.Weight = -1 }},
		{"weight as negative as can be", invalid("weight"), func(o *consignmentv1.CreateConsignmentRequest) { o.Weight = math.MinInt32 }},
		{"weight beyond the vessel", refusal{codes.FailedPrecondition, "weight", "WEIGHT"}, func(o *consignmentv1.CreateConsignmentRequest) { o.Weight = 100_001 }},
		{"weight beyond any vessel", refusal{codes.FailedPrecondition, "weight", "WEIGHT"}, func(o *consignmentv1.CreateConsignmentRequest) {
			o.VesselId, o.Weight = "", math.MaxInt32
		}},
		{"more containers than the vessel takes", refusal{codes.FailedPrecondition, "containers", "CAPACITY"}, func(o *consignmentv1.CreateConsignmentRequest) {
			o.Containers = times(101, o.GetContainers()[0])
		}},
		{"more containers than the depot has", refusal{codes.FailedPrecondition, "containers[0].origin", "CONTAINERS"}, func(o *consignmentv1.CreateConsignmentRequest) {
			o.Containers = times(51, o.GetContainers()[0])
		}},
		{"no containers", invalid("containers"), func(o *consignmentv1.CreateConsignmentRequest) { o.Containers = nil }},
		{"10,000 containers", invalid("containers"), func(o *consignmentv1.CreateConsignmentRequest) {
			o.Containers = times(10_000, o.GetContainers()[0])
		}},
		{"empty origin", invalid("containers[1].origin"), func(o *consignmentv1.CreateConsignmentRequest) { o.Containers[1].Origin = "" }},
		{"origin of spaces", invalid("containers[1].origin"), func(o *consignmentv1.CreateConsignmentRequest) { o.Containers[1].Origin = "  " }},
		{"origin with ||", invalid("containers[1].origin"), func(o *consignmentv1.CreateConsignmentRequest) { o.Containers[1].Origin = "Derby||UK" }},
		{"unknown depot", missing("containers[1].origin"), func(o *consignmentv1.CreateConsignmentRequest) { o.Containers[1].Origin = "Atlantis" }},
		{"unknown vessel", missing("vessel_id"), func(o *consignmentv1.CreateConsignmentRequest) { o.VesselId = "flying-dutchman" }},
		{"vessel id with ||", invalid("vessel_id"), func(o *consignmentv1.CreateConsignmentRequest) { o.VesselId = "vessel||001" }},
		{"customer id with ||", invalid("customer_id"), func(o *consignmentv1.CreateConsignmentRequest) { o.CustomerId = "cust||001" }},
		{"customer id with a line break", invalid("customer_id"), func(o *consignmentv1.CreateConsignmentRequest) { o.CustomerId = "cust\n001" }},
		{"container id with ||", invalid("containers[0].id"), func(o *consignmentv1.CreateConsignmentRequest) { o.Containers[0].Id = "c||1" }},
		{"two containers with one id", invalid("containers[1].id"), func(o *consignmentv1.CreateConsignmentRequest) {
			o.Containers[0].Id, o.Containers[1].Id = "c1", "c1"
		}},
		{"description too long", invalid("description"), func(o *consignmentv1.CreateConsignmentRequest) {
			o.Description = strings.Repeat("a", 1_001)
		}},
		{"request id too long", invalid("request_id"), func(o *consignmentv1.CreateConsignmentRequest) {
			o.RequestId = strings.Repeat("a", 129)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			order := proto.CloneOf(good)
			test.spoil(order)
			document, err := protojson.Marshal(order)
			if err != nil {
				t.Fatal(err)
			}
			wantRefused(t, p, c, badRequest{
				want: test.want,
				grpc: func(ctx context.Context, c *platform.Client) error {
					_, err := c.CreateConsignment(ctx, order)
					return err
				},
				rest: &restCall{method: "POST", path: "/v1/consignments", body: document},
				cli:  &cliCall{args: []string{"consignment", "create", "-"}, stdin: string(document)},
			})
		})
	}

	t.Run("all that is wrong is named at once", func(t *testing.T) {
		_, err := c.CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{Weight: -1})
		freight.Refused(t, err, codes.InvalidArgument)
		if v := freight.Violations(err); len(v) != 2 || v[0].Field != "weight" || v[1].Field != "containers" {
			t.Errorf("the refusal names %+v, want weight and containers", v)
		}
	})
	t.Run("one bad order does not spoil a batch", func(t *testing.T) {
		bad := proto.CloneOf(good)
		bad.Weight = 0
		answer, err := c.BatchCreateConsignments(t.Context(), &consignmentv1.BatchCreateConsignmentsRequest{
			Requests: []*consignmentv1.CreateConsignmentRequest{good, bad, good},
		})
		if err != nil || len(answer.GetResults()) != 3 {
			t.Fatalf("got %v, %v, want three results", answer, err)
		}
		for i, result := range answer.GetResults() {
			if wantBooked := i != 1; (result.GetResponse() != nil) != wantBooked {
				t.Errorf("order %d: got %v", i, result)
			}
		}
		if f := answer.GetResults()[1].GetFailure(); f.GetCode() != int32(codes.InvalidArgument) || f.GetViolations()[0].GetField() != "weight" {
			t.Errorf("order 1: got %v, want INVALID_ARGUMENT naming weight", f)
		}
	})
	audit.Wait(t, p, c, 30*time.Second)
}

func times(n int, c *consignmentv1.Container) []*consignmentv1.Container {
	all := make([]*consignmentv1.Container, n)
	for i := range all {
		all[i] = proto.CloneOf(c)
	}
	return all
}

// Bad requests other than orders.
func TestBadRequests(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	vessel := freight.Vessel(t, c, 100, 100_000)
	tooMany := make([]*consignmentv1.CreateConsignmentRequest, 1_001)
	for i := range tooMany {
		tooMany[i] = freight.Order(vessel, 1, "Atlantis")
	}

	tests := []badRequest{
		{
			name: "get an id with ||", want: invalid("id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.GetConsignment(ctx, &consignmentv1.GetConsignmentRequest{Id: "a||b"})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/consignments/" + url.PathEscape("a||b")},
			cli:  &cliCall{args: []string{"consignment", "get", "a||b"}},
		},
		{
			name: "get an unknown id", want: missing("id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.GetConsignment(ctx, &consignmentv1.GetConsignmentRequest{Id: "01234567-89ab-7cde-8f01-23456789abcd"})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/consignments/01234567-89ab-7cde-8f01-23456789abcd"},
			cli:  &cliCall{args: []string{"consignment", "get", "01234567-89ab-7cde-8f01-23456789abcd"}},
		},
		{
			name: "get no id", want: invalid("id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.GetConsignment(ctx, &consignmentv1.GetConsignmentRequest{})
				return err
			},
			cli: &cliCall{args: []string{"consignment", "get", ""}},
		},
		{
			name: "cancel an id with ||", want: invalid("id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.CancelConsignment(ctx, &consignmentv1.CancelConsignmentRequest{Id: "a||b"})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/consignments/" + url.PathEscape("a||b") + ":cancel", body: []byte("{}")},
			cli:  &cliCall{args: []string{"consignment", "cancel", "a||b"}},
		},
		{
			name: "cancel an unknown id", want: missing("id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.CancelConsignment(ctx, &consignmentv1.CancelConsignmentRequest{Id: "nothing"})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/consignments/nothing:cancel", body: []byte("{}")},
			cli:  &cliCall{args: []string{"consignment", "cancel", "nothing"}},
		},
		{
			name: "list for a customer with ||", want: invalid("customer_id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.ListConsignments(ctx, &consignmentv1.ListConsignmentsRequest{CustomerId: "a||b"})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/consignments?customer_id=" + url.QueryEscape("a||b")},
			cli:  &cliCall{args: []string{"consignment", "list", "--customer", "a||b"}},
		},
		{
			name: "a page larger than 200", want: invalid("page_size"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.ListConsignments(ctx, &consignmentv1.ListConsignmentsRequest{PageSize: 201})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/consignments?page_size=201"},
			cli:  &cliCall{args: []string{"consignment", "list", "--page-size", "201"}},
		},
		{
			name: "a page of -1", want: invalid("page_size"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.ListVessels(ctx, &vesselv1.ListVesselsRequest{PageSize: -1})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/vessels?page_size=-1"},
			cli:  &cliCall{args: []string{"vessel", "list", "--page-size=-1"}},
		},
		{
			name: "a page size that is no number", want: invalid("page_size"),
			rest: &restCall{method: "GET", path: "/v1/consignments?page_size=many"},
			cli:  &cliCall{args: []string{"consignment", "list", "--page-size", "many"}, says: "page-size"},
		},
		{
			name: "an invented page token of consignments", want: invalid("page_token"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.ListConsignments(ctx, &consignmentv1.ListConsignmentsRequest{PageToken: "AAAAAAAAAAAAAAAAAAAAAA"})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/consignments?page_token=AAAAAAAAAAAAAAAAAAAAAA"},
			cli:  &cliCall{args: []string{"consignment", "list", "--page-token", "AAAAAAAAAAAAAAAAAAAAAA"}},
		},
		{
			name: "an invented page token of vessels", want: invalid("page_token"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.ListVessels(ctx, &vesselv1.ListVesselsRequest{PageToken: "next please"})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/vessels?page_token=next%20please"},
			cli:  &cliCall{args: []string{"vessel", "list", "--page-token", "next please"}},
		},
		{
			name: "an invented page token of depots", want: invalid("page_token"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.ListDepots(ctx, &inventoryv1.ListDepotsRequest{PageToken: "\x00"})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/depots?page_token=%00"},
			cli:  &cliCall{args: []string{"depot", "list", "--page-token", "%00"}},
		},
		{
			name: "a vessel without room", want: invalid("capacity"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.CreateVessel(ctx, &vesselv1.CreateVesselRequest{Name: "Nutshell", Capacity: -1, MaxWeight: 1})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/vessels", body: []byte(`{"name": "Nutshell", "capacity": -1, "max_weight": 1}`)},
			cli:  &cliCall{args: []string{"vessel", "create", "--name", "Nutshell", "--capacity=-1", "--max-weight", "1"}},
		},
		{
			name: "a vessel whose id has ||", want: invalid("id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.CreateVessel(ctx, &vesselv1.CreateVesselRequest{Id: "a||b", Name: "Nutshell", Capacity: 1, MaxWeight: 1})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/vessels", body: []byte(`{"id": "a||b", "name": "Nutshell", "capacity": 1, "max_weight": 1}`)},
			cli:  &cliCall{args: []string{"vessel", "create", "--id", "a||b", "--name", "Nutshell", "--capacity", "1", "--max-weight", "1"}},
		},
		{
			name: "a vessel that exists", want: refusal{code: codes.AlreadyExists, field: "id"},
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.CreateVessel(ctx, &vesselv1.CreateVesselRequest{Id: vessel, Name: "Again", Capacity: 1, MaxWeight: 1})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/vessels", body: []byte(`{"id": "` + vessel + `", "name": "Again", "capacity": 1, "max_weight": 1}`)},
			cli:  &cliCall{args: []string{"vessel", "create", "--id", vessel, "--name", "Again", "--capacity", "1", "--max-weight", "1"}},
		},
		{
			name: "get a vessel that does not exist", want: missing("id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.GetVessel(ctx, &vesselv1.GetVesselRequest{Id: "flying-dutchman"})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/vessels/flying-dutchman"},
		},
		{
			name: "find room for no containers", want: invalid("capacity"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.FindAvailable(ctx, &vesselv1.FindAvailableRequest{Capacity: 0, MaxWeight: 1})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/vessels:findAvailable?capacity=0&max_weight=1"},
			cli:  &cliCall{args: []string{"vessel", "find", "--capacity", "0", "--weight", "1"}},
		},
		{
			name: "find room for a negative weight", want: invalid("max_weight"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.FindAvailable(ctx, &vesselv1.FindAvailableRequest{Capacity: 1, MaxWeight: -1})
				return err
			},
			rest: &restCall{method: "GET", path: "/v1/vessels:findAvailable?capacity=1&max_weight=-1"},
			cli:  &cliCall{args: []string{"vessel", "find", "--capacity", "1", "--weight=-1"}},
		},
		{
			name: "stock a depot without a name", want: invalid("origin"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.StockDepot(ctx, &inventoryv1.StockDepotRequest{Containers: 1})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/depots:stock", body: []byte(`{"containers": 1}`)},
			cli:  &cliCall{args: []string{"depot", "stock", "", "1"}},
		},
		{
			name: "stock a depot with a negative number", want: invalid("containers"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.StockDepot(ctx, &inventoryv1.StockDepotRequest{Origin: "Atlantis", Containers: -5})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/depots:stock", body: []byte(`{"origin": "Atlantis", "containers": -5}`)},
			cli:  &cliCall{args: []string{"depot", "stock", "Atlantis", "--", "-5"}},
		},
		{
			name: "ping an app that does not exist", want: missing("app_id"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.Ping(ctx, &opsv1.PingRequest{AppId: "nobody"})
				return err
			},
			rest: &restCall{method: "POST", path: "/v1/apps/nobody:ping", body: []byte("{}")},
		},
		{
			name: "a batch of 1,001", want: invalid("requests"),
			grpc: func(ctx context.Context, c *platform.Client) error {
				_, err := c.BatchCreateConsignments(ctx, &consignmentv1.BatchCreateConsignmentsRequest{Requests: tooMany})
				return err
			},
		},
		{
			name: "a path that does not exist", want: missing("path"),
			rest: &restCall{method: "GET", path: "/v1/nothing"},
		},
	}
	for _, bad := range tests {
		t.Run(bad.name, func(t *testing.T) { wantRefused(t, p, c, bad) })
	}

	t.Run("seaport ping of an app that does not exist", func(t *testing.T) {
		out := p.CLI(t, "ping", "nobody", "-n", "1")
		if out.Exit != exitRefused || !strings.Contains(out.Stderr, "app_id") {
			t.Errorf("exit %d, want %d; it says %q", out.Exit, exitRefused, out.Stderr)
		}
		wantClear(t, "command line", out.Stderr)
	})
	t.Run("a method that a path does not have", func(t *testing.T) {
		answer := p.REST(t, "DELETE", "/v1/consignments", nil)
		restError(t, answer, 405, "INVALID_ARGUMENT")
	})
	t.Run("a field that a query does not have", func(t *testing.T) {
		answer := p.REST(t, "GET", "/v1/consignments?custmer_id=cust001", nil)
		if v := restError(t, answer, 400, "INVALID_ARGUMENT"); len(v) != 1 || v[0].Field != "custmer_id" {
			t.Errorf("the refusal names %+v, want custmer_id", v)
		}
	})
}
