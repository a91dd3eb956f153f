package consignment_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/failure"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	away := failure.Unavailable(nil, "away")
	for _, c := range []struct {
		name, id, reason string
		arrange          func(*port)
		code             string
		field            string
		want             string // the stored reason
		back             bool
	}{
		{name: "with a reason", id: "new-1", reason: "changed my mind", code: "OK", want: "changed my mind", back: true},
		{name: "without", id: "new-1", code: "OK", want: "cancelled on request", back: true},
		{name: "longest reason", id: "new-1", reason: strings.Repeat("ü", 500), code: "OK", want: strings.Repeat("ü", 500), back: true},
		{name: "vessels and depots away", id: "new-1", reason: "r", code: "OK", want: "r", back: true, arrange: func(p *port) {
			p.vessels.releaseErr, p.depots.releaseErr = away, away
		}},
		{name: "reason too long", id: "new-1", reason: strings.Repeat("ü", 501), code: "InvalidArgument", field: "reason"},
		{name: "unknown", id: "new-2", code: "NotFound", field: "id"},
		{name: "no id", id: "", code: "InvalidArgument", field: "id"},
		{name: "id with separator", id: "new-1||x", code: "InvalidArgument", field: "id"},
		{name: "store away", id: "new-1", code: "Unavailable", arrange: func(p *port) {
			p.store.cancel = func(*consignment.Consignment, string) error { return away }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPort()
			if c.arrange != nil {
				c.arrange(p)
			}
			b := p.bookings(t)
			if booked := create(t, b, order()); booked.Err != nil || booked.Consignment.ID != "new-1" {
				t.Fatalf("booked %+v", booked)
			}
			got, err := b.Cancel(t.Context(), "", c.id, c.reason)
			if code(err) != c.code || c.field != "" && !slices.Equal(fields(err), []string{c.field}) {
				t.Errorf("Cancel = %v, want %s of %q", err, c.code, c.field)
			}
			status, back := consignment.Booked, []release(nil)
			if c.back {
				status, back = consignment.Cancelled, []release{{"new-1", true}}
				if got.Status != status || got.StatusReason != c.want {
					t.Errorf("answered %s, %q; want %s, %q", got.Status, got.StatusReason, status, c.want)
				}
			}
			if stored := p.store.stored()["new-1"]; stored.Status != status || stored.StatusReason != c.want {
				t.Errorf("stored %s, %q; want %s, %q", stored.Status, stored.StatusReason, status, c.want)
			}
			if !slices.Equal(p.vessels.released, back) || !slices.Equal(p.depots.released, back) {
				t.Errorf("given back %v and %v, want %v", p.vessels.released, p.depots.released, back)
			}
		})
	}
}

func TestCancelTwice(t *testing.T) {
	t.Parallel()
	p := newPort()
	b := p.bookings(t)
	create(t, b, order())
	for _, reason := range []string{"first", "second"} {
		if got, err := b.Cancel(t.Context(), "", "new-1", reason); err != nil || got.StatusReason != "first" {
			t.Errorf("Cancel(%s) = %q, %v", reason, got.StatusReason, err)
		}
	}
	if len(p.store.cancels) != 1 || len(p.vessels.released) != 1 {
		t.Errorf("announced %d times, given back %d times", len(p.store.cancels), len(p.vessels.released))
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	p := newPort()
	b := p.bookings(t)
	create(t, b, order())
	for id, want := range map[string]string{
		"new-1": "OK", "new-2": "NotFound", "": "InvalidArgument", "a||b": "InvalidArgument", "a\nb": "InvalidArgument",
		strings.Repeat("x", 129): "InvalidArgument",
	} {
		got, err := b.Get(t.Context(), "", id)
		if code(err) != want || err == nil && got.ID != id || err != nil && !slices.Equal(fields(err), []string{"id"}) {
			t.Errorf("Get(%q) = %q, %v; want %s", id, got.ID, err, want)
		}
	}
}

// Whoever may see only one customer's consignments does not learn that there are others.
func TestOfTheOwner(t *testing.T) {
	t.Parallel()
	p := newPort()
	b := p.bookings(t)
	create(t, b, order())
	mine, err := b.Get(t.Context(), "", "new-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), mine.Customer, "new-1"); err != nil {
		t.Errorf("the owner: %v", err)
	}
	_, others := b.Get(t.Context(), "somebody", "new-1")
	_, none := b.Get(t.Context(), "somebody", "new-2")
	if code(others) != "NotFound" || strings.ReplaceAll(others.Error(), "new-1", "new-2") != none.Error() {
		t.Errorf("of another: %v; of none: %v", others, none)
	}
	if _, err := b.Cancel(t.Context(), "somebody", "new-1", ""); code(err) != "NotFound" || len(p.store.cancels) != 0 {
		t.Errorf("cancelled by somebody else: %v, announced %d times", err, len(p.store.cancels))
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	p := newPort()
	b := p.bookings(t)
	for range 3 {
		create(t, b, order())
	}
	p.store.page = func(customer string, size int32, token string) ([]string, string, error) {
		if customer != "cust001" || size != 7 || token != "t" {
			t.Errorf("asked for %q, %d, %q", customer, size, token)
		}
		// "gone" is listed and not there: its row was never written.
		return []string{"new-3", "gone", "new-1", "new-2"}, "next", nil
	}
	page, next, err := b.Page(t.Context(), "cust001", 7, "t")
	var ids []string
	for _, c := range page {
		ids = append(ids, c.ID)
	}
	if err != nil || next != "next" || !slices.Equal(ids, []string{"new-3", "new-1", "new-2"}) {
		t.Errorf("Page = %q, %q, %v", ids, next, err)
	}
}

func TestPageFails(t *testing.T) {
	t.Parallel()
	p := newPort()
	boom := errors.New("boom")
	p.store.page = func(customer string, _ int32, _ string) ([]string, string, error) {
		if customer != "" {
			t.Errorf("the store was asked for customer %q", customer)
		}
		return nil, "", boom
	}
	b := p.bookings(t)
	if _, _, err := b.Page(t.Context(), "a||b", 0, ""); code(err) != "InvalidArgument" || !slices.Equal(fields(err), []string{"customer_id"}) {
		t.Errorf("customer a||b: %v", err)
	}
	if _, _, err := b.Page(t.Context(), "", 0, ""); !errors.Is(err, boom) {
		t.Errorf("Page = %v, want boom", err)
	}
}
