package command

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
)

// scene is one stream of a watch: what is sent on it, and how it ends. After the last scene the watcher is left waiting.
type scene struct {
	send []*consignmentv1.WatchConsignmentsResponse
	end  error // nil: the server just ends it
}

// play has the fake play scenes, one a stream, and returns the last_event_ids that it was asked for.
func (p *platform) play(scenes ...scene) (asked func() []string) {
	var mu sync.Mutex
	var from []string
	p.watch = func(req *consignmentv1.WatchConsignmentsRequest, stream watchStream) error {
		mu.Lock()
		n := len(from)
		from = append(from, req.GetLastEventId())
		mu.Unlock()
		for _, resp := range scenes[min(n, len(scenes)-1)].send {
			if err := stream.Send(resp); err != nil {
				return err
			}
		}
		if n >= len(scenes)-1 {
			<-stream.Context().Done()
		}
		return scenes[min(n, len(scenes)-1)].end
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(from)
	}
}

// interrupter is an output that interrupts a command once it has printed something.
type interrupter struct {
	bytes.Buffer
	after     string
	interrupt context.CancelFunc
}

func (i *interrupter) Write(text []byte) (int, error) {
	n, err := i.Buffer.Write(text)
	if strings.Contains(i.Buffer.String(), i.after) {
		i.interrupt()
	}
	return n, err
}

// watchUntil runs a watch that is interrupted once it has printed something.
func (p *platform) watchUntil(t *testing.T, after string, args ...string) result {
	t.Helper()
	ctx, interrupt := context.WithTimeout(t.Context(), 30*time.Second)
	defer interrupt()
	stdout := &interrupter{after: after, interrupt: interrupt}
	var stderr bytes.Buffer
	exit := Run(ctx, append([]string{"--server", p.address, "consignment", "watch"}, args...), strings.NewReader(""), stdout, &stderr)
	if !strings.Contains(stdout.String(), after) {
		t.Errorf("%q was never printed: exit %d, stdout %q, stderr %q", after, exit, stdout.String(), stderr.String())
	}
	return result{exit, stdout.String(), stderr.String()}
}

func sampleChanges() []*consignmentv1.WatchConsignmentsResponse {
	cancelled := booked("01234567-89ab-7cde-8f01-23456789abcd", spareParts)
	cancelled.Status, cancelled.StatusReason = consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED, "ordered twice"
	cancelled.VesselId = "a vessel with a long id"
	return []*consignmentv1.WatchConsignmentsResponse{
		started("e0"), changed("e1", booked("01234567-89ab-7cde-8f01-23456789abcd", spareParts)), changed("e2", booked("hostile", hostile)),
		changed("e3", cancelled), changed("e4", booked("last", spareParts)),
	}
}

func TestWatch(t *testing.T) {
	p := newPlatform(t)
	p.play(scene{send: sampleChanges()})
	got := p.watchUntil(t, "last ")
	if want := "seaport: interrupted\nTo go on from here: seaport consignment watch --server " + p.address + " --from e4\n"; got.exit != exitInterrupted || got.stderr != want {
		t.Errorf("exit %d, stderr %q, want %q", got.exit, got.stderr, want)
	}
	golden(t, "consignment-watch", got.stdout)

	got = p.watchUntil(t, `"last"`, "--output", "json")
	if got.exit != exitInterrupted || !json.Valid([]byte(got.stderr)) || !strings.Contains(got.stderr, "--from e4") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	golden(t, "consignment-watch-json", got.stdout)
	for line := range strings.Lines(got.stdout) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %q", line)
		}
	}
}

func TestWatchAsks(t *testing.T) {
	p := newPlatform(t)
	var req *consignmentv1.WatchConsignmentsRequest
	p.watch = func(r *consignmentv1.WatchConsignmentsRequest, stream watchStream) error {
		req = r
		return status.Error(codes.InvalidArgument, "last_event_id: is not from a watch")
	}
	got := p.run(t, "", "consignment", "watch", "--customer", "c u", "--from", "e9")
	if req.GetCustomerId() != "c u" || req.GetLastEventId() != "e9" {
		t.Errorf("asked for %v", req)
	}
	if got.exit != exitFailed || !strings.Contains(got.stderr, "is not from a watch (INVALID_ARGUMENT)") || strings.Contains(got.stderr, "--from") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}

// consignments returns the ids of the consignments that a watch printed as JSON, in order.
func consignments(t *testing.T, stdout string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var doc struct {
			Change struct {
				Consignment struct {
					ID string `json:"id"`
				} `json:"consignment"`
			} `json:"change"`
		}
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ids = append(ids, doc.Change.Consignment.ID)
	}
	return ids
}

// Streams that break, in whatever way, and a platform that is away for a while: the watch goes on after the last event.
func TestWatchGoesOn(t *testing.T) {
	quickly(t)
	p := newPlatform(t)
	away := status.Error(codes.Unavailable, "the consignment service stops")
	asked := p.play(
		scene{[]*consignmentv1.WatchConsignmentsResponse{started("e0")}, status.Error(codes.Canceled, "RST_STREAM")},
		scene{[]*consignmentv1.WatchConsignmentsResponse{started("e0"), changed("e1", booked("c1", spareParts))}, away},
		scene{nil, away}, scene{nil, status.Error(codes.Internal, "RST_STREAM")}, scene{nil, status.Error(codes.ResourceExhausted, "too many")},
		scene{nil, away}, scene{nil, away}, scene{nil, status.Error(codes.Canceled, "RST_STREAM")},
		scene{[]*consignmentv1.WatchConsignmentsResponse{started("e1"), changed("e2", booked("c2", spareParts)), behind("e2", 12_000), changed("e3", booked("c3", spareParts))}, nil},
		scene{[]*consignmentv1.WatchConsignmentsResponse{changed("e4", booked("last", spareParts))}, away},
	)
	got := p.watchUntil(t, "last ")
	if want := []string{"", "e0", "e1", "e1", "e1", "e1", "e1", "e1", "e1", "e3"}; !slices.Equal(asked(), want) {
		t.Errorf("it went on after %q, want %q", asked(), want)
	}
	var printed []string
	for line := range strings.Lines(got.stdout) {
		if fields := strings.Fields(line); len(fields) > 2 {
			printed = append(printed, fields[2])
		}
	}
	if want := []string{"CONSIGNMENT", "c1", "c2", "c3", "last"}; !slices.Equal(printed, want) {
		t.Errorf("printed %q, want %q", printed, want)
	}
	const lost, back = "seaport: lost the connection: ", "seaport: connected again; nothing was missed\n"
	const ended = "Seaport ended the watch; trying again until it is back\n"
	want := lost + ended + back +
		lost + "the consignment service stops; trying again until it is back\n" + back +
		"seaport: things happen faster than they are printed: about 12000 changes wait, and will come\n" +
		lost + ended + back +
		"seaport: interrupted\nTo go on from here: seaport consignment watch --server " + p.address + " --from e4\n"
	if got.exit != exitInterrupted || got.stderr != want {
		t.Errorf("exit %d, stderr\n%s\nwant\n%s", got.exit, got.stderr, want)
	}
}

// The access token ends in the middle: the watch goes on with another, and nobody needs to know.
func TestWatchOutlivesItsToken(t *testing.T) {
	quickly(t)
	p := newPlatform(t)
	p.logIn(t, time.Hour)
	ended := status.Error(codes.Unauthenticated, "the access token has expired")
	asked := p.play(
		scene{[]*consignmentv1.WatchConsignmentsResponse{started("e0"), changed("e1", booked("c1", spareParts))}, ended},
		scene{[]*consignmentv1.WatchConsignmentsResponse{started("e1"), changed("e2", booked("last", spareParts))}, ended},
	)
	entered := 0
	p.admit = func(token string) error {
		if entered++; entered > 1 && token != "access-2" {
			return ended
		}
		return nil
	}
	p.refresh = func(*userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
		return &userv1.RefreshTokenResponse{Tokens: pair(2)}, nil
	}
	got := p.watchUntil(t, `"last"`, "-o", "json")
	if ids := consignments(t, got.stdout); !slices.Equal(ids, []string{"c1", "last"}) || !slices.Equal(asked(), []string{"", "e1"}) {
		t.Errorf("printed %q, went on after %q, stderr %q", ids, asked(), got.stderr)
	}
	if got.exit != exitInterrupted {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}

// A log-in that has ended is the end of the watch, which says how to go on after another.
func TestWatchEndsWithItsLogIn(t *testing.T) {
	quickly(t)
	p := newPlatform(t)
	p.logIn(t, time.Hour)
	ended := status.Error(codes.Unauthenticated, "the access token has expired")
	p.play(scene{[]*consignmentv1.WatchConsignmentsResponse{started("e0"), changed("e1", booked("c1", spareParts))}, ended}, scene{nil, ended})
	entered := 0
	p.admit = func(string) error {
		if entered++; entered > 1 {
			return ended
		}
		return nil
	}
	p.refresh = func(*userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) { return nil, ended }
	got := p.run(t, "", "consignment", "watch")
	if got.exit != exitFailed || !strings.Contains(got.stderr, "seaport login --email operator@seaport.example") ||
		!strings.HasSuffix(got.stderr, "--from e1\n") || strings.Contains(got.stderr, "lost the connection") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}

// What will not be better the next time ends a watch, at its beginning and later.
func TestWatchEnds(t *testing.T) {
	quickly(t)
	away := status.Error(codes.Unavailable, "away")
	begin := scene{[]*consignmentv1.WatchConsignmentsResponse{started("e0")}, away}
	for _, tt := range []struct {
		name   string
		scenes []scene
		asked  int
		exit   int
	}{
		{"away from the beginning", []scene{{nil, away}, {nil, away}, {nil, away}, {nil, away}, {nil, away}, {nil, away}}, 4, exitUnreachable},
		{"refused", []scene{{nil, status.Error(codes.PermissionDenied, "not yours")}, begin}, 1, exitFailed},
		{"nobody", []scene{{nil, status.Error(codes.Unauthenticated, "log in")}, begin}, 1, exitFailed},
		{"refused later", []scene{begin, {nil, status.Error(codes.PermissionDenied, "not yours any more")}, begin}, 2, exitFailed},
		{"too old to go on", []scene{begin, {nil, status.Error(codes.InvalidArgument, "last_event_id: is too old")}, begin}, 2, exitFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			asked := p.play(tt.scenes...)
			got := p.run(t, "", "consignment", "watch")
			if got.exit != tt.exit || len(asked()) != tt.asked {
				t.Errorf("exit %d after %d streams, want %d after %d; stderr %q", got.exit, len(asked()), tt.exit, tt.asked, got.stderr)
			}
		})
	}
}
