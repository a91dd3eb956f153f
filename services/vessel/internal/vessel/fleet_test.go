package vessel_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/vessel/internal/vessel"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	first := vessel.Vessel{Name: "n", Capacity: 5, MaxWeight: 500, Available: true, OwnerID: "o", Request: "r"}
	got, err := f.Create(t.Context(), first)
	if err != nil || got.ID != "assigned" || !got.CreateTime.Equal(noon) || got.Name != "n" || got.OwnerID != "o" {
		t.Fatalf("Create = %+v, %v", got, err)
	}
	h.clock.Store(60)
	for _, c := range []struct {
		name   string
		change func(*vessel.Vessel)
		code   string
	}{
		{"the same request again", func(*vessel.Vessel) {}, "OK"},
		{"another request", func(v *vessel.Vessel) { v.Request = "other" }, "AlreadyExists"},
		{"no request", func(v *vessel.Vessel) { v.Request = "" }, "AlreadyExists"},
		{"another capacity", func(v *vessel.Vessel) { v.Capacity++ }, "AlreadyExists"},
		{"another weight", func(v *vessel.Vessel) { v.MaxWeight++ }, "AlreadyExists"},
		{"another name", func(v *vessel.Vessel) { v.Name += "x" }, "AlreadyExists"},
		{"another owner", func(v *vessel.Vessel) { v.OwnerID += "x" }, "AlreadyExists"},
		{"another availability", func(v *vessel.Vessel) { v.Available = !v.Available }, "AlreadyExists"},
		{"wrong", func(v *vessel.Vessel) { v.Capacity = 0 }, "InvalidArgument"},
	} {
		v := first
		c.change(&v)
		again, err := f.Create(t.Context(), v)
		if code(err) != c.code || err == nil && !again.CreateTime.Equal(noon) {
			t.Errorf("%s: %+v, %v; want %s", c.name, again, err, c.code)
		}
	}
	if len(h.listed) != 1 || len(h.vessels) != 1 {
		t.Errorf("listed %q, %d stored", h.listed, len(h.vessels))
	}
}

// Two processes create a vessel of one id at once: one wins, the other is told.
func TestCreateTwice(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	one, two := h.fleet(t), h.fleet(t)
	raced := &racing{harbour: h}
	raced.between = func() { join(t, two, ship("a", 5, 500)) }
	one.Vessels = raced
	v := ship("a", 9, 900)
	v.Name = "mine"
	if got, err := one.Create(t.Context(), v); code(err) != "AlreadyExists" {
		t.Errorf("Create = %+v, %v", got, err)
	}
	if stored, err := h.Get(t.Context(), "a"); err != nil || stored.Capacity != 5 {
		t.Errorf("stored %+v, %v", stored, err)
	}
}

// racing does something between looking whether a vessel is there and writing it.
type racing struct {
	*harbour

	between func()
}

func (r *racing) Update(ctx context.Context, id string, change func(*vessel.Vessel) error) (vessel.Vessel, error) {
	r.between()
	return r.harbour.Update(ctx, id, change)
}

func TestGet(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 5, 500))
	hold(t, f, vessel.Wanted{Consignment: "c1", Amount: amount(2, 200)})
	if v, err := f.Get(t.Context(), "a"); err != nil || v.Free() != amount(3, 300) || v.Room.Pending() != 1 {
		t.Errorf("Get = %v free, %d pending, %v", v.Free(), v.Room.Pending(), err)
	}
	h.clock.Store(121) // nobody has swept yet
	if v, err := f.Get(t.Context(), "a"); err != nil || v.Free() != amount(5, 500) || v.Room.Pending() != 0 {
		t.Errorf("after the hold expired: %v free, %d pending, %v", v.Free(), v.Room.Pending(), err)
	}
	for id, want := range map[string]string{"b": "NotFound", "": "InvalidArgument", "a||b": "InvalidArgument"} {
		if _, err := f.Get(t.Context(), id); code(err) != want || !strings.HasPrefix(short(err)[0], "id ") {
			t.Errorf("Get(%q) = %v, want %s of id", id, err, want)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 5, 500), ship("b", 6, 600))
	hold(t, f, vessel.Wanted{Consignment: "c1", Amount: amount(2, 200)})
	h.listed = slices.Insert(h.listed, 1, "never written")
	h.clock.Store(121)
	vessels, next, err := f.Page(t.Context(), 7, "")
	if err != nil || next != "next" || len(vessels) != 2 || vessels[0].ID != "b" || vessels[1].ID != "a" || vessels[1].Free() != amount(5, 500) {
		t.Errorf("Page = %+v, %q, %v", vessels, next, err)
	}
	if _, _, err := f.Page(t.Context(), 7, "tampered"); code(err) != "InvalidArgument" {
		t.Errorf("tampered: %v", err)
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		confirmed bool
		cancelled bool
		used      ledger.Amount // after the release
		again     string        // what a hold gets then
	}{
		{"held, not booked", false, false, amount(0, 0), "OK"},
		{"held, cancelled", false, true, amount(0, 0), "OK"}, // its row is written; a late hold expires
		{"confirmed, not booked", true, false, amount(2, 200), "OK"},
		{"confirmed, cancelled", true, true, amount(0, 0), "OK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHarbour()
			f := h.fleet(t)
			join(t, f, ship("a", 5, 500))
			w := vessel.Wanted{Consignment: "c1", Amount: amount(2, 200)}
			hold(t, f, w)
			if c.confirmed {
				if errs := f.Confirm(t.Context(), "a", []vessel.Wanted{w}); errs[0] != nil {
					t.Fatal(errs)
				}
			}
			for range 3 { // however often it is given back
				if err := f.Release(t.Context(), "a", freed(c.cancelled, "c1", "never held")); err != nil {
					t.Fatal(err)
				}
				if used := h.used(t, "a"); used != c.used {
					t.Errorf("used %v, want %v", used, c.used)
				}
			}
			if c.cancelled { // a confirmation that comes late changes nothing
				if errs := f.Confirm(t.Context(), "a", []vessel.Wanted{w}); errs[0] != nil || h.used(t, "a") != c.used || len(h.cancelled) != 0 {
					t.Errorf("late: %v, used %v, cancelled %v", errs, h.used(t, "a"), h.cancelled)
				}
			}
		})
	}
	h := newHarbour()
	if err := h.fleet(t).Release(t.Context(), "nowhere", freed(true, "c1")); err != nil {
		t.Errorf("on a vessel that does not exist: %v", err)
	}
	h.apply = func(string, []ledger.Step) error { return failure.Unavailable(nil, "away") }
	if err := h.fleet(t).Release(t.Context(), "a", freed(true, "c1")); code(err) != "Unavailable" {
		t.Errorf("while the store is away: %v", err)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 5, 500))
	w := vessel.Wanted{Consignment: "c1", Amount: amount(2, 200)}
	hold(t, f, w)
	for range 3 { // events come more than once
		if errs := f.Confirm(t.Context(), "a", []vessel.Wanted{w}); errs[0] != nil {
			t.Fatal(errs)
		}
		if used := h.used(t, "a"); used != w.Amount {
			t.Errorf("used %v, want %v", used, w.Amount)
		}
	}
	h.clock.Store(1000)
	if v, err := f.Get(t.Context(), "a"); err != nil || v.Free() != amount(3, 300) || v.Room.Pending() != 0 {
		t.Errorf("long after: %v free, %d pending, %v", v.Free(), v.Room.Pending(), err)
	}
}

// The hold expired before its confirmation came. It is taken again if there is room, else the
// consignment is cancelled; others in the same batch are not concerned.
func TestConfirmAfterExpiry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		rival     ledger.Amount
		cancelErr error
		cancelled bool
		err       string
	}{
		{"room is left", amount(3, 300), nil, false, "OK"},
		{"containers are gone", amount(4, 1), nil, true, "OK"},
		{"weight is gone", amount(1, 301), nil, true, "OK"},
		{"room is gone, and it cannot be cancelled now", amount(4, 1), failure.Unavailable(nil, "away"), true, "Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHarbour()
			h.cancelErr = c.cancelErr
			f := h.fleet(t)
			join(t, f, ship("a", 5, 500))
			late := vessel.Wanted{Consignment: "late", Amount: amount(2, 200)}
			rival := vessel.Wanted{Consignment: "rival", Amount: c.rival}
			hold(t, f, late)
			h.clock.Store(121)
			if got := hold(t, f, rival)[0]; got.Err != nil {
				t.Fatal(got.Err)
			}
			errs := f.Confirm(t.Context(), "a", []vessel.Wanted{late, rival})
			if code(errs[0]) != c.err || errs[1] != nil {
				t.Errorf("Confirm = %v, want %s and nothing", errs, c.err)
			}
			reason, cancelled := h.cancelled["late"]
			if cancelled != c.cancelled || len(h.cancelled) > 1 || cancelled && !strings.Contains(reason, "vessel a") {
				t.Errorf("cancelled %v, want %t", h.cancelled, c.cancelled)
			}
			used := c.rival
			if !c.cancelled {
				used = amount(5, 500)
			}
			if got := h.used(t, "a"); got != used {
				t.Errorf("used %v, want %v", got, used)
			}
		})
	}
}

func TestConfirmFails(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	away := errors.New("away")
	h.apply = func(string, []ledger.Step) error { return away }
	errs := h.fleet(t).Confirm(t.Context(), "a", make([]vessel.Wanted, 2))
	if len(errs) != 2 || !errors.Is(errs[0], away) || !errors.Is(errs[1], away) || len(h.cancelled) != 0 {
		t.Errorf("Confirm = %v, cancelled %v", errs, h.cancelled)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHarbour()
		f := h.fleet(t)
		join(t, f, ship("a", 5, 500), ship("b", 5, 500), ship("c", 5, 500))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Sweep(ctx) }()
		time.Sleep(45 * time.Second) // a hold lives two minutes
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Sweep = %v", err)
		}
		for _, id := range []string{"a", "b", "c"} {
			if !slices.Contains(h.swept, id) {
				t.Errorf("swept %q, never %s", h.swept, id)
			}
		}
		if len(h.swept) < 6 {
			t.Errorf("swept %q in 45 s, want every vessel twice", h.swept)
		}
	})
}
