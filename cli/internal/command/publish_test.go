package command

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	eventv1 "seaport.example/proto/seaport/event/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
)

// published returns the events that the fake was asked to publish.
func (p *platform) published() (all []*opsv1.PublishEventRequest) {
	for _, req := range p.received() {
		if r, ok := req.(*opsv1.PublishEventRequest); ok {
			all = append(all, r)
		}
	}
	return all
}

func TestPublishPayload(t *testing.T) {
	p := newPlatform(t)
	file := filepath.Join(t.TempDir(), "payload.json")
	if err := os.WriteFile(file, []byte(`{"name": "of the file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"user.created"}, "of standard input"},
		{[]string{"user.created", "-"}, "of standard input"},
		{[]string{"user.created", file}, "of the file"},
	} {
		got := p.run(t, `{"name": "of standard input"}`, append([]string{"publish"}, tt.args...)...)
		all := p.published()
		sent := all[len(all)-1]
		if got.exit != exitOK || sent.GetTopic() != "user.created" || sent.GetId() == "" || sent.GetData().AsMap()["name"] != tt.want {
			t.Errorf("%q: exit %d, stderr %q, sent %v", tt.args, got.exit, got.stderr, sent)
		}
		if want := "event " + sent.GetId() + ": published to user.created by user\n"; got.stdout != want {
			t.Errorf("%q: printed %q, want %q", tt.args, got.stdout, want)
		}
	}
}

func TestPublishRefuses(t *testing.T) {
	p := newPlatform(t)
	for _, tt := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"no topic", "{}", nil, "accepts between 1 and 2 arg(s)"},
		{"empty topic", "{}", []string{""}, "TOPIC: must not be empty"},
		{"bad JSON", "{\n  \"name\": ,\n}", []string{"user.created"}, "standard input: line 2, column 11: is not JSON: "},
		{"a list", "[]", []string{"user.created"}, "must be an object, { … }, not a list"},
		{"nothing", "", []string{"user.created"}, "standard input: is empty"},
		{"oversize", `{"name": "` + strings.Repeat("x", 4<<20) + `"}`, []string{"user.created"}, "standard input: is larger than 4 MiB"},
		{"no file name", "", []string{"user.created", ""}, "seaport: FILE: must not be empty\n"},
		{"no such file", "", []string{"user.created", "nowhere.json"}, "nowhere.json: does not exist"},
		{"every of nothing", "{}", []string{"user.created", "--every", "0s"}, "--every: must be above zero"},
		{"id again and again", "{}", []string{"user.created", "--every", "1s", "--id", "e1"}, "[every id]"},
		{"no example", "", []string{"user.deleted", "--example"}, "there are consignment.booked, consignment.cancelled"},
	} {
		got := p.run(t, tt.stdin, append([]string{"publish"}, tt.args...)...)
		if got.exit != exitBadInput || got.stdout != "" || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want %q", tt.name, got.exit, got.stdout, got.stderr, tt.want)
		}
	}
	if sent := p.published(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}

// The errors of Seaport, and what a person can do.
func TestPublishRefused(t *testing.T) {
	quickly(t)
	for _, tt := range []struct {
		name string
		err  error
		exit int
		sent int
		want string
	}{
		{"topic", refusal(t, codes.NotFound, `topic: there is no topic "x"; there are a, b`, fields("topic", `there is no topic "x"; there are a, b`)),
			exitFailed, 1, "seaport: topic: there is no topic \"x\"; there are a, b (NOT_FOUND)\n"},
		{"field", refusal(t, codes.InvalidArgument, "data.usr_id: there is no such field", fields("data.usr_id", "there is no such field")),
			exitFailed, 1, "seaport: data.usr_id: there is no such field (INVALID_ARGUMENT)\n"},
		{"broker", status.Error(codes.Unavailable, "the broker is away"), exitUnreachable, defaultRetry.attempts, "Repeat it with --id e1: then it is handled at most once.\n"},
	} {
		p := newPlatform(t)
		p.publish = func(context.Context, *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error) {
			return nil, tt.err
		}
		got := p.run(t, "{}", "publish", "user.created", "--id", "e1")
		if got.exit != tt.exit || !strings.HasSuffix(got.stderr, tt.want) {
			t.Errorf("%s: exit %d, stderr %q, want %q", tt.name, got.exit, got.stderr, tt.want)
		}
		if sent := len(p.published()); sent != tt.sent {
			t.Errorf("%s: sent %d times, want %d", tt.name, sent, tt.sent)
		}
		for _, sent := range p.published() {
			if sent.GetId() != "e1" {
				t.Errorf("%s: sent as %q", tt.name, sent.GetId())
			}
		}
	}
}

// Again and again: each event has an id and a line of its own, what passes is no end, and Ctrl-C is.
func TestPublishEvery(t *testing.T) {
	quickly(t)
	for _, form := range []string{outputText, outputJSON} {
		p := newPlatform(t)
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		const events, missed = 5, 2
		ids := make(map[string]int)
		p.publish = func(_ context.Context, req *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error) {
			ids[req.GetId()]++
			switch {
			case len(ids) == missed:
				return nil, status.Error(codes.Unavailable, "the broker is away")
			case len(ids) > events:
				interrupt()
				return nil, status.Error(codes.Aborted, "late")
			}
			return &opsv1.PublishEventResponse{Id: req.GetId(), AppId: "user"}, nil
		}
		var stdout, stderr bytes.Buffer
		exit := Run(ctx, []string{"--server", p.address, "publish", "user.created", "--every", "1ms", "-o", form},
			strings.NewReader("{}"), &stdout, &stderr)
		if exit != exitInterrupted {
			t.Errorf("%s: exit %d, stderr %q", form, exit, stderr.String())
		}
		lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
		if len(lines) != events-1 {
			t.Errorf("%s: printed %q, want %d lines", form, lines, events-1)
		}
		for _, line := range lines {
			id := strings.TrimPrefix(strings.TrimSuffix(line, ": published to user.created by user"), "event ")
			if form == outputJSON {
				var doc struct {
					ID    string `json:"id"`
					AppID string `json:"app_id"`
				}
				if err := json.Unmarshal([]byte(line), &doc); err != nil || doc.AppID != "user" {
					t.Errorf("%q: %v", line, err)
				}
				id = doc.ID
			}
			if ids[id] != 1 {
				t.Errorf("%s: %q is of no event, or of one sent %d times", form, line, ids[id])
			}
		}
		said := strings.Count(stderr.String(), "seaport: not published: the broker is away (UNAVAILABLE); going on\n")
		if want := map[string]int{outputText: 1, outputJSON: 0}[form]; said != want {
			t.Errorf("%s: the missed event is told %d times: %q", form, said, stderr.String())
		}
	}
}

// What does not pass is the end.
func TestPublishEveryEnds(t *testing.T) {
	p := newPlatform(t)
	p.publish = func(context.Context, *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error) {
		return nil, status.Error(codes.PermissionDenied, "this is for operators")
	}
	got := p.run(t, "{}", "publish", "user.created", "--every", "1ms")
	if got.exit != exitFailed || len(p.published()) != 1 || !strings.Contains(got.stderr, "this is for operators (PERMISSION_DENIED)") {
		t.Errorf("exit %d after %d events, stderr %q", got.exit, len(p.published()), got.stderr)
	}
}

// There is an example with every field for the payload of each topic.
func TestPublishExamples(t *testing.T) {
	covered := map[protoreflect.FullName]bool{(&eventv1.Pickup{}).ProtoReflect().Descriptor().FullName(): true}
	for topic, payload := range examples {
		m := payload.ProtoReflect()
		covered[m.Descriptor().FullName()] = true
		for i := range m.Descriptor().Fields().Len() {
			if field := m.Descriptor().Fields().Get(i); !m.Has(field) {
				t.Errorf("the example for %s has no %s", topic, field.Name())
			}
		}
	}
	messages := eventv1.File_seaport_event_v1_event_proto.Messages()
	for i := range messages.Len() {
		if name := messages.Get(i).FullName(); !covered[name] {
			t.Errorf("no example is a %s; there are %v", name, slices.Collect(maps.Keys(covered)))
		}
	}
}
