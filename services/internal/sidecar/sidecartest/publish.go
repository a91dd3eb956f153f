package sidecartest

import (
	"context"
	"encoding/json"
	"slices"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"seaport.example/services/internal/sidecar"
)

// Message is what the broker was given.
type Message struct {
	Topic       string
	ID          string // of the CloudEvent
	Type        string
	ContentType string
	Data        []byte
}

// PublishEvent keeps a message for the test.
func (d *daprd) PublishEvent(ctx context.Context, req *runtimev1.PublishEventRequest) (*emptypb.Empty, error) {
	if req.GetPubsubName() != PubSub {
		return nil, status.Errorf(codes.NotFound, "pubsub %s is not found", req.GetPubsubName())
	}
	err := d.do(ctx, Publish, []string{req.GetTopic()}, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.messages = append(d.messages, Message{
			Topic: req.GetTopic(), ID: req.GetMetadata()["cloudevent.id"], Type: req.GetMetadata()["cloudevent.type"],
			ContentType: req.GetDataContentType(), Data: slices.Clone(req.GetData()),
		})
		return nil
	})
	return &emptypb.Empty{}, err
}

// Messages returns what was published, in order.
func (f *Fake) Messages() []Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.messages)
}

// Events returns the events that were published, in order, those of batches too.
func (f *Fake) Events() (events []sidecar.Event) {
	for _, m := range f.Messages() {
		events = append(events, m.events()...)
	}
	return events
}

// events reads a message by the CloudEvents JSON batch format, and not by the code under test.
func (m Message) events() []sidecar.Event {
	var batch []struct {
		ID              string          `json:"id"`
		Type            string          `json:"type"`
		DataContentType string          `json:"datacontenttype"`
		Data            json.RawMessage `json:"data"`
		DataBase64      []byte          `json:"data_base64"`
	}
	if json.Unmarshal(m.Data, &batch) != nil {
		return []sidecar.Event{{ID: m.ID, Topic: m.Topic, Type: m.Type, ContentType: m.ContentType, Data: m.Data}}
	}
	events := make([]sidecar.Event, len(batch))
	for i, e := range batch {
		events[i] = sidecar.Event{ID: e.ID, Topic: m.Topic, Type: e.Type, ContentType: e.DataContentType, Data: e.Data}
		if e.DataBase64 != nil {
			events[i].Data = e.DataBase64
		}
	}
	return events
}
