package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"seaport.example/services/internal/auth"
)

// Handler handles events of one topic: one error an event, in their order. An event with an
// error is delivered again, later and a bounded number of times, then goes to the dead letters: at once
// if the error is [ErrUnreadable].
// An event may come twice, late and in any order.
type Handler func(ctx context.Context, events []Event) []error

// DeadSuffix ends the topics of dead letters, "<app-id>.dead".
const DeadSuffix = ".dead"

// ErrUnreadable says that an event is not what it should be: it is no use to deliver it again.
var ErrUnreadable = errors.New("it cannot be read")

// Callbacks is what the sidecar calls in this app, made of Dapr's own protobuf. The SDK's server lacks:
//   - bulk delivery: it would drop an event of a bulk subscription without a word;
//   - CloudEvent extensions: its TopicEvent leaves them out;
//   - the app token on every callback: it checks it in OnInvoke only (here [Rules] does, in package auth).
type Callbacks struct {
	runtimev1.UnimplementedAppCallbackServer
	runtimev1.UnimplementedAppCallbackHealthCheckServer
	runtimev1.UnimplementedAppCallbackAlphaServer

	handlers map[string]Handler
	log      *slog.Logger
}

// Rules says that the callbacks are for the sidecar itself. A call that a sidecar passes on could name
// them too, and would deliver events that nobody published. What the runtime asks while it starts
// tells nothing.
var Rules = auth.Rules{
	runtimev1.AppCallback_OnInvoke_FullMethodName:                    {Sidecar: true},
	runtimev1.AppCallback_ListTopicSubscriptions_FullMethodName:      {Probe: true},
	runtimev1.AppCallback_OnTopicEvent_FullMethodName:                {Sidecar: true},
	runtimev1.AppCallback_ListInputBindings_FullMethodName:           {Probe: true},
	runtimev1.AppCallback_OnBindingEvent_FullMethodName:              {Sidecar: true},
	runtimev1.AppCallback_OnBulkTopicEvent_FullMethodName:            {Sidecar: true},
	runtimev1.AppCallback_OnJobEvent_FullMethodName:                  {Sidecar: true},
	runtimev1.AppCallbackHealthCheck_HealthCheck_FullMethodName:      {Probe: true},
	runtimev1.AppCallbackAlpha_OnBulkTopicEventAlpha1_FullMethodName: {Sidecar: true},
	runtimev1.AppCallbackAlpha_OnJobEventAlpha1_FullMethodName:       {Sidecar: true},
}

// Register puts the callbacks on the app's server. The keys of handlers are topics; which of
// them are subscribed, and how, is said in components/common.
func Register(server grpc.ServiceRegistrar, handlers map[string]Handler, log *slog.Logger) {
	c := &Callbacks{handlers: handlers, log: log}
	runtimev1.RegisterAppCallbackServer(server, c)
	runtimev1.RegisterAppCallbackHealthCheckServer(server, c)
	runtimev1.RegisterAppCallbackAlphaServer(server, c)
}

// HealthCheck answers: the app takes calls.
func (c *Callbacks) HealthCheck(context.Context, *emptypb.Empty) (*runtimev1.HealthCheckResponse, error) {
	return &runtimev1.HealthCheckResponse{}, nil
}

// ListTopicSubscriptions is empty: subscriptions are declared in components/common.
func (c *Callbacks) ListTopicSubscriptions(context.Context, *emptypb.Empty) (*runtimev1.ListTopicSubscriptionsResponse, error) {
	return &runtimev1.ListTopicSubscriptionsResponse{}, nil
}

// ListInputBindings is empty: there are none.
func (c *Callbacks) ListInputBindings(context.Context, *emptypb.Empty) (*runtimev1.ListInputBindingsResponse, error) {
	return &runtimev1.ListInputBindingsResponse{}, nil
}

// OnTopicEvent takes one event.
func (c *Callbacks) OnTopicEvent(ctx context.Context, req *runtimev1.TopicEventRequest) (*runtimev1.TopicEventResponse, error) {
	outcomes, err := c.handle(ctx, req.GetTopic(), []Event{{
		ID: req.GetId(), Topic: req.GetTopic(), Type: req.GetType(),
		ContentType: req.GetDataContentType(), Data: req.GetData(),
	}})
	if err != nil {
		return nil, err
	}
	return &runtimev1.TopicEventResponse{Status: outcomes[0]}, nil
}

// OnBulkTopicEvent takes many events in one call.
func (c *Callbacks) OnBulkTopicEvent(ctx context.Context, req *runtimev1.TopicEventBulkRequest) (*runtimev1.TopicEventBulkResponse, error) {
	events := make([]Event, len(req.GetEntries()))
	for i, entry := range req.GetEntries() {
		events[i] = eventOf(req.GetTopic(), entry)
	}
	outcomes, err := c.handle(ctx, req.GetTopic(), events)
	if err != nil {
		return nil, err
	}
	resp := &runtimev1.TopicEventBulkResponse{Statuses: make([]*runtimev1.TopicEventBulkResponseEntry, len(events))}
	for i, entry := range req.GetEntries() {
		resp.Statuses[i] = &runtimev1.TopicEventBulkResponseEntry{EntryId: entry.GetEntryId(), Status: outcomes[i]}
	}
	return resp, nil
}

// OnBulkTopicEventAlpha1 is the older name of OnBulkTopicEvent.
func (c *Callbacks) OnBulkTopicEventAlpha1(ctx context.Context, req *runtimev1.TopicEventBulkRequest) (*runtimev1.TopicEventBulkResponse, error) {
	return c.OnBulkTopicEvent(ctx, req)
}

// handle passes the events of messages to the topic's handler, and returns one outcome a message:
// a batch in which an event failed is delivered again as a whole, and those that succeeded do no
// harm by coming twice.
func (c *Callbacks) handle(ctx context.Context, topic string, messages []Event) ([]outcome, error) {
	handler, ok := c.handlers[topic]
	if !ok {
		// UNIMPLEMENTED would be acknowledged and the event lost.
		return nil, status.Errorf(codes.Internal, "no handler for topic %q", topic)
	}
	outcomes := make([]outcome, len(messages)) // SUCCESS, as it begins
	var events []Event
	var from []int // the message an event is from
	failed := make([][]error, len(messages))
	for i, message := range messages {
		inside, err := unpack(message)
		switch {
		case err != nil && strings.HasSuffix(topic, DeadSuffix):
			inside = []Event{message} // to be kept as it is
		case err != nil:
			failed[i] = append(failed[i], err)
		}
		for _, e := range inside {
			events, from = append(events, e), append(from, i)
		}
	}
	for n, err := range handler(ctx, events) {
		if err != nil {
			failed[from[n]] = append(failed[from[n]], fmt.Errorf("event %s: %w", events[n].ID, err))
		}
	}
	for i, errs := range failed {
		if len(errs) > 0 {
			outcomes[i] = outcomeOf(errs)
			c.log.Warn("message failed", "topic", topic, "message", messages[i].ID, "outcome", outcomes[i], "error", errors.Join(errs...))
		}
	}
	return outcomes, nil
}

type outcome = runtimev1.TopicEventResponse_TopicEventResponseStatus

// outcomeOf says what is to become of a message that failed: it comes again or, where that is no use, goes to
// the dead letters at once.
func outcomeOf(errs []error) outcome {
	for _, err := range errs {
		if !errors.Is(err, ErrUnreadable) {
			return runtimev1.TopicEventResponse_RETRY
		}
	}
	return runtimev1.TopicEventResponse_DROP
}

// eventOf reads an entry, which holds a CloudEvent either taken apart or as its JSON.
func eventOf(topic string, entry *runtimev1.TopicEventBulkRequestEntry) Event {
	if ce := entry.GetCloudEvent(); ce != nil {
		return Event{ID: ce.GetId(), Topic: topic, Type: ce.GetType(), ContentType: ce.GetDataContentType(), Data: ce.GetData()}
	}
	var event Event
	if json.Unmarshal(entry.GetBytes(), &event) != nil || event.ID == "" {
		event = Event{ID: entry.GetEntryId(), ContentType: entry.GetContentType(), Data: entry.GetBytes()}
	}
	event.Topic = topic
	return event
}

var (
	_ runtimev1.AppCallbackServer            = (*Callbacks)(nil)
	_ runtimev1.AppCallbackHealthCheckServer = (*Callbacks)(nil)
	_ runtimev1.AppCallbackAlphaServer       = (*Callbacks)(nil)
)
