package event

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"seaport.example/services/internal/failure"
)

// MaxManual is how large a payload may be that somebody wrote by hand, in bytes of JSON. Every broker takes that.
const MaxManual = 256 << 10

// dataField is the field of the request that such a payload is in.
const dataField = "data"

// Read makes the topic's payload of what somebody wrote by hand. Unlike [Decode] it is strict: a field that the
// payload does not have is a mistake, and not from a newer producer. Errors: INVALID_ARGUMENT, which names the
// field below "data".
func (t Topic) Read(data *structpb.Struct) (proto.Message, error) {
	if data == nil {
		return nil, failure.Invalid(dataField, "is missing: the payload, a %s", typeOf(t.payload))
	}
	text, err := data.MarshalJSON()
	if err != nil {
		return nil, failure.Invalid(dataField, "is not JSON: %s", protoReason(err))
	}
	if len(text) > MaxManual {
		return nil, failure.Invalid(dataField, "must have at most %d bytes, not %d", MaxManual, len(text))
	}
	payload := t.payload.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(text, payload); err != nil {
		if wrong := blame(payload.ProtoReflect().Descriptor(), data, dataField); wrong != nil {
			return nil, wrong
		}
		return nil, failure.Invalid(dataField, "is not a %s: %s", typeOf(t.payload), protoReason(err))
	}
	if err := failure.All(negative(payload.ProtoReflect(), dataField)...); err != nil {
		return nil, err
	}
	return payload, t.lacks(payload.ProtoReflect())
}

// negative names the amounts below zero: who takes one would give away what it does not have.
func negative(payload protoreflect.Message, path string) (wrong []*failure.Error) {
	payload.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		name := path + "." + string(field.Name())
		switch {
		case field.IsList() && field.Kind() == protoreflect.MessageKind:
			for i := range value.List().Len() {
				wrong = append(wrong, negative(value.List().Get(i).Message(), fmt.Sprintf("%s[%d]", name, i))...)
			}
		case field.Kind() == protoreflect.Int32Kind && value.Int() < 0:
			wrong = append(wrong, failure.Invalid(name, "must not be below zero"))
		}
		return true
	})
	return wrong
}

// lacks names what is missing of a payload; nil when nothing is.
func (t Topic) lacks(payload protoreflect.Message) error {
	needs := t.needs
	if len(t.inLot) > 0 && faultOf(payload, "lot_id") == "" {
		needs = slices.Concat(needs, t.inLot)
	}
	var missing []*failure.Error
	for _, name := range needs {
		if how := faultOf(payload, protoreflect.Name(name)); how != "" {
			missing = append(missing, failure.Invalid(dataField+"."+name, "%s: nobody could handle the event", how))
		}
	}
	return failure.All(missing...)
}

// faultOf says what is wrong with a field that is needed; "" when nothing is. Each pickup needs its containers.
func faultOf(payload protoreflect.Message, name protoreflect.Name) string {
	field := payload.Descriptor().Fields().ByName(name)
	value := payload.Get(field)
	switch {
	case !payload.Has(field), field.Kind() == protoreflect.StringKind && !field.IsList() && strings.TrimSpace(value.String()) == "":
		return "is missing"
	case field.Kind() == protoreflect.MessageKind && field.IsList():
		for i := range value.List().Len() {
			if faultOf(value.List().Get(i).Message(), "containers") != "" {
				return "must each have containers"
			}
		}
	}
	return ""
}
