package event_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
)

// What a service can be told to publish to is what there are streams for, and the other way round.
func TestTopicsAreTheDeclaredOnes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../components/topics.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var declared, known []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok {
			declared = append(declared, name)
		}
	}
	for _, topic := range event.Topics() {
		known = append(known, topic.Name)
		if topic.App == "" {
			t.Errorf("nobody publishes to %s", topic.Name)
		}
	}
	if len(declared) == 0 || !slices.Equal(known, declared) {
		t.Errorf("package event knows %q, components/topics.yaml declares %q", known, declared)
	}
}

// Every payload has its topic; a part of payloads has none.
func TestTopicOf(t *testing.T) {
	t.Parallel()
	messages := eventv1.File_seaport_event_v1_event_proto.Messages()
	seen := make(map[string]bool)
	for i := range messages.Len() {
		name := messages.Get(i).FullName()
		topic := event.TopicOf(string(name))
		if (topic == "") != (name.Name() == "Pickup") || seen[topic] {
			t.Errorf("%s is published on %q", name, topic)
		}
		seen[topic] = true
	}
}

func TestTopicNamed(t *testing.T) {
	t.Parallel()
	if topic, err := event.TopicNamed("user.created"); err != nil || topic.Name != "user.created" || topic.App != "user" {
		t.Errorf("user.created: %+v, %v", topic, err)
	}
	for _, name := range []string{"", "user", "User.Created", "user.created ", "notification.dead", "vessel.dead"} {
		_, err := event.TopicNamed(name)
		wrong := failure.From(err)
		if wrong == nil || wrong.Code() != codes.NotFound || wrong.Violations()[0].Field != "topic" || !strings.Contains(err.Error(), "lot.booked, user.created") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
