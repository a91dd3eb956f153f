package sidecar

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Events of one topic that wait together travel as one message in the JSON batch format of
// CloudEvents (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md,
// section 4). So they cost the broker, both sidecars and the app one delivery, whatever the broker
// can do in bulk: a broker component that must deliver one message at a time, to lose none, still
// delivers many events at a time.

const (
	// The message says what it is by its type: Dapr 1.18 delivers no data under the content type
	// that the format has, application/cloudevents-batch+json.
	batchType        = "seaport.event.batch"
	batchContentType = "application/json"

	maxPacked      = 128       // events a message holds at most
	maxPackedBytes = 256 << 10 // of their data, well below a broker's limit of 1 MiB
)

// cloudEvent is an event in the JSON format of CloudEvents.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Topic           string          `json:"topic"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data,omitempty"`
	DataBase64      []byte          `json:"data_base64,omitempty"`
}

// source is what all events come from; which service it was is in the message around them.
const source = "seaport"

// MarshalJSON returns the event as a CloudEvent.
func (e Event) MarshalJSON() ([]byte, error) {
	ce := cloudEvent{SpecVersion: "1.0", ID: e.ID, Source: source, Type: e.Type, Topic: e.Topic, DataContentType: e.ContentType}
	if e.isJSON() {
		ce.Data = e.Data
	} else {
		ce.DataBase64 = e.Data
	}
	return json.Marshal(ce)
}

func (e Event) isJSON() bool { return strings.HasPrefix(e.ContentType, "application/json") }

// UnmarshalJSON reads a CloudEvent.
func (e *Event) UnmarshalJSON(data []byte) error {
	var ce cloudEvent
	if err := json.Unmarshal(data, &ce); err != nil {
		return err
	}
	*e = Event{ID: ce.ID, Topic: ce.Topic, Type: ce.Type, ContentType: ce.DataContentType, Data: ce.Data}
	if ce.DataBase64 != nil {
		e.Data = ce.DataBase64
	}
	return nil
}

// fitting returns how many of the events go into one message, at least one.
func fitting(events []Event) int {
	size := 0
	for n, e := range events {
		size += len(e.Data)
		if n > 0 && (n == maxPacked || size > maxPackedBytes) {
			return n
		}
	}
	return len(events)
}

// pack makes one message of events. Its id is that of its first event, with their number: the
// message is new whenever its content is, and its events keep their own ids.
func pack(events []Event) (Event, error) {
	data, err := json.Marshal(events)
	if err != nil {
		return Event{}, fmt.Errorf("pack %d events: %w", len(events), err)
	}
	return Event{
		ID: fmt.Sprintf("%s+%d", events[0].ID, len(events)-1), Topic: events[0].Topic,
		Type: batchType, ContentType: batchContentType, Data: data,
	}, nil
}

// unpack returns the events of a message: those of a batch, or the one it is.
func unpack(message Event) ([]Event, error) {
	if message.Type != batchType {
		return []Event{message}, nil
	}
	var events []Event
	if err := json.Unmarshal(message.Data, &events); err != nil {
		return nil, fmt.Errorf("unpack message %s of %s: %w: %w", message.ID, message.Topic, ErrUnreadable, err)
	}
	for i := range events {
		if events[i].Topic == "" { // else it is where the event was published: a dead letter comes elsewhere
			events[i].Topic = message.Topic
		}
	}
	return events, nil
}
