package event

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/failure"
)

// The topics.
const (
	UserCreated          = "user.created"
	ConsignmentBooked    = "consignment.booked"
	ConsignmentCancelled = "consignment.cancelled"
	ConsignmentStatus    = "consignment.status"
	LotBooked            = "lot.booked"
	NotificationDead     = "notification.dead" // what the notification service could not do
)

// Topic is where a service publishes events of one kind.
type Topic struct {
	Name string
	App  string // the service that publishes there, by its app-id

	payload proto.Message
	needs   []string // fields of the payload without which nobody can handle the event
	inLot   []string // the same, where it names the lot that a consignment is part of
}

// topics is those of components/topics.yaml, in their order there.
var topics = []Topic{
	{Name: ConsignmentBooked, App: "consignment", payload: &eventv1.ConsignmentBooked{}, needs: []string{"consignment_id", "vessel_id"}},
	{
		Name: ConsignmentCancelled, App: "consignment", payload: &eventv1.ConsignmentCancelled{},
		needs: []string{"consignment_id", "vessel_id"}, inLot: []string{"weight", "pickups"},
	},
	{Name: ConsignmentStatus, App: "consignment", payload: &eventv1.ConsignmentStatusChanged{}, needs: []string{"consignment_id", "status"}},
	{
		Name: LotBooked, App: "consignment", payload: &eventv1.LotBooked{},
		needs: []string{"lot_id", "vessel_id", "containers", "weight", "pickups", "consignment_ids"},
	},
	{Name: UserCreated, App: "user", payload: &eventv1.UserCreated{}, needs: []string{"user_id", "email"}},
}

// Topics returns the topics that services publish to. Those of dead letters are not among them.
func Topics() []Topic { return slices.Clone(topics) }

// TopicNamed returns the topic that field "topic" of a request names. Errors: NOT_FOUND, which says what topics
// there are.
func TopicNamed(name string) (Topic, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		if names[i] = t.Name; t.Name == name {
			return t, nil
		}
	}
	return Topic{}, failure.NotFound("topic", "there is no topic %q to publish to; there are %s", name, strings.Join(names, ", "))
}

// TopicOf returns the topic on which payloads of a type are published; empty when there is none.
func TopicOf(payloadType string) string {
	i := slices.IndexFunc(topics, func(t Topic) bool { return typeOf(t.payload) == payloadType })
	if i < 0 {
		return ""
	}
	return topics[i].Name
}

func typeOf(payload proto.Message) string {
	return string(payload.ProtoReflect().Descriptor().FullName())
}
