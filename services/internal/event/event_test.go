package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar"
)

func payload() *eventv1.ConsignmentBooked {
	return &eventv1.ConsignmentBooked{ConsignmentId: "c1", Weight: 550, Pickups: []*eventv1.Pickup{{Origin: "Derby", Containers: 2}}}
}

func TestNew(t *testing.T) {
	t.Parallel()
	e, err := event.JSON.New("c1.booked", event.ConsignmentBooked, payload())
	if err != nil || e.ID != "c1.booked" || e.Topic != "consignment.booked" || e.Type != "seaport.event.v1.ConsignmentBooked" || e.ContentType != "application/json" {
		t.Fatalf("New = %+v, %v", e, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(e.Data, &fields); err != nil || fields["consignment_id"] != "c1" {
		t.Errorf("data %s, %v; want the names of the contract", e.Data, err)
	}
	if e, err := event.JSON.New("c1.booked", event.ConsignmentBooked, &eventv1.ConsignmentBooked{CustomerId: "\xff"}); err == nil || !strings.Contains(err.Error(), "c1.booked") {
		t.Errorf("no text: %+v, %v", e, err)
	}
}

// What one service writes in either encoding another reads, whatever its own is.
func TestEncodings(t *testing.T) {
	t.Parallel()
	size := make(map[event.Encoding]int)
	for name, want := range map[string]struct {
		encoding    event.Encoding
		contentType string
	}{
		"": {event.JSON, "application/json"}, "json": {event.JSON, "application/json"}, "protobuf": {event.Protobuf, "application/protobuf"},
	} {
		encoding, err := event.ParseEncoding(name)
		if err != nil || encoding != want.encoding {
			t.Fatalf("%q is %q, %v", name, encoding, err)
		}
		e, err := encoding.New("c1.booked", event.ConsignmentBooked, payload())
		if err != nil || e.ContentType != want.contentType || e.Type != "seaport.event.v1.ConsignmentBooked" {
			t.Fatalf("%q: %+v, %v", name, e, err)
		}
		var got eventv1.ConsignmentBooked
		if err := event.Decode(e, &got); err != nil || !proto.Equal(&got, payload()) {
			t.Errorf("%q: read back %v, %v", name, &got, err)
		}
		size[encoding] = len(e.Data)
	}
	if size[event.Protobuf] >= size[event.JSON] {
		t.Errorf("protobuf has %d bytes, JSON %d", size[event.Protobuf], size[event.JSON])
	}
	if _, err := event.ParseEncoding("xml"); err == nil {
		t.Error("xml is an encoding")
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	binary, err := proto.Marshal(payload())
	if err != nil {
		t.Fatal(err)
	}
	newer := append([]byte{0xfa, 0x3f, 0x01, 'x'}, binary...) // field 1023
	const text = `{"consignment_id": "c1", "weight": 550, "pickups": [{"origin": "Derby", "containers": 2}]`
	for _, c := range []struct {
		name, contentType string
		data              []byte
		ok                bool
	}{
		{"JSON", "application/json", []byte(text + "}"), true},
		{"JSON with a parameter", "application/json; charset=utf-8", []byte(text + "}"), true},
		{"no content type", "", []byte(text + "}"), true},
		{"JSON in camel case", "application/json", []byte(`{"consignmentId": "c1", "weight": 550, "pickups": [{"origin": "Derby", "containers": 2}]}`), true},
		{"JSON of a newer producer", "application/json", []byte(text + `, "colour": "red"}`), true},
		{"protobuf", "application/protobuf", binary, true},
		{"protobuf by its other name", "application/x-protobuf", binary, true},
		{"protobuf of a newer producer", "application/protobuf", newer, true},
		{"JSON cut off", "application/json", []byte(text), false},
		{"protobuf cut off", "application/protobuf", binary[:len(binary)-1], false},
		{"JSON that says it is protobuf", "application/protobuf", []byte(text + "}"), false},
		{"protobuf that says it is JSON", "application/json", binary, false},
		{"unknown content type", "text/plain", []byte(text + "}"), false},
		{"nothing", "application/json", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got eventv1.ConsignmentBooked
			err := event.Decode(sidecar.Event{ID: "e1", Topic: "consignment.booked", ContentType: c.contentType, Data: c.data}, &got)
			if (err == nil) != c.ok {
				t.Fatalf("Decode = %v", err)
			}
			if !c.ok && (!strings.Contains(err.Error(), "e1") || !strings.Contains(err.Error(), "consignment.booked")) {
				t.Errorf("%v does not name the event and its topic", err)
			}
			got.ProtoReflect().SetUnknown(nil)
			if c.ok && !proto.Equal(&got, payload()) {
				t.Errorf("decoded %v", &got)
			}
		})
	}
}
