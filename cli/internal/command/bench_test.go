package command

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

func TestBench(t *testing.T) {
	p := newPlatform(t)
	p.quiet = true
	args := []string{"bench", "--callers", "1,3", "--count", "60", "--warmup", "10ms"}
	got := p.run(t, "", args...)
	if got.exit != exitOK || got.stderr != "" {
		t.Fatalf("exit %d, stderr %q", got.exit, got.stderr)
	}
	for _, want := range []string{"callers    pings/s", "\n      1  ", "\n      3  ", "\n  1        60     60  ", "\n  3        60     60  "} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}

	got = p.run(t, "", append(args, "-o", "json")...)
	var doc benchDocument
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Rows) != 2 || doc.Rows[1].Callers != 3 || doc.Rows[1].Bookings.Calls != 60 || doc.Count != 60 || !doc.Settled {
		t.Errorf("got %+v", doc)
	}
}

func TestBenchSaysWhatFailed(t *testing.T) {
	p := newPlatform(t)
	p.quiet = true
	var n atomic.Int64
	p.create = func(req *consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
		if n.Add(1)%10 == 0 {
			return nil, status.Error(codes.FailedPrecondition, "full\x1b[2J")
		}
		return &consignmentv1.CreateConsignmentResponse{Created: true, Consignment: booked("c1", req)}, nil
	}
	got := p.run(t, "", "bench", "--callers", "2", "--count", "50", "--warmup", "0")
	if got.exit != exitFailed {
		t.Errorf("exit %d", got.exit)
	}
	for _, want := range []string{"FAILED: 0 pings, 5 bookings", "\n  2        50     45  ", `booking  5      FAILED_PRECONDITION  full\x1b[2J`} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in\n%s", want, got.stdout)
		}
	}
}
