package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"seaport.example/services/internal/auth"
)

// Handler handles events of one topic: one error an event, in their order. An event with an
// error is delivered again, later and a bounded number of times, then goes to the dead letters.
// An event may come twice, late and in any order.
type Handler func(ctx context.Context, events []Event) []error

// Callbacks is what the sidecar calls in this app. The SDK's would not do: it lacks bulk
// delivery, and an event of a bulk subscription would be dropped without a word.
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
	errs, err := c.handle(ctx, req.GetTopic(), []Event{{
		ID: req.GetId(), Topic: req.GetTopic(), Type: req.GetType(),
		ContentType: req.GetDataContentType(), Data: req.GetData(),
	}})
	if err != nil {
		return nil, err
	}
	return &runtimev1.TopicEventResponse{Status: outcome(errs[0])}, nil
}

// OnBulkTopicEvent takes many events in one call.
func (c *Callbacks) OnBulkTopicEvent(ctx context.Context, req *runtimev1.TopicEventBulkRequest) (*runtimev1.TopicEventBulkResponse, error) {
	events := make([]Event, len(req.GetEntries()))
	for i, entry := range req.GetEntries() {
		events[i] = eventOf(req.GetTopic(), entry)
	}
	errs, err := c.handle(ctx, req.GetTopic(), events)
	if err != nil {
		return nil, err
	}
	resp := &runtimev1.TopicEventBulkResponse{Statuses: make([]*runtimev1.TopicEventBulkResponseEntry, len(events))}
	for i, entry := range req.GetEntries() {
		resp.Statuses[i] = &runtimev1.TopicEventBulkResponseEntry{EntryId: entry.GetEntryId(), Status: outcome(errs[i])}
	}
	return resp, nil
}

// OnBulkTopicEventAlpha1 is the older name of OnBulkTopicEvent.
func (c *Callbacks) OnBulkTopicEventAlpha1(ctx context.Context, req *runtimev1.TopicEventBulkRequest) (*runtimev1.TopicEventBulkResponse, error) {
	return c.OnBulkTopicEvent(ctx, req)
}

// handle passes the events of messages to the topic's handler, and returns one error a message:
// a batch in which an event failed is delivered again as a whole, and those that succeeded do no
// harm by coming twice.
func (c *Callbacks) handle(ctx context.Context, topic string, messages []Event) ([]error, error) {
	handler, ok := c.handlers[topic]
	if !ok {
		// UNIMPLEMENTED would be acknowledged and the event lost.
		return nil, status.Errorf(codes.Internal, "no handler for topic %q", topic)
	}
	errs := make([]error, len(messages))
	var events []Event
	var from []int // the message an event is from
	for i, message := range messages {
		inside, err := unpack(message)
		errs[i] = err
		for _, e := range inside {
			events, from = append(events, e), append(from, i)
		}
	}
	for n, err := range handler(ctx, events) {
		if err != nil {
			errs[from[n]] = errors.Join(errs[from[n]], fmt.Errorf("event %s: %w", events[n].ID, err))
		}
	}
	for i, err := range errs {
		if err != nil {
			c.log.Warn("message failed and will be delivered again", "topic", topic, "message", messages[i].ID, "error", err)
		}
	}
	return errs, nil
}

func outcome(err error) runtimev1.TopicEventResponse_TopicEventResponseStatus {
	if err != nil {
		return runtimev1.TopicEventResponse_RETRY
	}
	return runtimev1.TopicEventResponse_SUCCESS
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
