package booking

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/platform"
)

// The sample file booked with the command line on a fresh platform, and a restart after it.
func TestSampleBookingOutlivesARestart(t *testing.T) {
	data := platform.Folder(t)
	p := platform.StartIn(t, data)

	created := p.CLI(t, "consignment", "create", "examples/consignment.json")
	if created.Exit != 0 || !strings.Contains(created.Stdout, "Created: true") {
		t.Fatalf("exit %d, output:\n%s%s", created.Exit, created.Stdout, created.Stderr)
	}
	for _, want := range []string{"55000 kg", "vessel001", "Manchester, United Kingdom", "Derby, United Kingdom", "Sheffield, United Kingdom", "cust005", "user001"} {
		if !strings.Contains(created.Stdout, want) {
			t.Errorf("the stored consignment is printed without %q:\n%s", want, created.Stdout)
		}
	}
	audit.Wait(t, p, p.Client(t), 30*time.Second)
	consignment := theOnlyOne(t, p)
	wantSampleRoom(t, p)
	depots := p.CLI(t, "depot", "list", "--output", "json").Stdout

	p.Stop(t)
	p = platform.StartIn(t, data)

	if again := theOnlyOne(t, p); !proto.Equal(again, consignment) {
		t.Errorf("after the restart it is\n%v\nbefore it was\n%v", again, consignment)
	}
	wantSampleRoom(t, p)
	if again := p.CLI(t, "depot", "list", "--output", "json").Stdout; again != depots {
		t.Errorf("after the restart the depots are\n%s\nbefore they were\n%s", again, depots)
	}
	audit.Wait(t, p, p.Client(t), 30*time.Second)
}

// theOnlyOne returns the consignment that `list` prints, which must be one.
func theOnlyOne(t *testing.T, p *platform.Platform) *consignmentv1.Consignment {
	t.Helper()
	listed := p.CLI(t, "consignment", "list", "--output", "json")
	var page consignmentv1.ListConsignmentsResponse
	if err := protojson.Unmarshal([]byte(listed.Stdout), &page); err != nil || listed.Exit != 0 {
		t.Fatalf("exit %d, %v, output:\n%s%s", listed.Exit, err, listed.Stdout, listed.Stderr)
	}
	if len(page.GetConsignments()) != 1 {
		t.Fatalf("%d consignments are listed, want 1", len(page.GetConsignments()))
	}
	return page.GetConsignments()[0]
}

// wantSampleRoom wants the sample vessel alone in the fleet, with the sample consignment on it.
func wantSampleRoom(t *testing.T, p *platform.Platform) {
	t.Helper()
	var page vesselv1.ListVesselsResponse
	listed := p.CLI(t, "vessel", "list", "--output", "json")
	if err := protojson.Unmarshal([]byte(listed.Stdout), &page); err != nil {
		t.Fatalf("%v, output:\n%s%s", err, listed.Stdout, listed.Stderr)
	}
	if len(page.GetVessels()) != 1 {
		t.Fatalf("%d vessels are listed, want 1", len(page.GetVessels()))
	}
	v := page.GetVessels()[0]
	if v.GetId() != "vessel001" || v.GetFreeCapacity() != 497 || v.GetFreeWeight() != 145_000 || v.GetPendingHolds() != 0 {
		t.Errorf("vessel %s has %d containers and %d kg left and %d holds, want vessel001 with 497, 145000 and 0",
			v.GetId(), v.GetFreeCapacity(), v.GetFreeWeight(), v.GetPendingHolds())
	}
}

// What the command line prints as JSON and what REST answers are the same consignment.
func TestOneConsignmentThroughEveryDoor(t *testing.T) {
	p := platform.Shared(t)
	created := p.CLI(t, "consignment", "create", "examples/consignment.json", "--output", "json")
	var answer consignmentv1.CreateConsignmentResponse
	if err := protojson.Unmarshal([]byte(created.Stdout), &answer); err != nil || created.Exit != 0 {
		t.Fatalf("exit %d, %v, output:\n%s%s", created.Exit, err, created.Stdout, created.Stderr)
	}
	want := answer.GetConsignment()

	overGRPC, err := p.Client(t).GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: want.GetId()})
	if err != nil || !proto.Equal(overGRPC.GetConsignment(), want) {
		t.Errorf("gRPC answers %v, %v, want %v", overGRPC, err, want)
	}
	rest := p.REST(t, "GET", "/v1/consignments/"+want.GetId(), nil)
	var overREST consignmentv1.GetConsignmentResponse
	if err := protojson.Unmarshal(rest.Body, &overREST); err != nil || rest.Status != 200 || !proto.Equal(overREST.GetConsignment(), want) {
		t.Errorf("REST answers %d %s, want %v", rest.Status, rest.Body, want)
	}
	var fields map[string]map[string]any
	if err := json.Unmarshal(rest.Body, &fields); err != nil || fields["consignment"]["vessel_id"] != want.GetVesselId() {
		t.Errorf("REST names fields otherwise than the .proto: %s", rest.Body)
	}
	got := p.CLI(t, "consignment", "get", want.GetId(), "--output", "json")
	var overCLI consignmentv1.GetConsignmentResponse
	if err := protojson.Unmarshal([]byte(got.Stdout), &overCLI); err != nil || !proto.Equal(overCLI.GetConsignment(), want) {
		t.Errorf("the command line prints %s%s, want %v", got.Stdout, got.Stderr, want)
	}
}
