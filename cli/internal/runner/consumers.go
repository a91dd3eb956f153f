package runner

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"seaport.example/cli/internal/runner/resource"
)

// delivery are the settings of a pubsub.jetstream component that can change while its consumers live on in
// the broker. Zero values are left to the broker.
type delivery struct {
	ackWait       time.Duration
	maxAckPending int
	maxDeliver    int
}

// deliveryOf reads the settings. What is malformed is zero: the sidecar will complain about it.
func deliveryOf(component resource.Component) delivery {
	var d delivery
	for _, property := range component.Spec.Metadata {
		text := fmt.Sprint(property.Value)
		switch property.Name {
		case "ackWait":
			d.ackWait, _ = time.ParseDuration(text)
		case "maxAckPending":
			d.maxAckPending, _ = strconv.Atoi(text)
		case "maxDeliver":
			d.maxDeliver, _ = strconv.Atoi(text)
		}
	}
	return d
}

// apply returns config with the settings, and whether that changes it.
func (d delivery) apply(config nats.ConsumerConfig) (nats.ConsumerConfig, bool) {
	before := delivery{config.AckWait, config.MaxAckPending, config.MaxDeliver}
	if d.ackWait > 0 {
		config.AckWait = d.ackWait
	}
	if d.maxAckPending > 0 {
		config.MaxAckPending = d.maxAckPending
	}
	if d.maxDeliver != 0 {
		config.MaxDeliver = d.maxDeliver
	}
	return config, before != delivery{config.AckWait, config.MaxAckPending, config.MaxDeliver}
}

// updateConsumers brings the consumers of earlier runs up to what the component files say now. A sidecar would refuse
// to subscribe to one that differs; a consumer updated keeps its place in the stream.
func (l *brokerLink) updateConsumers(ctx context.Context, set *resource.Set) error {
	js, err := l.conn.JetStream(nats.Context(ctx))
	if err != nil {
		return fmt.Errorf("looking at the broker's consumers: %w", err)
	}
	for _, component := range set.Components {
		if component.Spec.Type != jetstreamType {
			continue
		}
		wanted := deliveryOf(component)
		for _, stream := range l.streams {
			for consumer := range js.Consumers(stream.Name) {
				config, changed := wanted.apply(consumer.Config)
				if !changed {
					continue
				}
				if _, err := js.UpdateConsumer(stream.Name, &config); err != nil {
					return fmt.Errorf("updating consumer %s of stream %s: %w", consumer.Name, stream.Name, err)
				}
			}
		}
	}
	return nil
}
