package sidecar_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// callbacks returns what the sidecar would call in an app with these handlers.
func callbacks(handlers map[string]sidecar.Handler) *sidecar.Callbacks {
	var server catcher
	sidecar.Register(&server, handlers, slog.New(slog.DiscardHandler))
	return server.caught.(*sidecar.Callbacks)
}

// catcher is a server that keeps what is registered.
type catcher struct{ caught any }

func (c *catcher) RegisterService(_ *grpc.ServiceDesc, service any) { c.caught = service }

// recorder handles events by keeping them; those with these ids fail.
type recorder struct {
	got  []sidecar.Event
	fail []string
}

func (r *recorder) handle(_ context.Context, events []sidecar.Event) []error {
	r.got = append(r.got, events...)
	errs := make([]error, len(events))
	for i, e := range events {
		if slices.Contains(r.fail, e.ID) {
			errs[i] = errors.New("poisoned")
		}
	}
	return errs
}

func jsonEvent(id string) sidecar.Event {
	return sidecar.Event{ID: id, Topic: "t", Type: "test.Booked", ContentType: "application/json", Data: []byte(`{"id":"` + id + `","n":1.50}`)}
}

func binaryEvent(id string) sidecar.Event {
	return sidecar.Event{ID: id, Topic: "t", Type: "test.Booked", ContentType: "application/protobuf", Data: []byte{0, 0xff, 0x80, '"'}}
}

const (
	success = runtimev1.TopicEventResponse_SUCCESS
	retry   = runtimev1.TopicEventResponse_RETRY
)

func TestSingleEvent(t *testing.T) {
	t.Parallel()
	r := &recorder{fail: []string{"bad"}}
	c := callbacks(map[string]sidecar.Handler{"t": r.handle})
	for id, want := range map[string]runtimev1.TopicEventResponse_TopicEventResponseStatus{"good": success, "bad": retry} {
		r.got = nil
		e := jsonEvent(id)
		resp, err := c.OnTopicEvent(t.Context(), &runtimev1.TopicEventRequest{
			Id: e.ID, Topic: "t", Type: e.Type, DataContentType: e.ContentType, Data: e.Data,
		})
		if err != nil || resp.GetStatus() != want {
			t.Errorf("%s: %v, %v, want %v", id, resp.GetStatus(), err, want)
		}
		if !reflect.DeepEqual(r.got, []sidecar.Event{e}) {
			t.Errorf("handled %+v, want %+v", r.got, e)
		}
	}
}

// Daprd gives an entry taken apart or as the bytes of a CloudEvent.
func TestBulkEvents(t *testing.T) {
	t.Parallel()
	apart := func(e sidecar.Event) *runtimev1.TopicEventBulkRequestEntry_CloudEvent {
		return &runtimev1.TopicEventBulkRequestEntry_CloudEvent{CloudEvent: &runtimev1.TopicEventCERequest{
			Id: e.ID, Type: e.Type, DataContentType: e.ContentType, Data: e.Data,
		}}
	}
	whole := func(data string) *runtimev1.TopicEventBulkRequestEntry_Bytes {
		return &runtimev1.TopicEventBulkRequestEntry_Bytes{Bytes: []byte(data)}
	}
	entries := []*runtimev1.TopicEventBulkRequestEntry{
		{EntryId: "1", Event: apart(jsonEvent("a"))},
		{EntryId: "2", Event: whole(`{"specversion":"1.0","id":"bad","type":"test.Booked","datacontenttype":"application/json","data":{"id":"bad","n":1.50}}`)},
		{EntryId: "3", Event: whole(`{"specversion":"1.0","id":"b","type":"test.Booked","datacontenttype":"application/protobuf","data_base64":"AP+AIg=="}`)},
		{EntryId: "4", ContentType: "text/plain", Event: whole("no CloudEvent")},
	}
	for _, bulk := range []func(*sidecar.Callbacks, context.Context, *runtimev1.TopicEventBulkRequest) (*runtimev1.TopicEventBulkResponse, error){
		(*sidecar.Callbacks).OnBulkTopicEvent, (*sidecar.Callbacks).OnBulkTopicEventAlpha1,
	} {
		r := &recorder{fail: []string{"bad"}}
		resp, err := bulk(callbacks(map[string]sidecar.Handler{"t": r.handle}), t.Context(), &runtimev1.TopicEventBulkRequest{Topic: "t", Entries: entries})
		if err != nil {
			t.Fatal(err)
		}
		want := []sidecar.Event{
			jsonEvent("a"), jsonEvent("bad"), binaryEvent("b"),
			{ID: "4", Topic: "t", ContentType: "text/plain", Data: []byte("no CloudEvent")},
		}
		if !reflect.DeepEqual(r.got, want) {
			t.Errorf("handled\n%+v, want\n%+v", r.got, want)
		}
		var got []string
		for _, s := range resp.GetStatuses() {
			got = append(got, s.GetEntryId()+" "+s.GetStatus().String())
		}
		if want := []string{"1 SUCCESS", "2 RETRY", "3 SUCCESS", "4 SUCCESS"}; !slices.Equal(got, want) {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
}

// UNIMPLEMENTED would be taken for an acknowledgement.
func TestUnknownTopicIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	c := callbacks(map[string]sidecar.Handler{"t": (&recorder{}).handle})
	_, err := c.OnTopicEvent(t.Context(), &runtimev1.TopicEventRequest{Id: "a", Topic: "other"})
	_, bulkErr := c.OnBulkTopicEvent(t.Context(), &runtimev1.TopicEventBulkRequest{Topic: "other"})
	for _, err := range []error{err, bulkErr} {
		if code := status.Code(err); code == codes.OK || code == codes.Unimplemented {
			t.Errorf("the answer is %v", err)
		}
	}
}

// Everything the sidecar asks an app at its start has an answer.
func TestQuestionsAtTheStart(t *testing.T) {
	t.Parallel()
	c := callbacks(nil)
	if _, err := c.HealthCheck(t.Context(), &emptypb.Empty{}); err != nil {
		t.Error(err)
	}
	if resp, err := c.ListTopicSubscriptions(t.Context(), &emptypb.Empty{}); err != nil || len(resp.GetSubscriptions()) != 0 {
		t.Errorf("%v, %v", resp, err)
	}
	if resp, err := c.ListInputBindings(t.Context(), &emptypb.Empty{}); err != nil || len(resp.GetBindings()) != 0 {
		t.Errorf("%v, %v", resp, err)
	}
}

// deliver gives an app what was published, one message an entry, and returns the outcomes.
func deliver(t *testing.T, c *sidecar.Callbacks, messages []sidecartest.Message) (outcomes []string) {
	t.Helper()
	req := &runtimev1.TopicEventBulkRequest{Topic: "t"}
	for i, m := range messages {
		req.Entries = append(req.Entries, &runtimev1.TopicEventBulkRequestEntry{
			EntryId: fmt.Sprint(i), Event: &runtimev1.TopicEventBulkRequestEntry_CloudEvent{CloudEvent: &runtimev1.TopicEventCERequest{
				Id: m.ID, Type: m.Type, DataContentType: m.ContentType, Data: m.Data,
			}},
		})
	}
	resp, err := c.OnBulkTopicEvent(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range resp.GetStatuses() {
		outcomes = append(outcomes, s.GetStatus().String())
	}
	return outcomes
}

// What goes out comes in, however many events share a message.
func TestPublishedEventsArrive(t *testing.T) {
	t.Parallel()
	var many, large []sidecar.Event
	for i := range 300 {
		many = append(many, jsonEvent(fmt.Sprint(i)))
	}
	for i := range 5 {
		e := jsonEvent(fmt.Sprint(i))
		e.Data = []byte(`"` + strings.Repeat("x", 100<<10) + `"`)
		large = append(large, e)
	}
	for name, c := range map[string]struct {
		events   []sidecar.Event
		messages int
	}{
		"none":             {nil, 0},
		"one":              {[]sidecar.Event{jsonEvent("a")}, 1},
		"one binary":       {[]sidecar.Event{binaryEvent("a")}, 1},
		"two of two kinds": {[]sidecar.Event{jsonEvent("a"), binaryEvent("b")}, 1},
		"very many":        {many, 3},
		"large":            {large, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			if err := fake.Sidecar(t).Publisher(sidecartest.PubSub).Publish(t.Context(), "t", c.events); err != nil {
				t.Fatal(err)
			}
			messages := fake.Messages()
			if len(messages) != c.messages {
				t.Errorf("%d events in %d messages, want %d", len(c.events), len(messages), c.messages)
			}
			ids := make(map[string]bool)
			for _, m := range messages {
				if m.Topic != "t" || ids[m.ID] || len(m.Data) > 1<<20 {
					t.Errorf("message %q of topic %q has %d bytes", m.ID, m.Topic, len(m.Data))
				}
				ids[m.ID] = true
			}
			for _, m := range messages {
				if !strings.HasPrefix(m.ContentType, "application/json") {
					t.Errorf("a message of type %s: Dapr would damage it", m.ContentType)
				}
			}
			if !reflect.DeepEqual(fake.Events(), c.events) {
				t.Error("a reader of CloudEvents batches does not find the events")
			}
			r := &recorder{}
			outcomes := deliver(t, callbacks(map[string]sidecar.Handler{"t": r.handle}), messages)
			if slices.Contains(outcomes, retry.String()) || !reflect.DeepEqual(r.got, c.events) {
				t.Errorf("%d events arrived of %d, outcomes %q", len(r.got), len(c.events), outcomes)
			}
		})
	}
}

// A batch with a poisoned event comes again, and so does one that cannot be read; others do not.
func TestBatchWithAPoisonedEvent(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	p := fake.Sidecar(t).Publisher(sidecartest.PubSub)
	for _, events := range [][]sidecar.Event{
		{jsonEvent("a"), jsonEvent("b")}, {jsonEvent("c"), jsonEvent("bad"), jsonEvent("d")}, {jsonEvent("e")},
	} {
		if err := p.Publish(t.Context(), "t", events); err != nil {
			t.Fatal(err)
		}
	}
	messages := fake.Messages()
	broken := messages[0]
	broken.ID, broken.Data = "broken", []byte("[{")
	messages = append(messages, broken)
	r := &recorder{fail: []string{"bad"}}
	outcomes := deliver(t, callbacks(map[string]sidecar.Handler{"t": r.handle}), messages)
	if want := []string{"SUCCESS", "RETRY", "SUCCESS", "DROP"}; !slices.Equal(outcomes, want) {
		t.Errorf("outcomes %q, want %q", outcomes, want)
	}
	if len(r.got) != 6 {
		t.Errorf("%d events were handled, want all six that can be read", len(r.got))
	}
}

// After an error the caller publishes all again, so the error must not be lost on the way.
func TestPublishFails(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	var events []sidecar.Event
	for i := range 300 {
		events = append(events, jsonEvent(fmt.Sprint(i)))
	}
	failing := 0
	fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: func(ctx context.Context, call sidecartest.Call) error {
		if failing++; failing == 2 {
			return sidecartest.Away(ctx, call)
		}
		return nil
	}})
	if err := fake.Sidecar(t).Publisher(sidecartest.PubSub).Publish(t.Context(), "t", events); err == nil {
		t.Error("the second of three messages failed, and nobody says so")
	}
}

func TestEventAsJSON(t *testing.T) {
	t.Parallel()
	for _, e := range []sidecar.Event{jsonEvent("a"), binaryEvent("b"), {ID: "c", Topic: "t"}} {
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back sidecar.Event
		if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%s became %+v, %v", data, back, err)
		}
		for _, field := range []string{`"specversion":"1.0"`, `"source":"`} {
			if !bytes.Contains(data, []byte(field)) {
				t.Errorf("%s has no %s: it is no CloudEvent", data, field)
			}
		}
	}
	if err := json.Unmarshal([]byte(`{"data_base64":"?"}`), new(sidecar.Event)); err == nil {
		t.Error("broken base64 was read")
	}
}
