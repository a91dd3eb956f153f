// Package event knows the topics, and encodes and decodes the payloads of their events.
package event

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"seaport.example/services/internal/sidecar"
)

const (
	contentJSON     = "application/json"
	contentProtobuf = "application/protobuf"
)

// Encoding is how a service writes payloads. Whoever reads them goes by their content type, so services may
// differ, and change one after another.
type Encoding string

// The encodings. The zero Encoding is JSON.
const (
	JSON     Encoding = "json"     // protojson: for people, and for programs without the contracts
	Protobuf Encoding = "protobuf" // a third of the size
)

// ParseEncoding reads the name of an encoding; empty means JSON.
func ParseEncoding(name string) (Encoding, error) {
	switch e := Encoding(name); e {
	case "":
		return JSON, nil
	case JSON, Protobuf:
		return e, nil
	}
	return "", fmt.Errorf("must be %s or %s, not %q", JSON, Protobuf, name)
}

// New returns an event with the payload in the encoding. The id must be the same whenever the same
// thing is announced.
func (e Encoding) New(id, topic string, payload proto.Message) (sidecar.Event, error) {
	marshal, contentType := protojson.MarshalOptions{UseProtoNames: true}.Marshal, contentJSON
	if e == Protobuf {
		marshal, contentType = proto.Marshal, contentProtobuf
	}
	data, err := marshal(payload)
	if err != nil {
		return sidecar.Event{}, fmt.Errorf("encode event %s: %w", id, err)
	}
	return sidecar.Event{
		ID: id, Topic: topic, Type: typeOf(payload),
		ContentType: contentType, Data: data,
	}, nil
}

// Decode reads the payload by its content type. Fields it does not know are passed over: they
// are from a newer producer. Errors: one that is [sidecar.ErrUnreadable].
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
		return fmt.Errorf("decode event %s of %s: %w: %w", e.ID, e.Topic, sidecar.ErrUnreadable, err)
	}
	return nil
}
