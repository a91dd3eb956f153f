package sidecar

import (
	"context"
	"fmt"

	"github.com/dapr/go-sdk/client"
)

// Event is a CloudEvent on its way out or in. As JSON it has the form that CloudEvents give it.
type Event struct {
	ID          string // the same however often the event is sent
	Topic       string
	Type        string // the payload's message, for instance "seaport.event.v1.ConsignmentBooked"
	ContentType string // how Data is encoded, for instance "application/json"
	Data        []byte
}

// Publisher sends events to a broker.
type Publisher struct {
	client client.Client
	pubsub string
}

// Publisher returns the publisher of the named pub/sub component.
func (s *Sidecar) Publisher(pubsub string) *Publisher {
	return &Publisher{client: s.client, pubsub: pubsub}
}

// Publish sends events of one topic, many of them in one message. After an error any of them may
// have been sent, or none: send them all again.
func (p *Publisher) Publish(ctx context.Context, topic string, events []Event) error {
	for len(events) > 0 {
		n := fitting(events)
		if err := p.send(ctx, topic, events[:n]); err != nil {
			return fmt.Errorf("publish %d events to %s: %w", n, topic, err)
		}
		events = events[n:]
	}
	return nil
}

// send sends one message: an event, or a batch of them. Dapr takes what is not JSON for text, and damages it: such
// an event travels in a batch even if it is alone.
func (p *Publisher) send(ctx context.Context, topic string, events []Event) error {
	message := events[0]
	if len(events) > 1 || !message.isJSON() {
		var err error
		if message, err = pack(events); err != nil {
			return err
		}
	}
	return p.client.PublishEvent(ctx, p.pubsub, topic, message.Data,
		client.PublishEventWithContentType(message.ContentType),
		client.PublishEventWithMetadata(map[string]string{"cloudevent.id": message.ID, "cloudevent.type": message.Type}))
}
