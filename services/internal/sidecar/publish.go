package sidecar

import (
	"context"
	"fmt"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

// Event is a CloudEvent on its way out or in.
type Event struct {
	ID          string `json:"id"` // the same however often the event is sent
	Topic       string `json:"topic"`
	Type        string `json:"type"`         // the payload's message, for instance "seaport.event.v1.ConsignmentBooked"
	ContentType string `json:"content_type"` // how Data is encoded, for instance "application/json"
	Data        []byte `json:"data"`
}

// Publisher sends events to a broker.
type Publisher struct {
	client runtimev1.DaprClient
	pubsub string
}

// Publisher returns the publisher of the named pub/sub component.
func (s *Sidecar) Publisher(pubsub string) *Publisher {
	return &Publisher{client: s.client, pubsub: pubsub}
}

// Publish sends events of one topic in one call. After an error any of them may have been sent,
// or none: send them all again.
func (p *Publisher) Publish(ctx context.Context, topic string, events []Event) error {
	entries := make([]*runtimev1.BulkPublishRequestEntry, len(events))
	for i, e := range events {
		entries[i] = &runtimev1.BulkPublishRequestEntry{
			EntryId: e.ID, Event: e.Data, ContentType: e.ContentType,
			Metadata: map[string]string{"cloudevent.id": e.ID, "cloudevent.type": e.Type},
		}
	}
	resp, err := p.client.BulkPublishEvent(ctx, &runtimev1.BulkPublishRequest{
		PubsubName: p.pubsub, Topic: topic, Entries: entries,
	})
	if err != nil {
		return fmt.Errorf("publish %d events to %s: %w", len(events), topic, err)
	}
	if failed := resp.GetFailedEntries(); len(failed) > 0 {
		return fmt.Errorf("publish to %s: %d of %d events failed, %q with: %s",
			topic, len(failed), len(events), failed[0].GetEntryId(), failed[0].GetError())
	}
	return nil
}
