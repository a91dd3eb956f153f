package streams

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const booked = "consignment.booked"

// cloudEvent is what Dapr keeps of a message: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Topic           string          `json:"topic"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
}

// events returns the events of a message: those of a batch, or the one it is.
func (m cloudEvent) events(t *testing.T) []cloudEvent {
	t.Helper()
	if m.Type != "seaport.event.batch" {
		return []cloudEvent{m}
	}
	var events []cloudEvent
	if err := json.Unmarshal(m.Data, &events); err != nil {
		t.Fatalf("batch %s: %v", m.ID, err)
	}
	return events
}

// Every booking is announced in the stream of its topic, in the form of CloudEvents, and once all is handled no
// group of consumers has anything left to do.
func TestBookingsAreInTheStream(t *testing.T) {
	p := platform.Shared(t, "--no-seed")
	client := p.Redis(t)
	c := p.Client(t)
	const n = 60
	vessel, depot := freight.Vessel(t, c, n, 1_000_000), freight.Depot(t, c, n)
	results := freight.Callers{Client: c, Count: 20, Timeout: 10 * time.Second, Insist: time.Minute}.
		Start(t.Context(), freight.Orders(n, vessel, 100, depot)).Results()
	made, refused := freight.Split(results)
	if len(refused) != 0 {
		t.Fatalf("%d were refused, the first with %v", len(refused), refused[0].Err)
	}
	audit.Wait(t, p, c, time.Minute)

	announced := make(map[string]bool)
	for _, message := range p.Stream(t, booked) {
		var m cloudEvent
		if err := json.Unmarshal([]byte(message), &m); err != nil {
			t.Fatalf("the stream holds what is no JSON: %q", message)
		}
		if m.SpecVersion != "1.0" || m.ID == "" || m.Source != "consignment" || m.Topic != booked || m.DataContentType == "" {
			t.Errorf("message %+v is no CloudEvent of consignment", m)
		}
		for _, e := range m.events(t) {
			if e.SpecVersion != "1.0" || e.Source == "" || e.Type != "seaport.event.v1.ConsignmentBooked" {
				t.Errorf("event %+v is no CloudEvent of a booking", e)
			}
			announced[e.ID] = true
		}
	}
	for _, r := range made {
		if !announced[r.Booked.GetId()+".booked"] {
			t.Errorf("consignment %s is not announced", r.Booked.GetId())
		}
	}
	platform.Wait(t, 30*time.Second, func() error { return drained(t, client, booked, "inventory", "notification", "vessel") })
}

// drained returns nil once each group has been given all that is in a stream and has acknowledged it.
func drained(t *testing.T, client *redis.Client, topic string, groups ...string) error {
	t.Helper()
	infos, err := client.XInfoGroups(t.Context(), topic).Result()
	if err != nil {
		return fmt.Errorf("groups of %s: %w", topic, err)
	}
	stream, err := client.XInfoStream(t.Context(), topic).Result()
	if err != nil {
		return fmt.Errorf("stream %s: %w", topic, err)
	}
	at := make(map[string]redis.XInfoGroup, len(infos))
	for _, info := range infos {
		at[info.Name] = info
	}
	for _, name := range groups {
		switch group, there := at[name]; {
		case !there:
			return fmt.Errorf("%s does not listen to %s", name, topic)
		case group.Pending != 0 || group.LastDeliveredID != stream.LastGeneratedID:
			return fmt.Errorf("%s has %d events of %s to acknowledge, and was given them up to %s of %s",
				name, group.Pending, topic, group.LastDeliveredID, stream.LastGeneratedID)
		}
	}
	return nil
}

// A stream does not grow for ever: beyond its bound the oldest events go.
func TestStreamsAreBounded(t *testing.T) {
	p := platform.Shared(t, "--no-seed")
	client := p.Redis(t)
	const bound = 1_000_000      // maxLenApprox of components/redis/pubsub.yaml; Redis trims by whole nodes
	const filler = bound + 5_000 // one publish trims 10,000 entries at most
	const topic = "of.nobody"    // it has no listener; a stream comes with its first event
	for from := 0; from < filler; from += 10_000 {
		if _, err := client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
			for i := range 10_000 {
				pipe.XAdd(t.Context(), &redis.XAddArgs{Stream: topic, Values: []any{"data", from + i}})
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	p.Publish(t, "consignment", platform.Event{ID: "one-more", Topic: topic, Type: "t", ContentType: "application/json", Data: []byte("{}")})
	length, err := client.XLen(t.Context(), topic).Result()
	if err != nil || length > bound+1_000 {
		t.Errorf("after one more event the stream has %d of %d, %v; want about %d", length, filler, err, bound)
	}
}
