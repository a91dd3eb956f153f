// Package event encodes and decodes the payloads of events.
package event

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"seaport.example/services/internal/sidecar"
)

// The topics.
const (
	UserCreated          = "user.created"
	ConsignmentBooked    = "consignment.booked"
	ConsignmentCancelled = "consignment.cancelled"
	NotificationDead     = "notification.dead" // what the notification service could not do
)

const (
	contentJSON     = "application/json"
	contentProtobuf = "application/protobuf"
)

// New returns an event with the payload as protojson. The id must be the same whenever the same
// thing is announced.
func New(id, topic string, payload proto.Message) (sidecar.Event, error) {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(payload)
	if err != nil {
		return sidecar.Event{}, fmt.Errorf("encode event %s: %w", id, err)
	}
	return sidecar.Event{
		ID: id, Topic: topic, Type: string(payload.ProtoReflect().Descriptor().FullName()),
		ContentType: contentJSON, Data: data,
	}, nil
}

// Decode reads the payload by its content type. Fields it does not know are passed over: they
// are from a newer producer.
func Decode(e sidecar.Event, payload proto.Message) error {
	kind, _, _ := strings.Cut(e.ContentType, ";")
	var err error
	switch kind {
	case contentProtobuf, "application/x-protobuf":
		err = proto.Unmarshal(e.Data, payload)
	case contentJSON, "":
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(e.Data, payload)
	default:
		err = fmt.Errorf("content type %q is not known", e.ContentType)
	}
	if err != nil {
		return fmt.Errorf("decode event %s of %s: %w", e.ID, e.Topic, err)
	}
	return nil
}
