package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	eventv1 "seaport.example/proto/seaport/event/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ops"
	"seaport.example/services/internal/request"
	"seaport.example/services/internal/sidecar/sidecartest"
)

const welcome = `{"user_id": "u7", "email": "ada@x.example", "name": "Ada"}`

// publishing is the ops service of the user service.
type publishing struct {
	opsv1.OpsServiceClient
	broker *sidecartest.Fake
	log    bytes.Buffer
}

func newPublishing(t *testing.T, encoding event.Encoding) *publishing {
	t.Helper()
	p := &publishing{broker: sidecartest.New()}
	p.OpsServiceClient = clientOf(t, ops.Config{
		App: "user", Publisher: p.broker.Sidecar(t).Publisher(sidecartest.PubSub), Encoding: encoding, Log: slog.New(slog.NewJSONHandler(&p.log, nil)),
	})
	return p
}

func (p *publishing) publish(ctx context.Context, t *testing.T, topic, id, data string) (*opsv1.PublishEventResponse, error) {
	t.Helper()
	payload := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(data), payload); err != nil {
		t.Fatal(err)
	}
	return p.PublishEvent(ctx, &opsv1.PublishEventRequest{Topic: topic, Id: id, Data: payload})
}

// logged returns the one line of the log.
func (p *publishing) logged(t *testing.T) (line map[string]any) {
	t.Helper()
	if err := json.Unmarshal(p.log.Bytes(), &line); err != nil {
		t.Fatalf("the log is not one line: %v\n%s", err, p.log.String())
	}
	return line
}

func TestPublishEvent(t *testing.T) {
	t.Parallel()
	for encoding, contentType := range map[event.Encoding]string{event.JSON: "application/json", event.Protobuf: "application/protobuf"} {
		p := newPublishing(t, encoding)
		ctx := metadata.AppendToOutgoingContext(t.Context(), request.Header, "r1")
		resp, err := p.publish(ctx, t, "user.created", "e1", welcome)
		if err != nil || resp.GetId() != "e1" || resp.GetAppId() != "user" {
			t.Fatalf("%s: %v, %v", encoding, resp, err)
		}
		events := p.broker.Events()
		if len(events) != 1 {
			t.Fatalf("%s: published %+v", encoding, events)
		}
		e := events[0]
		var payload eventv1.UserCreated
		if err := event.Decode(e, &payload); err != nil || payload.GetUserId() != "u7" || payload.GetEmail() != "ada@x.example" {
			t.Errorf("%s: the payload is %v, %v", encoding, &payload, err)
		}
		if e.ID != "e1" || e.Topic != "user.created" || e.Type != "seaport.event.v1.UserCreated" || e.ContentType != contentType {
			t.Errorf("%s: published %+v", encoding, e)
		}
		line := p.logged(t)
		if line["level"] != "INFO" || line["user"] != "u1" || line["topic"] != "user.created" || line["event"] != "e1" || line["request"] != "r1" {
			t.Errorf("%s: logged %v", encoding, line)
		}
		if strings.Contains(p.log.String(), "ada@x.example") {
			t.Errorf("%s: the payload is in the log: %s", encoding, p.log.String())
		}
	}
}

// Without an id each event gets one of its own.
func TestPublishEventWithoutID(t *testing.T) {
	t.Parallel()
	p := newPublishing(t, event.JSON)
	ids := make(map[string]bool)
	for range 2 {
		resp, err := p.publish(t.Context(), t, "user.created", "", welcome)
		if err != nil {
			t.Fatal(err)
		}
		ids[resp.GetId()] = true
	}
	for _, e := range p.broker.Events() {
		if e.ID == "" || !ids[e.ID] {
			t.Errorf("published as %q, answered were %v", e.ID, ids)
		}
	}
	if len(ids) != 2 {
		t.Errorf("two events have the ids %v", ids)
	}
}

func TestPublishEventRefuses(t *testing.T) {
	t.Parallel()
	p := newPublishing(t, event.JSON)
	for name, c := range map[string]struct {
		topic, id, data string
		code            codes.Code
		field, says     string
	}{
		"no such topic":    {"user.deleted", "e1", welcome, codes.NotFound, "topic", "there are consignment.booked, "},
		"dead letters":     {"notification.dead", "e1", welcome, codes.NotFound, "topic", "there are consignment.booked, "},
		"of another":       {"lot.booked", "e1", welcome, codes.NotFound, "topic", "consignment does"},
		"long id":          {"user.created", strings.Repeat("x", 129), welcome, codes.InvalidArgument, "id", "at most 128"},
		"id of two lines":  {"user.created", "e\n1", welcome, codes.InvalidArgument, "id", "control characters"},
		"id that is a key": {"user.created", "a||b", welcome, codes.InvalidArgument, "id", "||"},
		"unknown field":    {"user.created", "e1", `{"usr_id": "u1"}`, codes.InvalidArgument, "data.usr_id", "there is no such field"},
		"nothing":          {"user.created", "e1", `{}`, codes.InvalidArgument, "data.user_id", "is missing"},
	} {
		_, err := p.publish(t.Context(), t, c.topic, c.id, c.data)
		if status.Code(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
			continue
		}
		if v := failure.From(err).Violations(); len(v) == 0 || v[0].Field != c.field || !strings.Contains(v[0].Description, c.says) {
			t.Errorf("%s: %+v, want %s: %s", name, v, c.field, c.says)
		}
	}
	if published := p.broker.Events(); len(published) > 0 || p.log.Len() > 0 {
		t.Errorf("published %v, logged %s", published, p.log.String())
	}
}

// What a broker says of an event reaches the caller as something to act on, and the log as it is.
func TestPublishEventBrokerRefuses(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		code  codes.Code
		field string
	}{
		"error when publish to topic user.created in pubsub pubsub: nats: maximum payload exceeded":            {codes.InvalidArgument, "data"},
		"kafka server: Message was too large, server rejected it to avoid allocation error":                    {codes.InvalidArgument, "data"},
		"error when publish to topic user.created in pubsub pubsub: nats: no response from stream":             {codes.Unavailable, ""},
		"error when publish to topic user.created in pubsub pubsub: dial tcp 127.0.0.1:6379: connect: refused": {codes.Unavailable, ""},
	} {
		p := newPublishing(t, event.JSON)
		p.broker.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: func(context.Context, sidecartest.Call) error {
			return status.Error(codes.Internal, said)
		}})
		_, err := p.publish(t.Context(), t, "user.created", "e1", welcome)
		wrong := failure.From(err)
		if wrong == nil || wrong.Code() != want.code || strings.Contains(err.Error(), said) {
			t.Errorf("%q became %v, want %s", said, err, want.code)
			continue
		}
		if v := wrong.Violations(); want.field != "" && (len(v) != 1 || v[0].Field != want.field) {
			t.Errorf("%q became %+v", said, v)
		}
		if line := p.logged(t); line["level"] != "WARN" || line["event"] != "e1" || line["user"] != "u1" || line["error"] == nil {
			t.Errorf("%q: logged %v", said, line)
		}
	}
}
