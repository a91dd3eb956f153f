package topic_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/consignment/internal/topic"
	"seaport.example/services/internal/event"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sample() *consignment.Consignment {
	return &consignment.Consignment{
		ID: "c1", Customer: "cust001", Description: "tea", Weight: 550, Vessel: "vessel001", CreateTime: noon,
		Containers: []consignment.Container{{Origin: "Manchester"}, {Origin: "Derby"}, {Origin: "Manchester"}},
	}
}

func lotOf(id string, consignments ...*consignment.Consignment) *consignment.Lot {
	l := &consignment.Lot{ID: id, Vessel: "vessel001"}
	for _, c := range consignments {
		l.Bookings = append(l.Bookings, &consignment.Booking{Consignment: *c})
	}
	return l
}

var pickups = []*eventv1.Pickup{{Origin: "Manchester", Containers: 2}, {Origin: "Derby", Containers: 1}}

func TestBooked(t *testing.T) {
	t.Parallel()
	for _, encoding := range []event.Encoding{event.JSON, event.Protobuf} {
		e, err := topic.Announcer{Encoding: encoding}.Booked(lotOf("c1", sample()))
		if err != nil || e.ID != "c1.booked" || e.Topic != event.ConsignmentBooked || e.Type != "seaport.event.v1.ConsignmentBooked" {
			t.Fatalf("Booked = %+v, %v", e, err)
		}
		want := &eventv1.ConsignmentBooked{
			ConsignmentId: "c1", CustomerId: "cust001", VesselId: "vessel001", Description: "tea", Weight: 550,
			Pickups: pickups, BookTime: timestamppb.New(noon),
		}
		var got eventv1.ConsignmentBooked
		if err := event.Decode(e, &got); err != nil || !proto.Equal(&got, want) {
			t.Errorf("payload %v, %v; want %v", &got, err, want)
		}
	}
}

// The consignments of a lot are announced together, however few they are.
func TestLotBooked(t *testing.T) {
	t.Parallel()
	other := sample()
	other.ID, other.Containers = "c2", []consignment.Container{{Origin: "Derby"}, {Origin: "Leeds"}}
	for _, encoding := range []event.Encoding{event.JSON, event.Protobuf} {
		for _, c := range []struct {
			lot  *consignment.Lot
			want *eventv1.LotBooked
		}{
			{lotOf("lot1", sample(), other), &eventv1.LotBooked{
				LotId: "lot1", VesselId: "vessel001", Containers: 5, Weight: 1100, ConsignmentIds: []string{"c1", "c2"}, BookTime: timestamppb.New(noon),
				Pickups: []*eventv1.Pickup{{Origin: "Manchester", Containers: 2}, {Origin: "Derby", Containers: 2}, {Origin: "Leeds", Containers: 1}},
			}},
			{lotOf("lot1", sample()), &eventv1.LotBooked{
				LotId: "lot1", VesselId: "vessel001", Containers: 3, Weight: 550, ConsignmentIds: []string{"c1"}, BookTime: timestamppb.New(noon), Pickups: pickups,
			}},
		} {
			e, err := topic.Announcer{Encoding: encoding}.Booked(c.lot)
			if err != nil || e.ID != "lot1.booked" || e.Topic != event.LotBooked || e.Type != "seaport.event.v1.LotBooked" {
				t.Fatalf("Booked = %+v, %v", e, err)
			}
			var got eventv1.LotBooked
			if err := event.Decode(e, &got); err != nil || !proto.Equal(&got, c.want) {
				t.Errorf("payload %v, %v; want %v", &got, err, c.want)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	later := noon.Add(time.Hour)
	for _, encoding := range []event.Encoding{event.JSON, event.Protobuf} {
		e, err := topic.Announcer{Encoding: encoding}.Cancelled(sample(), "changed my mind", later)
		if err != nil || e.ID != "c1.cancelled" || e.Topic != event.ConsignmentCancelled || e.Type != "seaport.event.v1.ConsignmentCancelled" {
			t.Fatalf("Cancelled = %+v, %v", e, err)
		}
		want := &eventv1.ConsignmentCancelled{
			ConsignmentId: "c1", CustomerId: "cust001", VesselId: "vessel001", Description: "tea", Weight: 550,
			Pickups: pickups, Reason: "changed my mind", CancelTime: timestamppb.New(later),
		}
		var got eventv1.ConsignmentCancelled
		if err := event.Decode(e, &got); err != nil || !proto.Equal(&got, want) {
			t.Errorf("payload %v, %v; want %v", &got, err, want)
		}
	}
}

// What is no text cannot be announced, and must not be stored without being announced.
func TestNoText(t *testing.T) {
	t.Parallel()
	c := sample()
	c.Description = "\xff"
	if e, err := (topic.Announcer{}).Booked(lotOf("c1", c)); err == nil || !strings.Contains(err.Error(), "c1.booked") {
		t.Errorf("Booked = %+v, %v; want an error that names the event", e, err)
	}
}
