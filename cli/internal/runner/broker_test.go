package runner

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"seaport.example/cli/internal/runner/resource"
)

func TestStreamsOfOwnComponents(t *testing.T) {
	set, err := resource.Load(filepath.Join("..", "..", "..", "components"), "local")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, stream := range streamsOf(set) {
		got[stream.Subjects[0]] = stream.Name
		if stream.MaxAge == 0 || stream.MaxBytes == 0 {
			t.Errorf("stream %s grows for ever", stream.Name)
		}
	}
	for topic, name := range map[string]string{
		"consignment.booked": "consignment-booked", "consignment.cancelled": "consignment-cancelled",
		"user.created": "user-created", "vessel.dead": "vessel-dead", "inventory.dead": "inventory-dead",
	} {
		if got[topic] != name {
			t.Errorf("stream of topic %s is %q, want %q", topic, got[topic], name)
		}
	}
}

func TestStreamsOfOtherBrokers(t *testing.T) {
	set, err := resource.Load(filepath.Join("..", "..", "..", "components"), "redis")
	if err != nil {
		t.Fatal(err)
	}
	if streams := streamsOf(set); len(streams) != 0 {
		t.Errorf("streams = %v for a broker that makes its own", streams)
	}
}

func TestDelivery(t *testing.T) {
	component := resource.Component{}
	component.Spec.Metadata = []resource.Property{
		{Name: "ackWait", Value: "10s"}, {Name: "maxAckPending", Value: 100}, {Name: "maxDeliver", Value: "-1"}, {Name: "other", Value: "x"},
	}
	wanted := deliveryOf(component)
	tests := []struct {
		name    string
		config  nats.ConsumerConfig
		changed bool
	}{
		{"as wanted", nats.ConsumerConfig{AckWait: 10 * time.Second, MaxAckPending: 100, MaxDeliver: -1}, false},
		{"of an earlier run", nats.ConsumerConfig{AckWait: 30 * time.Second, MaxAckPending: 1000, MaxDeliver: -1}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, changed := wanted.apply(test.config)
			if changed != test.changed || got.AckWait != 10*time.Second || got.MaxAckPending != 100 || got.MaxDeliver != -1 {
				t.Errorf("= %+v, %t", got, changed)
			}
		})
	}
}
