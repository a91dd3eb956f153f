package event_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
)

func topicNamed(t *testing.T, name string) event.Topic {
	t.Helper()
	topic, err := event.TopicNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return topic
}

func object(t *testing.T, text string) *structpb.Struct {
	t.Helper()
	data := &structpb.Struct{}
	if err := protojson.Unmarshal([]byte(text), data); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRead(t *testing.T) {
	t.Parallel()
	want := &eventv1.ConsignmentBooked{
		ConsignmentId: "c1", VesselId: "v1", Weight: 550, Pickups: []*eventv1.Pickup{{Origin: "Derby", Containers: 2}},
		BookTime: timestamppb.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	for name, text := range map[string]string{
		"snake case":      `{"consignment_id": "c1", "vessel_id": "v1", "weight": 550, "pickups": [{"origin": "Derby", "containers": 2}], "book_time": "2026-03-01T12:00:00Z"}`,
		"camel case":      `{"consignmentId": "c1", "vesselId": "v1", "weight": 550, "pickups": [{"origin": "Derby", "containers": 2}], "bookTime": "2026-03-01T12:00:00Z"}`,
		"nulls and texts": `{"consignment_id": "c1", "vessel_id": "v1", "weight": "550", "description": null, "pickups": [{"origin": "Derby", "containers": 2e0}], "book_time": "2026-03-01T13:00:00+01:00"}`,
	} {
		got, err := topicNamed(t, "consignment.booked").Read(object(t, text))
		if err != nil || !proto.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// What is needed of a consignment of a lot is not of one that has a hold of its own.
func TestReadOfLots(t *testing.T) {
	t.Parallel()
	for topic, texts := range map[string][]string{
		"lot.booked": {lotOf(`"weight": 1, "pickups": [{"containers": 1}, {"origin": "Derby", "containers": 2}]`)},
		"consignment.cancelled": {
			`{"consignment_id": "c1", "vessel_id": "v1"}`,
			`{"consignment_id": "c1", "vessel_id": "v1", "lot_id": "l1", "weight": 1, "pickups": [{"containers": 1}]}`,
		},
	} {
		for _, text := range texts {
			if _, err := topicNamed(t, topic).Read(object(t, text)); err != nil {
				t.Errorf("%s: %s: %v", topic, text, err)
			}
		}
	}
}

// lotOf is a lot with more fields.
func lotOf(fields string) string {
	return `{"lot_id": "l1", "vessel_id": "v1", "containers": 1, "consignment_ids": ["c1"], ` + fields + `}`
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const ids = `"consignment_id": "c1", "vessel_id": "v1"`
	for name, c := range map[string]struct{ topic, text, field, says string }{
		"empty":                  {"user.created", `{}`, "data.user_id", "is missing"},
		"unknown field":          {"consignment.booked", `{"consignmnt_id": "c1"}`, "data.consignmnt_id", "there are consignment_id, customer_id,"},
		"unknown field below":    {"consignment.booked", `{` + ids + `, "pickups": [{}, {"orgin": "Derby"}]}`, "data.pickups[1].orgin", "there are origin, containers"},
		"field of another topic": {"consignment.booked", `{` + ids + `, "lot_id": "l1"}`, "data.lot_id", "no such field"},
		"number for text":        {"consignment.booked", `{"consignment_id": 7}`, "data.consignment_id", "must be text"},
		"text for a number":      {"consignment.booked", `{` + ids + `, "weight": "heavy"}`, "data.weight", "a whole number from -2147483648"},
		"half a number":          {"consignment.booked", `{` + ids + `, "weight": 1.5}`, "data.weight", "a whole number"},
		"number too large":       {"consignment.booked", `{` + ids + `, "weight": 3e9}`, "data.weight", "to 2147483647"},
		"text for a list":        {"consignment.booked", `{` + ids + `, "pickups": "Derby"}`, "data.pickups", "must be a list, not text"},
		"text for an object":     {"consignment.booked", `{` + ids + `, "pickups": ["Derby"]}`, "data.pickups[0]", "must be an object, not text"},
		"null in a list":         {"lot.booked", `{"lot_id": "l1", "vessel_id": "v1", "consignment_ids": ["a", null]}`, "data.consignment_ids[1]", "must be text"},
		"number in a list":       {"lot.booked", `{"lot_id": "l1", "vessel_id": "v1", "consignment_ids": ["a", 2]}`, "data.consignment_ids[1]", "must be text"},
		"no time":                {"consignment.booked", `{` + ids + `, "book_time": "today"}`, "data.book_time", "a time such as"},
		"time in parts":          {"consignment.booked", `{` + ids + `, "book_time": {"seconds": 1}}`, "data.book_time", "a time such as"},
		"given twice":            {"consignment.booked", `{"vesselId": "v1", ` + ids + `}`, "data.vessel_id", "is given twice"},
		"no consignment":         {"consignment.booked", `{"vessel_id": "v1", "weight": 1}`, "data.consignment_id", "is missing"},
		"blank consignment":      {"consignment.cancelled", `{"consignment_id": " ", "vessel_id": "v1"}`, "data.consignment_id", "is missing"},
		"no vessel":              {"consignment.cancelled", `{"consignment_id": "c1"}`, "data.vessel_id", "is missing"},
		"status of nothing":      {"consignment.status", `{"status": "in transit"}`, "data.consignment_id", "is missing"},
		"status of no kind":      {"consignment.status", `{"consignment_id": "c1", "status": " "}`, "data.status", "is missing"},
		"no lot":                 {"lot.booked", `{"vessel_id": "v1"}`, "data.lot_id", "is missing"},
		"lot of nothing":         {"lot.booked", `{"lot_id": "l1", "vessel_id": "v1"}`, "data.containers", "is missing"},
		"lot of less":            {"lot.booked", lotOf(`"weight": -1, "pickups": [{"containers": 1}]`), "data.weight", "below zero"},
		"booked of less":         {"consignment.booked", `{` + ids + `, "weight": -1}`, "data.weight", "below zero"},
		"lot from nowhere":       {"lot.booked", lotOf(`"weight": 1`), "data.pickups", "is missing"},
		"lot of a pickup less":   {"lot.booked", lotOf(`"weight": 1, "pickups": [{"containers": 1}, {"origin": "Derby", "containers": -1}]`), "data.pickups[1].containers", "below zero"},
		"lot of nobody":          {"lot.booked", `{"lot_id": "l1", "vessel_id": "v1", "containers": 1, "weight": 1, "pickups": [{"containers": 1}]}`, "data.consignment_ids", "is missing"},
		"part of no weight":      {"consignment.cancelled", `{` + ids + `, "lot_id": "l1", "pickups": [{"containers": 1}]}`, "data.weight", "is missing"},
		"part of no containers":  {"consignment.cancelled", `{` + ids + `, "lot_id": "l1", "weight": 1}`, "data.pickups", "is missing"},
		"no address":             {"user.created", `{"user_id": "u1"}`, "data.email", "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := topicNamed(t, c.topic).Read(object(t, c.text))
			wrong := failure.From(err)
			if wrong == nil || wrong.Code() != codes.InvalidArgument || len(wrong.Violations()) == 0 {
				t.Fatalf("got %v, %v", got, err)
			}
			if v := wrong.Violations()[0]; v.Field != c.field || !strings.Contains(v.Description, c.says) {
				t.Errorf("%q: %q, want %q: %q", v.Field, v.Description, c.field, c.says)
			}
		})
	}
}

func TestReadRefusesAsAWhole(t *testing.T) {
	t.Parallel()
	large := &structpb.Struct{Fields: map[string]*structpb.Value{
		"user_id": structpb.NewStringValue("u1"), "email": structpb.NewStringValue("a@x.example"), "name": structpb.NewStringValue(strings.Repeat("x", event.MaxManual)),
	}}
	fits := proto.CloneOf(large)
	fits.Fields["name"] = structpb.NewStringValue(strings.Repeat("x", event.MaxManual-200))
	if _, err := topicNamed(t, "user.created").Read(fits); err != nil {
		t.Errorf("a little less than the most: %v", err)
	}
	for name, c := range map[string]struct {
		data *structpb.Struct
		says string
	}{
		"none":        {nil, "seaport.event.v1.UserCreated"},
		"large":       {large, "at most 262144 bytes"},
		"no value":    {&structpb.Struct{Fields: map[string]*structpb.Value{"name": {}}}, "is not JSON"},
		"no number":   {&structpb.Struct{Fields: map[string]*structpb.Value{"name": structpb.NewNumberValue(math.NaN())}}, "is not JSON"},
		"a surrogate": {&structpb.Struct{Fields: map[string]*structpb.Value{"name": structpb.NewStringValue("\xff")}}, "is not JSON"},
	} {
		_, err := topicNamed(t, "user.created").Read(c.data)
		wrong := failure.From(err)
		if wrong == nil || wrong.Code() != codes.InvalidArgument || wrong.Violations()[0].Field != "data" || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "proto:") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
