package event

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"seaport.example/services/internal/failure"
)

// timestamp is the one message that is not an object in JSON.
var timestamp = (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName()

// blame finds the field for which an object is not the message that it should be, which protojson does not tell with
// its path; nil when it finds none.
func blame(want protoreflect.MessageDescriptor, object *structpb.Struct, path string) *failure.Error {
	seen := make(map[protoreflect.Name]bool)
	for _, name := range slices.Sorted(maps.Keys(object.GetFields())) {
		field, at := fieldNamed(want, name), path+"."+name
		if field == nil {
			return failure.Invalid(at, "there is no such field; there are %s", strings.Join(fieldNames(want), ", "))
		}
		if seen[field.Name()] {
			return failure.Invalid(at, "is given twice")
		}
		seen[field.Name()] = true
		if wrong := blameField(field, object.GetFields()[name], at); wrong != nil {
			return wrong
		}
	}
	return nil
}

func blameField(field protoreflect.FieldDescriptor, value *structpb.Value, path string) *failure.Error {
	if _, null := value.GetKind().(*structpb.Value_NullValue); null {
		return nil // as if it were not there
	}
	if !field.IsList() {
		return blameValue(field, value, path)
	}
	list, ok := value.GetKind().(*structpb.Value_ListValue)
	if !ok {
		return failure.Invalid(path, "must be a list, not %s", kindOf(value))
	}
	for i, item := range list.ListValue.GetValues() {
		if wrong := blameValue(field, item, fmt.Sprintf("%s[%d]", path, i)); wrong != nil {
			return wrong
		}
	}
	return nil
}

// blameValue tells what is wrong with a single value: whether it is right is for protojson to say.
func blameValue(field protoreflect.FieldDescriptor, value *structpb.Value, path string) *failure.Error {
	object, isObject := value.GetKind().(*structpb.Value_StructValue)
	if nested := field.Message(); nested != nil && nested.FullName() != timestamp {
		if !isObject {
			return failure.Invalid(path, "must be an object, not %s", kindOf(value))
		}
		return blame(nested, object.StructValue, path)
	}
	if field.IsList() {
		value = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{value}})
	}
	alone := &structpb.Struct{Fields: map[string]*structpb.Value{string(field.Name()): value}}
	text, err := alone.MarshalJSON()
	if err == nil {
		err = protojson.Unmarshal(text, dynamicpb.NewMessage(field.ContainingMessage()))
	}
	if err != nil {
		return failure.Invalid(path, "must be %s", wanted(field))
	}
	return nil
}

// wanted words what a field's single value must be.
func wanted(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.StringKind:
		return "text"
	case protoreflect.Int32Kind:
		return fmt.Sprintf("a whole number from %d to %d", math.MinInt32, math.MaxInt32)
	case protoreflect.MessageKind:
		return "a time such as 2026-01-31T12:00:00Z"
	}
	return "of type " + field.Kind().String()
}

func kindOf(value *structpb.Value) string {
	switch value.GetKind().(type) {
	case *structpb.Value_NullValue:
		return "null"
	case *structpb.Value_NumberValue:
		return "a number"
	case *structpb.Value_StringValue:
		return "text"
	case *structpb.Value_BoolValue:
		return "true or false"
	case *structpb.Value_ListValue:
		return "a list"
	}
	return "an object"
}

// fieldNamed returns the field of a name, which may be in snake_case or camelCase; nil for none.
func fieldNamed(m protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := m.Fields().ByName(protoreflect.Name(name)); field != nil {
		return field
	}
	return m.Fields().ByJSONName(name)
}

func fieldNames(m protoreflect.MessageDescriptor) []string {
	names := make([]string, m.Fields().Len())
	for i := range names {
		names[i] = string(m.Fields().Get(i).Name())
	}
	return names
}

// position is what protobuf's JSON code writes before a reason: about a text that the caller never saw.
var position = regexp.MustCompile(`^proto:[ \x{a0}]*(\([^)]*\): *)?`)

func protoReason(err error) string { return position.ReplaceAllString(err.Error(), "") }
