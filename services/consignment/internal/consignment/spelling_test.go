package consignment_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"seaport.example/services/consignment/internal/consignment"
)

// However names are written, the booking is stored, and its containers are held, under their normal form; a
// retry may spell them another way.
func TestSpellings(t *testing.T) {
	t.Parallel()
	p := newPort()
	var pickups []consignment.Pickup
	p.depots.hold = func(_ context.Context, l *consignment.Lot) error {
		for i := range l.Bookings {
			pickups = append(pickups, l.Bookings[i].Pickups()...)
		}
		return nil
	}
	p.store.page = func(customer string, _ int32, _ string) ([]string, string, error) {
		if customer != "Caf\u00e9 - Hull" {
			return nil, "", nil
		}
		return slices.Collect(maps.Keys(p.store.stored())), "", nil
	}
	b := p.bookings(t)
	written := func(origin, customer, request string) consignment.Order {
		return order(withRequest(request), func(o *consignment.Order) {
			o.Customer = customer
			o.Containers = []consignment.Container{{Origin: origin, User: "u\u00ad1"}}
		})
	}
	first := create(t, b, written("Zu\u0308rich", "Cafe\u0301 \u2013 Hull", "r\u20111"))
	again := create(t, b, written("Z\u00fcrich", "Caf\u00e9 - Hull", "r-1"))
	if first.Err != nil || again.Err != nil || first.Consignment.ID != again.Consignment.ID {
		t.Fatalf("%+v and %+v", first, again)
	}
	c := first.Consignment
	if c.Customer != "Caf\u00e9 - Hull" || c.Containers[0].Origin != "Z\u00fcrich" || c.Containers[0].User != "u1" {
		t.Errorf("stored as %+v", c)
	}
	if len(pickups) != 1 || pickups[0].Origin != "Z\u00fcrich" {
		t.Errorf("held %+v", pickups)
	}
	page, _, err := b.Page(t.Context(), "Cafe\u0301 - Hull", 7, "")
	if err != nil || len(page) != 1 {
		t.Errorf("listed %d, %v", len(page), err)
	}
	if r := create(t, b, written("\u200b", "c", "")); code(r.Err) != "InvalidArgument" {
		t.Errorf("an origin that nobody sees: %v", r.Err)
	}
}

// A retry of what was booked before names had a normal form books nothing again.
func TestBookedUnderAnEarlierSpelling(t *testing.T) {
	t.Parallel()
	p := newPort()
	plain := create(t, p.bookings(t), order(withRequest("r-1"))).Consignment
	for _, request := range []string{"r-1", "r\u20111"} {
		o := order(withRequest(request), func(o *consignment.Order) { o.Containers = []consignment.Container{{Origin: "Zu\u0308rich"}} })
		old := plain
		old.ID, old.Fingerprint = consignment.WrittenID(o), consignment.WrittenFingerprint(o)
		p := newPort()
		p.store.rows[old.ID] = old
		if got := create(t, p.bookings(t), o); got.Err != nil || got.Consignment.ID != old.ID || len(p.store.stored()) != 1 {
			t.Errorf("%q: %+v", request, got)
		}
	}
}
