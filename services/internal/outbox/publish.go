package outbox

import (
	"context"
	"sync/atomic"
	"time"

	"seaport.example/services/internal/sidecar"
)

// publishEvery is how long commits wait for others after a publication, to be published together:
// a message costs the broker, two sidecars a subscriber and each subscriber's store much the same
// whatever the number of events in it.
const publishEvery = 40 * time.Millisecond

const (
	// maxRefusals is how often the broker must have refused an event before it is a dead letter.
	maxRefusals = 5
	// missingFor is how long a topic must have been missing: brokers that start have no topics for a moment.
	missingFor = time.Minute
)

// batch is the events of one commit for one topic.
type batch struct {
	events []sidecar.Event
	done   func() // the broker has them, or the dead letters
}

// split parts the events of a commit by topic. The commit's row is to be deleted once all of them are done.
func (o *Outbox) split(entry *stored) map[string]batch {
	parts := make(map[string]batch)
	var left atomic.Int64
	done := func() {
		if left.Add(-1) == 0 {
			o.giveBack([]*stored{entry})
		}
	}
	for _, event := range entry.Events {
		part := parts[event.Topic]
		parts[event.Topic] = batch{append(part.events, event), done}
	}
	left.Store(int64(len(parts)))
	if len(parts) == 0 {
		o.giveBack([]*stored{entry})
	}
	return parts
}

// publishTopic publishes the events of one topic in their order, until ctx ends. What was not taken by then stays in
// its row, for the next holder of the seat.
func (o *Outbox) publishTopic(ctx context.Context, topic string, queue <-chan batch) {
	var last time.Time
	for {
		var batches []batch
		select {
		case first := <-queue:
			batches = append(batches, first)
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(publishEvery - time.Since(last)):
		case <-ctx.Done():
		}
		batches = gather(batches, queue)
		var events []sidecar.Event
		for _, b := range batches {
			events = append(events, b.events...)
		}
		o.publishUntilTaken(ctx, topic, events)
		last = time.Now()
		if ctx.Err() != nil {
			return
		}
		for _, b := range batches {
			b.done()
		}
	}
}

// gather adds what waits in the queue, up to a number.
func gather(batches []batch, queue <-chan batch) []batch {
	for len(batches) < publishTogether {
		select {
		case b := <-queue:
			batches = append(batches, b)
		default:
			return batches
		}
	}
	return batches
}

// publishApart publishes one commit, and has its row deleted unless ctx ends.
func (o *Outbox) publishApart(ctx context.Context, entry *stored) {
	for topic, part := range o.split(entry) {
		o.publishUntilTaken(ctx, topic, part.events)
		if ctx.Err() != nil {
			return
		}
		part.done()
	}
}

// publishUntilTaken publishes events of one topic, however long it takes, unless ctx ends. If the broker refuses them
// together, each is tried by itself, so that one refused event holds up no other.
func (o *Outbox) publishUntilTaken(ctx context.Context, topic string, events []sidecar.Event) {
	refused := false
	o.insist(ctx, "events not published", func(bounded context.Context) error {
		err := o.send(ctx, bounded, topic, events)
		if refused = o.cfg.DeadLetters != nil && sidecar.Refused(err); refused {
			return nil
		}
		return err
	})
	if !refused {
		return
	}
	for i := range events {
		if ctx.Err() != nil {
			return
		}
		o.publishAlone(ctx, events[i])
	}
}

// publishAlone publishes one event, or leaves it with the dead letters when the broker goes on refusing it.
func (o *Outbox) publishAlone(ctx context.Context, e sidecar.Event) {
	refusals, began := 0, time.Now()
	var reason error
	o.insist(ctx, "event not published", func(bounded context.Context) error {
		err := o.send(ctx, bounded, e.Topic, []sidecar.Event{e})
		if !sidecar.Refused(err) {
			reason = nil
			return err
		}
		refusals++
		// A broker that does not know the topic may learn of it; one that finds an event too large will always.
		if refusals < maxRefusals || sidecar.MissingTopic(err) && time.Since(began) < missingFor {
			return err
		}
		reason = err
		return nil
	})
	if reason == nil {
		return
	}
	o.insist(ctx, "refused event not kept", func(bounded context.Context) error {
		return o.cfg.DeadLetters.KeepUnpublished(bounded, e, reason, refusals)
	})
}

// send publishes events once. A publisher of commits that are published apart has no time limit.
func (o *Outbox) send(ctx, bounded context.Context, topic string, events []sidecar.Event) error {
	if o.cfg.Apart {
		bounded = ctx
	}
	return o.cfg.Publisher.Publish(bounded, topic, events)
}
