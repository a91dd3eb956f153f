package publishing

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const topic = "user.created"

// welcome is the payload of an event that has a welcome mailed, and hurts nobody.
func welcome(to string) string {
	return fmt.Sprintf(`{"user_id": "nobody-%s", "name": "Published by hand", "email": %q}`, freight.RequestID(), to)
}

func newAddress() string { return platform.NewAccount().Email }

// welcomes returns how many mails an address got.
func welcomes(t *testing.T, p *platform.Platform, to string) (n int) {
	t.Helper()
	for _, m := range p.Mails(t) {
		if slices.Contains(m.To, to) && strings.Contains(m.Subject, "Welcome") {
			n++
		}
	}
	return n
}

func waitWelcomes(t *testing.T, p *platform.Platform, to string, want int) {
	t.Helper()
	platform.Wait(t, 30*time.Second, func() error {
		if got := welcomes(t, p, to); got != want {
			return fmt.Errorf("%d welcomes to %s, want %d", got, to, want)
		}
		return nil
	})
}

// request is what to publish through gRPC.
func request(t *testing.T, topic, id, data string) *opsv1.PublishEventRequest {
	t.Helper()
	payload := &structpb.Struct{}
	if err := payload.UnmarshalJSON([]byte(data)); err != nil {
		t.Fatal(err)
	}
	return &opsv1.PublishEventRequest{Topic: topic, Id: id, Data: payload}
}

// An event is handled as the service's own: once for each id, through whatever door it comes, and however often.
func TestPublish(t *testing.T) {
	t.Parallel()
	p := platform.Shared(t)
	to, id := newAddress(), freight.RequestID()
	data := welcome(to)

	resp, err := p.Client(t).PublishEvent(t.Context(), request(t, topic, id, data))
	if err != nil || resp.GetId() != id || resp.GetAppId() != "user" {
		t.Fatalf("through gRPC: %v, %v", resp, err)
	}
	answer := p.REST(t, http.MethodPost, "/v1/topics/"+topic+":publish", []byte(`{"id": "`+id+`", "data": `+data+`}`))
	if answer.Status != http.StatusOK || !strings.Contains(string(answer.Body), id) {
		t.Errorf("through REST: %d %s", answer.Status, answer.Body)
	}
	out := p.CLIWith(t, data, "publish", topic, "--id", id)
	if want := "event " + id + ": published to " + topic + " by user\n"; out.Exit != 0 || out.Stdout != want {
		t.Errorf("by the command line: exit %d, %q %q", out.Exit, out.Stdout, out.Stderr)
	}
	// Events of a topic come in their order: when the one after it has its mail, so has each of these.
	after := newAddress()
	if out := p.CLIWith(t, welcome(after), "publish", topic, "-o", "json"); out.Exit != 0 || !json.Valid([]byte(out.Stdout)) {
		t.Errorf("without an id: exit %d, %q %q", out.Exit, out.Stdout, out.Stderr)
	}
	waitWelcomes(t, p, after, 1)
	if n := welcomes(t, p, to); n != 1 {
		t.Errorf("%d welcomes for one event that was published three times", n)
	}
}

// Each line of --every is an event that is handled, until Ctrl-C.
func TestPublishEvery(t *testing.T) {
	t.Parallel()
	p := platform.Shared(t)
	to := newAddress()
	endless := p.As(t, platform.Operator).Begin(t, welcome(to), "publish", topic, "--every", "50ms")
	platform.Wait(t, 30*time.Second, func() error {
		if n := strings.Count(endless.Printed(), "\n"); n < 3 {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
	out := endless.Interrupt(t)
	if out.Exit != 130 {
		t.Errorf("interrupted: exit %d, %q", out.Exit, out.Stderr)
	}
	ids := make(map[string]bool)
	for line := range strings.Lines(out.Stdout) {
		ids[line] = true
	}
	if len(ids) != strings.Count(out.Stdout, "\n") {
		t.Errorf("an id comes twice: %q", out.Stdout)
	}
	// One more may have been on its way when it was interrupted.
	platform.Wait(t, 30*time.Second, func() error {
		if n := welcomes(t, p, to); n != len(ids) && n != len(ids)+1 {
			return fmt.Errorf("%d welcomes for %d events", n, len(ids))
		}
		return nil
	})
}

func TestWhoMayPublish(t *testing.T) {
	t.Parallel()
	p := platform.Shared(t)
	to := newAddress()
	for _, role := range []string{platform.Customer, platform.Admin} {
		caller := p.As(t, role)
		if _, err := caller.Client(t).PublishEvent(t.Context(), request(t, topic, "", welcome(to))); status.Code(err) != codes.PermissionDenied {
			t.Errorf("a %s publishes: %v", role, err)
		}
		if out := caller.CLI(t, welcome(to), "publish", topic); out.Exit != 1 || !strings.Contains(out.Stderr, "PERMISSION_DENIED") {
			t.Errorf("a %s publishes by the command line: exit %d, %q", role, out.Exit, out.Stderr)
		}
	}
	if _, err := p.Nobody().Client(t).PublishEvent(t.Context(), request(t, topic, "", welcome(to))); status.Code(err) != codes.Unauthenticated {
		t.Errorf("nobody publishes: %v", err)
	}
	// Straight to the service it is the same: the gateway is not what guards it.
	if _, err := p.As(t, platform.Customer).Beside(t, "gateway.daprd", "user").PublishEvent(t.Context(), request(t, topic, "", welcome(to))); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a customer publishes past the gateway: %v", err)
	}
	if n := welcomes(t, p, to); n != 0 {
		t.Errorf("%d mails of what was refused", n)
	}
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	p := platform.Shared(t)
	c := p.Client(t)
	for name, tt := range map[string]struct {
		topic, id, data string
		code            codes.Code
		field           string
	}{
		"undeclared topic": {"user.deleted", "", `{}`, codes.NotFound, "topic"},
		"dead letters":     {"notification.dead", "", `{}`, codes.NotFound, "topic"},
		"no topic":         {"", "", `{}`, codes.NotFound, "topic"},
		"two megabytes":    {topic, "", `{"name": "` + strings.Repeat("x", 2<<20) + `"}`, codes.InvalidArgument, "data"},
		"unknown field":    {"consignment.booked", "", `{"consignmnt_id": "c1"}`, codes.InvalidArgument, "data.consignmnt_id"},
		"wrong type":       {"consignment.booked", "", `{"consignment_id": "c1", "vessel_id": "v1", "pickups": [{"containers": "two"}]}`, codes.InvalidArgument, "data.pickups[0].containers"},
		"about nothing":    {"consignment.booked", "", `{"vessel_id": "v1"}`, codes.InvalidArgument, "data.consignment_id"},
		"long id":          {topic, strings.Repeat("x", 129), welcome("x@test.example"), codes.InvalidArgument, "id"},
	} {
		_, err := c.PublishEvent(t.Context(), request(t, tt.topic, tt.id, tt.data))
		if status.Code(err) != tt.code || firstField(err) != tt.field {
			t.Errorf("%s: %v, want %s for %s", name, err, tt.code, tt.field)
		}
	}
	for _, tt := range []struct {
		name, topic, stdin string
		exit               int
		says               []string
	}{
		{"undeclared topic", "user.deleted", `{}`, 1, []string{"NOT_FOUND", "consignment.booked", "user.created"}},
		{"unknown field", topic, `{"usr_id": "u1"}`, 1, []string{"INVALID_ARGUMENT", "data.usr_id", "there are user_id"}},
		{"two megabytes", topic, `{"name": "` + strings.Repeat("x", 2<<20) + `"}`, 1, []string{"INVALID_ARGUMENT", "data: must have at most 262144 bytes"}},
		{"five megabytes", topic, `{"name": "` + strings.Repeat("x", 5<<20) + `"}`, 2, []string{"standard input: is larger than 4 MiB"}},
		{"no JSON", topic, "{\n  user_id: 1}", 2, []string{"standard input: line 2, column 3: is not JSON"}},
	} {
		out := p.CLIWith(t, tt.stdin, "publish", tt.topic)
		for _, says := range tt.says {
			if out.Exit != tt.exit || !strings.Contains(out.Stderr, says) {
				t.Errorf("%s: exit %d, %q, want %d and %q", tt.name, out.Exit, out.Stderr, tt.exit, says)
			}
		}
	}
}

// firstField returns the first field that an error is about.
func firstField(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}

// Each example is a payload that its topic takes, but for who is to get the mail.
func TestExampleIsPublished(t *testing.T) {
	t.Parallel()
	p := platform.Shared(t)
	out := p.CLI(t, "publish", topic, "--example")
	to := newAddress()
	data := strings.ReplaceAll(out.Stdout, "customer@seaport.example", to)
	if out := p.CLIWith(t, data, "publish", topic); out.Exit != 0 {
		t.Fatalf("exit %d, %q", out.Exit, out.Stderr)
	}
	waitWelcomes(t, p, to, 1)
}
