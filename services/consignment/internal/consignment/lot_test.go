package consignment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/failure"
)

// imported is so many orders of an import, each with a container from one place and its own request id.
func imported(n int, change ...func(i int, o *consignment.Order)) []consignment.Order {
	orders := make([]consignment.Order, n)
	for i := range orders {
		orders[i] = order(withRequest(fmt.Sprintf("import/%d", i)), func(o *consignment.Order) {
			o.Containers = []consignment.Container{{Origin: "Derby"}}
			o.Description = fmt.Sprint("line ", i)
		})
		for _, c := range change {
			c(i, &orders[i])
		}
	}
	return orders
}

// sharedHolds returns the stored consignments by their lot.
func sharedHolds(p *port) map[string][]string {
	lots := make(map[string][]string)
	for _, c := range p.store.stored() {
		lots[c.Lot] = append(lots[c.Lot], c.ID)
	}
	return lots
}

func TestImportSharesHolds(t *testing.T) {
	t.Parallel()
	p := newPort()
	var lot *consignment.Lot
	p.vessels.hold = func(_ context.Context, l *consignment.Lot) error { lot = l; return nil }
	orders := imported(40)
	results := p.bookings(t).Import(t.Context(), orders)
	for i, r := range results {
		if r.Err != nil || r.Consignment.Vessel != "vessel001" || r.Consignment.Description != orders[i].Description || r.Consignment.Lot != lot.ID {
			t.Errorf("line %d: %+v, %v", i, r.Consignment, r.Err)
		}
	}
	if len(p.vessels.held) != 1 || len(p.depots.held) != 1 || len(p.store.commits) != 1 {
		t.Errorf("%d and %d holds, %d commits; want one each", len(p.vessels.held), len(p.depots.held), len(p.store.commits))
	}
	want := []consignment.Pickup{{Origin: "Derby", Containers: 40}}
	if lot.Weight() != 40*550 || lot.Containers() != 40 || !slices.Equal(lot.Pickups(), want) || lot.Wished() != "" {
		t.Errorf("the lot has %d kg, %d containers, %v", lot.Weight(), lot.Containers(), lot.Pickups())
	}
}

// A lot of one is a lot: whether an import mails must not depend on how its lines fall into lots.
func TestLotOfOneIsShared(t *testing.T) {
	t.Parallel()
	p := newPort()
	r := p.bookings(t).Import(t.Context(), imported(1))[0]
	if r.Err != nil || r.Consignment.Lot == "" || r.Consignment.Lot == r.Consignment.ID {
		t.Errorf("got %+v, %v", r.Consignment, r.Err)
	}
	if alone := create(t, p.bookings(t), order()); alone.Consignment.Lot != "" {
		t.Errorf("a booking by itself is of lot %q", alone.Consignment.Lot)
	}
}

// Lots are bounded, and have one wished vessel.
func TestBoundsOfLots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		orders []consignment.Order
		lots   int
	}{
		{"as many as a lot takes", imported(500), 1},
		{"one more", imported(501), 2},
		{"two wished vessels and none, by turns", imported(30, func(i int, o *consignment.Order) {
			o.Wished = []string{"", "vessel007", "vessel008"}[i%3]
		}), 3},
		{"as heavy as numbers go", imported(3, func(_ int, o *consignment.Order) { o.Weight = math.MaxInt32 }), 3},
		{"many containers", imported(3, func(_ int, o *consignment.Order) {
			o.Containers = slices.Repeat([]consignment.Container{{Origin: "Derby"}}, 500)
		}), 2},
	} {
		p := newPort()
		for i, r := range p.bookings(t).Import(t.Context(), c.orders) {
			if r.Err != nil {
				t.Errorf("%s: line %d: %v", c.name, i, r.Err)
			}
		}
		if got := len(sharedHolds(p)); got != c.lots || len(p.vessels.held) != c.lots {
			t.Errorf("%s: %d lots, %d holds; want %d", c.name, got, len(p.vessels.held), c.lots)
		}
	}
}

// A line that is refused does not take others along: what fits is booked, and the refusal is the line's own.
func TestRefusedLinesOfALot(t *testing.T) {
	t.Parallel()
	nowhere := func(l *consignment.Lot) error {
		for i, p := range l.Pickups() {
			if p.Origin == "nowhere" {
				return failure.NotFound(fmt.Sprintf("pickups[%d].origin", i), "no depot")
			}
		}
		return nil
	}
	bad := map[int]bool{0: true, 77: true, 78: true, 199: true}
	for _, c := range []struct {
		name    string
		arrange func(p *port)
		code    string
		field   string
	}{
		{"by a vessel", func(p *port) {
			p.vessels.hold = func(_ context.Context, l *consignment.Lot) error {
				if nowhere(l) != nil {
					return failure.Short(failure.ShortOfWeight, "weight", "too heavy")
				}
				return nil
			}
		}, "FailedPrecondition", "weight"},
		{"by a depot", func(p *port) {
			p.depots.hold = func(_ context.Context, l *consignment.Lot) error { return nowhere(l) }
		}, "NotFound", "containers[1].origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPort()
			c.arrange(p)
			results := p.bookings(t).Import(t.Context(), imported(200, func(i int, o *consignment.Order) {
				if bad[i] {
					o.Containers = append(o.Containers, consignment.Container{Origin: "nowhere"})
				}
			}))
			for i, r := range results {
				switch {
				case bad[i] && (code(r.Err) != c.code || !slices.Equal(fields(r.Err), []string{c.field})):
					t.Errorf("line %d: %v of %q, want %s of %s", i, r.Err, fields(r.Err), c.code, c.field)
				case !bad[i] && r.Err != nil:
					t.Errorf("line %d: %v", i, r.Err)
				}
			}
			if stored := len(p.store.stored()); stored != 200-len(bad) {
				t.Errorf("%d are stored, want %d", stored, 200-len(bad))
			}
			if len(p.store.claimed) != 0 {
				t.Errorf("claims kept: %v", p.store.claimed)
			}
			if len(p.vessels.held) > 60 {
				t.Errorf("%d holds were asked for", len(p.vessels.held))
			}
			// Whatever got room and no containers gave the room back, as what it was held for.
			for _, r := range p.vessels.released {
				if r.cancelled || !slices.Contains(p.vessels.held, r.id) {
					t.Errorf("gave back %+v", r)
				}
			}
			if c.name == "by a depot" && len(p.vessels.held)-len(p.vessels.released) != len(sharedHolds(p)) {
				t.Errorf("%d holds, %d given back, %d lots stored", len(p.vessels.held), len(p.vessels.released), len(sharedHolds(p)))
			}
		})
	}
}

// A service that is away is no reason to try smaller lots.
func TestNoSmallerLotsWhenAway(t *testing.T) {
	t.Parallel()
	for _, away := range []error{failure.Unavailable(nil, "away"), errors.New("broken")} {
		p := newPort()
		p.vessels.hold = func(context.Context, *consignment.Lot) error { return away }
		for i, r := range p.bookings(t).Import(t.Context(), imported(20)) {
			if !errors.Is(r.Err, away) {
				t.Errorf("line %d: %v", i, r.Err)
			}
		}
		if len(p.vessels.held) != 1 {
			t.Errorf("asked %d times", len(p.vessels.held))
		}
	}
}

// A commit that may have happened is not tried again in smaller lots.
func TestUncertainCommitOfALot(t *testing.T) {
	t.Parallel()
	p := newPort()
	p.store.commit = func(context.Context, []*consignment.Lot) error { return failure.Exists("id", "odd, and uncertain") }
	for i, r := range p.bookings(t).Import(t.Context(), imported(20)) {
		if r.Err == nil {
			t.Errorf("line %d is booked", i)
		}
	}
	if len(p.vessels.held) != 1 || len(p.store.claimed) != 20 {
		t.Errorf("%d holds, %d claims kept; want 1 and 20", len(p.vessels.held), len(p.store.claimed))
	}
}

// Lines that come again are found, however they are grouped then; a lot that comes again finds its holds.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	p := newPort()
	first := p.bookings(t).Import(t.Context(), imported(30))
	again := p.bookings(t).Import(t.Context(), append(imported(40)[25:], imported(40)[:25]...))
	for i, r := range again {
		line := (i + 25) % 40
		if r.Err != nil || line < 30 && r.Consignment.ID != first[line].Consignment.ID {
			t.Errorf("line %d: %s, %v; was %s", line, r.Consignment.ID, r.Err, first[min(line, 29)].Consignment.ID)
		}
	}
	if stored := len(p.store.stored()); stored != 40 || len(p.vessels.held) != 2 {
		t.Errorf("%d are stored, with %d holds; want 40 and 2", stored, len(p.vessels.held))
	}

	lost := newPort()
	lost.store.commit = func(context.Context, []*consignment.Lot) error { return errors.New("away") }
	for range 2 {
		lost.store.claimed = make(map[string]bool) // the claims of a process that died have run out
		lost.bookings(t).Import(t.Context(), imported(30))
	}
	if len(lost.vessels.held) != 2 || lost.vessels.held[0] != lost.vessels.held[1] {
		t.Errorf("held %q: the second try should find the hold of the first", lost.vessels.held)
	}
}

// What cannot be booked in its time is not booked in smaller lots either.
func TestSmallerLotsEndInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPort()
		p.depots.hold = func(context.Context, *consignment.Lot) error {
			time.Sleep(4 * time.Second)
			return failure.NotFound("pickups[0].origin", "no depot")
		}
		began := time.Now()
		for i, r := range p.bookings(t).Import(t.Context(), imported(100)) {
			if r.Err == nil {
				t.Errorf("line %d is booked", i)
			}
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("took %s", took)
		}
	})
}

// Bookings that are large are stored in several commits, none of which is larger than a sidecar takes; one that
// fails takes no others along.
func TestLargeBookingsAreParted(t *testing.T) {
	t.Parallel()
	p := newPort()
	var commits [][]string
	p.store.commit = func(_ context.Context, lots []*consignment.Lot) error {
		var ids []string
		size := 0
		for _, l := range lots {
			data, err := json.Marshal(l.Bookings)
			if err != nil {
				return err
			}
			size, ids = size+len(data), append(ids, l.ID)
		}
		if size > 14<<20 {
			t.Errorf("a commit of %d bytes", size)
		}
		if commits = append(commits, ids); len(commits) == 2 {
			return errors.New("away")
		}
		return nil
	}
	orders := imported(30, func(_ int, o *consignment.Order) {
		o.Containers = slices.Repeat([]consignment.Container{{Origin: strings.Repeat("<", 200), Customer: strings.Repeat("<", 100)}}, 1000)
	})
	results := p.bookings(t).Create(t.Context(), orders)
	if len(commits) < 3 {
		t.Fatalf("%d commits", len(commits))
	}
	failed := 0
	for _, r := range results {
		if r.Err != nil {
			failed++
		}
	}
	if failed != len(commits[1]) {
		t.Errorf("%d bookings failed, and %d were in the commit that did", failed, len(commits[1]))
	}
}
