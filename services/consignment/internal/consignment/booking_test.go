package consignment_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/failure"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	p := newPort()
	o := order(func(o *consignment.Order) { o.Wished = "vessel007" })
	p.vessels.hold = func(_ context.Context, l *consignment.Lot) error {
		if l.Wished() != "vessel007" {
			t.Errorf("asked for vessel %q, wished vessel007", l.Wished())
		}
		l.Vessel = l.Wished()
		return nil
	}
	got := create(t, p.bookings(t), o)
	if got.Err != nil {
		t.Fatal(got.Err)
	}
	c := got.Consignment
	if c.ID != "new-1" || c.Vessel != "vessel007" || c.Status != consignment.Booked || c.Customer != o.Customer ||
		c.Description != o.Description || c.Weight != o.Weight || !c.CreateTime.Equal(noon) || !c.UpdateTime.Equal(noon) {
		t.Errorf("booked %+v for %+v", c, o)
	}
	if stored := p.store.stored(); len(stored) != 1 || !reflect.DeepEqual(stored[c.ID], c) {
		t.Errorf("stored %+v, answered %+v", stored, c)
	}
	if len(p.vessels.released)+len(p.depots.released) != 0 {
		t.Error("what is booked was given back")
	}
}

// Whatever step fails, nothing is stored, and what is held by then goes back, or expires.
func TestCreateFails(t *testing.T) {
	t.Parallel()
	short := failure.Short(failure.ShortOfCapacity, "containers", "no room")
	away := failure.Unavailable(nil, "away")
	for _, c := range []struct {
		name    string
		arrange func(p *port)
		code    string
		field   string
		back    bool // the room is given back
		held    bool // containers were asked for
		keeps   bool // the claim is kept: the booking may be stored after all
	}{
		{name: "no room", code: "FailedPrecondition", field: "containers", arrange: func(p *port) {
			p.vessels.hold = func(context.Context, *consignment.Lot) error { return short }
		}},
		{name: "vessels away", code: "Unavailable", arrange: func(p *port) {
			p.vessels.hold = func(context.Context, *consignment.Lot) error { return away }
		}},
		{name: "no containers", code: "FailedPrecondition", field: "containers[1].origin", back: true, held: true, arrange: func(p *port) {
			p.depots.hold = func(context.Context, *consignment.Lot) error {
				return failure.Short(failure.ShortOfContainers, "pickups[1].origin", "empty")
			}
		}},
		{name: "no containers, and the room cannot be given back", code: "FailedPrecondition", field: "containers[1].origin", back: true, held: true,
			arrange: func(p *port) {
				p.vessels.releaseErr = away
				p.depots.hold = func(context.Context, *consignment.Lot) error {
					return failure.Short(failure.ShortOfContainers, "pickups[1].origin", "empty")
				}
			}},
		{name: "depots away", code: "Unavailable", back: true, held: true, arrange: func(p *port) {
			p.depots.hold = func(context.Context, *consignment.Lot) error { return away }
		}},
		{name: "holds about to expire", code: "Unavailable", held: true, arrange: func(p *port) {
			p.depots.hold = func(_ context.Context, l *consignment.Lot) error {
				l.Expires = noon.Add(5 * time.Second)
				return nil
			}
		}},
		{name: "store away at the claim", code: "Unavailable", arrange: func(p *port) {
			p.store.claim = func(context.Context, []string) ([]consignment.Claim, error) { return nil, errors.New("away") }
			p.vessels.hold = func(context.Context, *consignment.Lot) error {
				return errors.New("room was asked for without a claim")
			}
		}},
		{name: "store away at the commit", code: "Unavailable", held: true, keeps: true, arrange: func(p *port) {
			p.store.commit = func(context.Context, []*consignment.Lot) error { return away }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPort()
			c.arrange(p)
			got := create(t, p.bookings(t), order(withRequest("r")))
			if code(got.Err) != c.code {
				t.Errorf("Create = %v, want %s", got.Err, c.code)
			}
			if c.field != "" && !slices.Equal(fields(got.Err), []string{c.field}) {
				t.Errorf("the error names %q, want %q", fields(got.Err), c.field)
			}
			if stored := p.store.stored(); len(stored) != 0 {
				t.Errorf("stored %v", stored)
			}
			if (len(p.depots.held) == 1) != c.held {
				t.Errorf("containers were asked for %d times", len(p.depots.held))
			}
			var back []release
			if c.back {
				back = []release{{p.vessels.held[0], false}}
			}
			if !slices.Equal(p.vessels.released, back) {
				t.Errorf("room given back: %v, want %v", p.vessels.released, back)
			}
			if len(p.depots.released) != 0 {
				t.Errorf("containers given back: %v; nothing can be held that is not booked", p.depots.released)
			}
			if claims := len(p.store.claimed); (claims == 1) != c.keeps {
				t.Errorf("%d claims are kept", claims)
			}
		})
	}
}

// A booking whose holds took too long is not stored: somebody else may have begun the same by then.
func TestNoCommitAfterItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPort()
		p.depots.hold = func(context.Context, *consignment.Lot) error { time.Sleep(time.Minute); return nil }
		got := p.bookings(t).Create(t.Context(), []consignment.Order{order(withRequest("r"))})
		if !errors.Is(got[0].Err, context.DeadlineExceeded) || len(p.store.stored()) != 0 || len(p.store.claimed) != 0 {
			t.Errorf("Create = %v, stored %v, claims kept %v", got[0].Err, p.store.stored(), p.store.claimed)
		}
	})
}

// However long it takes until the commit, the time it must begin by is counted from before the claim.
func TestCommitIsBoundByTheClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPort()
		p.depots.hold = func(context.Context, *consignment.Lot) error { time.Sleep(5 * time.Second); return nil }
		p.now = time.Now
		began := time.Now()
		if got := p.bookings(t).Create(t.Context(), []consignment.Order{order(withRequest("r"))}); got[0].Err != nil {
			t.Fatal(got[0].Err)
		}
		if by := p.store.notAfter.Sub(began); by <= 5*time.Second || by > 10*time.Second {
			t.Errorf("the commit had to begin %s after the claim, want 10 s at most", by)
		}
	})
}

// A caller who leaves is told so; the booking goes on, since others may wait for it.
func TestBookingOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPort()
		ctx, leave := context.WithCancel(t.Context())
		p.depots.hold = func(context.Context, *consignment.Lot) error { leave(); time.Sleep(time.Second); return nil }
		b := p.bookings(t)
		if got := b.Create(ctx, []consignment.Order{order(withRequest("r"))}); !errors.Is(got[0].Err, context.Canceled) {
			t.Errorf("Create = %v for a caller who left", got[0].Err)
		}
		got := b.Create(t.Context(), []consignment.Order{order(withRequest("r"))})
		if got[0].Err != nil || len(p.store.stored()) != 1 || len(p.depots.held) != 1 {
			t.Errorf("Create = %v, stored %v, held %d times", got[0].Err, p.store.stored(), len(p.depots.held))
		}
	})
}

// The fields of a depot's refusal are those of the order, in the message too.
func TestRefusalNamesTheContainer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ inner, outer string }{
		{"pickups[0].origin", "containers[0].origin"},
		{"pickups[1].origin", "containers[1].origin"},
		{"pickups[2].origin", "containers[3].origin"}, // the third origin is that of the fourth container
		{"pickups[10].origin", "pickups[10].origin"},  // there is none
		{"consignment_id", "consignment_id"},
	} {
		p := newPort()
		p.depots.hold = func(context.Context, *consignment.Lot) error { return failure.NotFound(c.inner, "no depot") }
		got := create(t, p.bookings(t), order(func(o *consignment.Order) {
			o.Containers = append(o.Containers, consignment.Container{Origin: "Sheffield, United Kingdom"})
		}))
		if !slices.Equal(fields(got.Err), []string{c.outer}) || got.Err.Error() != c.outer+": no depot" || code(got.Err) != "NotFound" {
			t.Errorf("%s became %q: %v", c.inner, fields(got.Err), got.Err)
		}
	}
}

func TestRequestIDBooksOnce(t *testing.T) {
	t.Parallel()
	const callers = 50
	p := newPort()
	var started sync.WaitGroup
	started.Add(callers)
	p.vessels.hold = func(context.Context, *consignment.Lot) error { started.Wait(); return nil }
	b := p.bookings(t)
	results := make([]consignment.Result, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			started.Done()
			results[i] = create(t, b, order(withRequest("r")))
		})
	}
	wg.Wait()
	for i, r := range results {
		if r.Err != nil || !reflect.DeepEqual(r.Consignment, results[0].Consignment) {
			t.Errorf("caller %d got %+v, %v; caller 0 got %+v", i, r.Consignment, r.Err, results[0].Consignment)
		}
	}
	if len(p.vessels.held) != 1 || len(p.store.commits) != 1 || len(p.store.claimed) != 0 {
		t.Errorf("%d holds, %d commits, %d claims kept; want 1, 1, 0", len(p.vessels.held), len(p.store.commits), len(p.store.claimed))
	}
}

// A refusal is not remembered: the same request may succeed later.
func TestRefusedRequestMayTryAgain(t *testing.T) {
	t.Parallel()
	p := newPort()
	refuse := true
	p.vessels.hold = func(context.Context, *consignment.Lot) error {
		if refuse {
			return failure.Short(failure.ShortOfWeight, "weight", "full")
		}
		return nil
	}
	b := p.bookings(t)
	if got := create(t, b, order(withRequest("r"))); code(got.Err) != "FailedPrecondition" {
		t.Errorf("first: %v", got.Err)
	}
	refuse = false
	if got := create(t, b, order(withRequest("r"))); got.Err != nil {
		t.Errorf("second: %v", got.Err)
	}
}

// The same request id for another order is refused, whichever field differs.
func TestRequestIDOfAnotherOrder(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*consignment.Order){
		"description":          func(o *consignment.Order) { o.Description = "coffee" },
		"weight":               func(o *consignment.Order) { o.Weight++ },
		"wished vessel":        func(o *consignment.Order) { o.Wished = "vessel002" },
		"one container less":   func(o *consignment.Order) { o.Containers = o.Containers[:2] },
		"container's id":       func(o *consignment.Order) { o.Containers[0].ID = "x" },
		"container's origin":   func(o *consignment.Order) { o.Containers[0].Origin = "Sheffield" },
		"container's customer": func(o *consignment.Order) { o.Containers[0].Customer = "cust009" },
		"container's user":     func(o *consignment.Order) { o.Containers[0].User = "user009" },
		"fields shifted":       func(o *consignment.Order) { o.Containers[0].Customer, o.Containers[0].User = "user001", "cust001" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := order(withRequest("r")), order(withRequest("r"), change)
			for when, book := range map[string]func(b *consignment.Bookings) (consignment.Result, consignment.Result){
				"later": func(b *consignment.Bookings) (consignment.Result, consignment.Result) {
					return create(t, b, one), create(t, b, other)
				},
				"in one batch": func(b *consignment.Bookings) (consignment.Result, consignment.Result) {
					results := b.Create(t.Context(), []consignment.Order{one, other})
					return results[0], results[1]
				},
			} {
				p := newPort()
				first, second := book(p.bookings(t))
				if first.Err != nil || code(second.Err) != "AlreadyExists" || !slices.Equal(fields(second.Err), []string{"request_id"}) {
					t.Errorf("%s: got %v, then %v; want AlreadyExists of request_id", when, first.Err, second.Err)
				}
				if len(p.store.stored()) != 1 {
					t.Errorf("%s: stored %d", when, len(p.store.stored()))
				}
			}
		})
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	p := newPort()
	p.vessels.hold = func(_ context.Context, l *consignment.Lot) error {
		if l.Bookings[0].Description == "too much" {
			return failure.Short(failure.ShortOfCapacity, "containers", "no room")
		}
		return nil
	}
	var nowhere string
	p.depots.hold = func(_ context.Context, l *consignment.Lot) error {
		switch b := l.Bookings[0]; b.Description {
		case "nowhere":
			nowhere = b.ID
			return failure.NotFound("pickups[0].origin", "no depot")
		case "slow":
			l.Expires = noon.Add(time.Second)
		}
		return nil
	}
	named := func(description string) consignment.Order {
		return order(func(o *consignment.Order) { o.Description = description })
	}
	orders := []consignment.Order{
		named("first"), order(func(o *consignment.Order) { o.Weight = -1 }), named("too much"),
		order(withRequest("r")), named("nowhere"), order(withRequest("r")), named("slow"), named("first"),
	}
	results := p.bookings(t).Create(t.Context(), orders)
	want := []string{"OK", "InvalidArgument", "FailedPrecondition", "OK", "NotFound", "OK", "Unavailable", "OK"}
	for i, r := range results {
		if code(r.Err) != want[i] {
			t.Errorf("order %d: %v, want %s", i, r.Err, want[i])
		}
		if r.Err == nil && r.Consignment.Description != orders[i].Description {
			t.Errorf("order %d of %q got the consignment of %q", i, orders[i].Description, r.Consignment.Description)
		}
	}
	if results[3].Consignment.ID != results[5].Consignment.ID {
		t.Error("one request id in one batch was booked twice")
	}
	if results[0].Consignment.ID == results[7].Consignment.ID {
		t.Error("two orders without a request id were taken for one")
	}
	if len(p.store.commits) != 1 || len(p.store.commits[0]) != 3 {
		t.Errorf("commits: %v, want one of three consignments", p.store.commits)
	}
	if !slices.Equal(p.vessels.released, []release{{nowhere, false}}) {
		t.Errorf("room given back: %v, want only that of %s, which a depot refused", p.vessels.released, nowhere)
	}
}

// While another process is at the same request, this one waits; it answers with what comes of it.
func TestAnotherProcessIsAtIt(t *testing.T) {
	t.Parallel()
	booked := consignment.Consignment{ID: "theirs"}
	for _, c := range []struct {
		name  string
		claim func(round int) consignment.Claim
		code  string
		holds int
	}{
		{"and books", func(round int) consignment.Claim {
			if round < 3 {
				return consignment.Claim{}
			}
			return consignment.Claim{Booked: &booked}
		}, "AlreadyExists", 0}, // what it booked has another fingerprint
		{"and gives up", func(round int) consignment.Claim { return consignment.Claim{Mine: round >= 3} }, "OK", 1},
		{"for long", func(int) consignment.Claim { return consignment.Claim{} }, "Unavailable", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, round := newPort(), 0
				p.store.claim = func(_ context.Context, ids []string) ([]consignment.Claim, error) {
					round++
					return slices.Repeat([]consignment.Claim{c.claim(round)}, len(ids)), nil
				}
				began := time.Now()
				got := create(t, p.bookings(t), order(withRequest("r")))
				if code(got.Err) != c.code || len(p.vessels.held) != c.holds {
					t.Errorf("Create = %v with %d holds, want %s with %d", got.Err, len(p.vessels.held), c.code, c.holds)
				}
				if waited := time.Since(began); round < 3 || waited > 4*time.Second {
					t.Errorf("asked %d times in %s", round, waited)
				}
			})
		})
	}
}

// A caller who leaves while another is at the same booking is let go; the booking goes on.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	p := newPort()
	entered, goOn := make(chan struct{}), make(chan struct{})
	p.vessels.hold = func(context.Context, *consignment.Lot) error { close(entered); <-goOn; return nil }
	b := p.bookings(t)
	first := make(chan consignment.Result)
	go func() { first <- create(t, b, order(withRequest("r"))) }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := b.Create(ctx, []consignment.Order{order(withRequest("r"))}); !errors.Is(got[0].Err, context.Canceled) {
		t.Errorf("the one who left got %v", got[0].Err)
	}
	close(goOn)
	if got := <-first; got.Err != nil || len(p.store.stored()) != 1 {
		t.Errorf("the one who stayed got %v, %d stored", got.Err, len(p.store.stored()))
	}
}

// A commit that may have happened must not be repeated by this process.
func TestUncertainCommitKeepsTheClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPort()
		p.store.commit = func(context.Context, []*consignment.Lot) error {
			return failure.Unavailable(nil, "the answer was lost")
		}
		b := p.bookings(t)
		for try := range 2 { // the second finds the claim of the first
			if got := create(t, b, order(withRequest("r"))); code(got.Err) != "Unavailable" {
				t.Errorf("try %d: %v", try, got.Err)
			}
		}
		if len(p.vessels.held) != 1 || len(p.store.unclaimed.booked)+len(p.store.unclaimed.refused) != 0 {
			t.Errorf("%d holds, unclaimed %v; want 1 and nothing", len(p.vessels.held), p.store.unclaimed)
		}
	})
}
