package command

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
)

func TestGatewayAddress(t *testing.T) {
	tests := []struct{ in, want string }{
		{"localhost:8080", "localhost:8080"},
		{"seaport.test", "seaport.test:8080"},
		{":9000", "localhost:9000"},
		{"http://localhost:8080", "localhost:8080"},
		{"HTTP://localhost:8080/", "localhost:8080"},
		{"http://seaport.test", "seaport.test:80"},
		{"http://[::1]:9000", "[::1]:9000"},
		{"[::1]:9000", "[::1]:9000"},
		{"[::1]", "[::1]:8080"},
		{"::1", "[::1]:8080"},
		{" 10.0.0.1:1 ", "10.0.0.1:1"},
	}
	for _, tt := range tests {
		if got, err := gatewayAddress(tt.in); err != nil || got != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{
		"", "  ", "https://x:1", "unix:///tmp/x", "x:0", "x:65536", "x:http", "x:", "x y:1", "http://", "http://x:1/v1", "http://u@x:1", "u@x:1", "http://x:1?y", "[::1:1", "x/y",
	} {
		if got, err := gatewayAddress(in); err == nil {
			t.Errorf("%q: got %q, want an error", in, got)
		}
	}
}

// quickly makes the pauses between repeats short for a test.
func quickly(t *testing.T) {
	t.Helper()
	before := defaultRetry
	defaultRetry.pause = time.Millisecond
	t.Cleanup(func() { defaultRetry = before })
}

func TestRepeat(t *testing.T) {
	quickly(t)
	unavailable := status.Error(codes.Unavailable, "the vessel service is away")
	tests := []struct {
		name string
		args []string
		errs []error // of the calls, in their order; then nil
		sent int
		exit int
	}{
		{"until it works", []string{"consignment", "create", "-"}, []error{unavailable, unavailable}, 3, exitOK},
		{"not for ever", []string{"consignment", "create", "-"}, []error{unavailable, unavailable, unavailable, unavailable, nil}, 4, exitUnreachable},
		{"not what was refused", []string{"consignment", "create", "-"}, []error{status.Error(codes.FailedPrecondition, "full")}, 1, exitFailed},
		{"stock", []string{"depot", "stock", "Derby", "1"}, []error{unavailable}, 2, exitOK},
		{"not what may happen twice", []string{"vessel", "create", "--name", "x", "--capacity", "1", "--max-weight", "1"}, []error{unavailable}, 1, exitUnreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			left := tt.errs
			p.fail = func(string) (err error) {
				if len(left) > 0 {
					err, left = left[0], left[1:]
				}
				return err
			}
			got := p.run(t, "{}", tt.args...)
			sent := p.received()
			if got.exit != tt.exit || len(sent) != tt.sent {
				t.Fatalf("exit %d after %d calls, want %d after %d; stderr %q", got.exit, len(sent), tt.exit, tt.sent, got.stderr)
			}
			ids := make(map[string]bool)
			for _, req := range sent {
				switch r := req.(type) {
				case *consignmentv1.CreateConsignmentRequest:
					ids[r.GetRequestId()] = true
				case *inventoryv1.StockDepotRequest:
					ids[r.GetRequestId()] = true
				}
			}
			if len(ids) > 1 || ids[""] {
				t.Errorf("request ids %v, want one for all repeats", ids)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	p := newPlatform(t)
	for _, tt := range []struct {
		name, file string
		flags      []string
		want       string // empty: a new one
	}{
		{"new", `{}`, nil, ""},
		{"of the file", `{"request_id": "f1"}`, nil, "f1"},
		{"of the flag", `{"request_id": "f1"}`, []string{"--request-id", "r1"}, "r1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.run(t, tt.file, append([]string{"consignment", "create", "-"}, tt.flags...)...)
			sent := p.received()
			got := sent[len(sent)-1].(*consignmentv1.CreateConsignmentRequest).GetRequestId()
			if got == "" || tt.want != "" && got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPageTokenLoop(t *testing.T) {
	p := newPlatform(t)
	p.list = func(*consignmentv1.ListConsignmentsRequest) (*consignmentv1.ListConsignmentsResponse, error) {
		return &consignmentv1.ListConsignmentsResponse{NextPageToken: "same"}, nil
	}
	got := p.run(t, "", "consignment", "list", "--all")
	if got.exit != exitFailed {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}
