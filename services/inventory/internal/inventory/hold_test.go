package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/inventory/internal/inventory"
)

func hold(t *testing.T, d *inventory.Depots, all ...inventory.Wanted) []inventory.Held {
	t.Helper()
	held := d.Hold(t.Context(), all)
	if len(held) != len(all) {
		t.Fatalf("%d answers to %d", len(held), len(all))
	}
	return held
}

// A consignment gets all it wants or nothing, at whichever depot the trouble is.
func TestHold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		pickups []inventory.Pickup
		code    string
		named   []string
		message string
		used    []int64 // at Derby and Sheffield, of five each
	}{
		{"at one depot", []inventory.Pickup{at("Derby", 2)}, "OK", nil, "", []int64{2, 0}},
		{"at two", []inventory.Pickup{at("Derby", 5), at("Sheffield", 1)}, "OK", nil, "", []int64{5, 1}},
		{"one depot spelled twice", []inventory.Pickup{at("Derby", 2), at(" DERBY ", 3)}, "OK", nil, "", []int64{5, 0}},
		{"more than there are, in two spellings", []inventory.Pickup{at("Sheffield", 1), at("Derby", 3), at("derby", 3)}, "FailedPrecondition",
			[]string{"pickups[1].origin CONTAINERS"}, `depot "Derby" is short of empty containers: 6 wanted, 5 free`, []int64{0, 0}},
		{"first is short", []inventory.Pickup{at("Derby", 6), at("Sheffield", 1)}, "FailedPrecondition",
			[]string{"pickups[0].origin CONTAINERS"}, "6 wanted, 5 free", []int64{0, 0}},
		{"second is short", []inventory.Pickup{at("Derby", 1), at("Sheffield", 6)}, "FailedPrecondition",
			[]string{"pickups[1].origin CONTAINERS"}, "6 wanted, 5 free", []int64{0, 0}},
		{"both are short", []inventory.Pickup{at("Derby", 6), at("Sheffield", 7)}, "FailedPrecondition",
			[]string{"pickups[0].origin CONTAINERS", "pickups[1].origin CONTAINERS"}, "7 wanted", []int64{0, 0}},
		{"unknown depot", []inventory.Pickup{at("Derby", 1), at("Atlantis", 1)}, "NotFound", []string{"pickups[1].origin "}, `no depot "Atlantis"`, []int64{0, 0}},
		{"two unknown depots", []inventory.Pickup{at("Avalon", 1), at("Derby", 1), at("Atlantis", 1)}, "NotFound",
			[]string{"pickups[0].origin ", "pickups[2].origin "}, `no depot "Avalon"`, []int64{0, 0}},
		{"nothing", nil, "InvalidArgument", []string{"pickups "}, "", []int64{0, 0}},
		{"no containers", []inventory.Pickup{at("Derby", 1), at("Sheffield", 0)}, "InvalidArgument", []string{"pickups[1].containers "}, "", []int64{0, 0}},
		{"no origin", []inventory.Pickup{at("", 1), at("a||b", 1)}, "InvalidArgument", []string{"pickups[0].origin ", "pickups[1].origin "}, "", []int64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard()
			d := y.process(t)
			stock(t, d, 5, "Derby", "Sheffield")
			got := hold(t, d, wanted("c1", c.pickups...))[0]
			if code(got.Err) != c.code || !slices.Equal(named(got.Err), c.named) || got.Err != nil && !strings.Contains(got.Err.Error(), c.message) {
				t.Errorf("Hold = %v of %q, want %s of %q with %q", got.Err, named(got.Err), c.code, c.named, c.message)
			}
			if got.Err == nil && !got.Expires.Equal(noon.Add(2*time.Minute)) {
				t.Errorf("expires %s", got.Expires)
			}
			if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, c.used) {
				t.Errorf("used %v, want %v", used, c.used)
			}
		})
	}
}

// In a batch each has its own answer, and a depot is written once, and once more for what goes back.
func TestHoldBatch(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 5, "Derby", "Sheffield")
	held := hold(t, d, wanted("c1", at("Derby", 2)), wanted("c2", at("Derby", 1), at("Sheffield", 6)), wanted("c3"),
		wanted("c4", at("Atlantis", 1), at("Sheffield", 1)), wanted("c5", at("Derby", 2), at("Sheffield", 5)))
	// c5 is refused because c4 had a container at Sheffield when it came.
	for i, want := range []string{"OK", "FailedPrecondition", "InvalidArgument", "NotFound", "FailedPrecondition"} {
		if code(held[i].Err) != want {
			t.Errorf("c%d: %v, want %s", i+1, held[i].Err, want)
		}
	}
	if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, []int64{2, 0}) {
		t.Errorf("used %v", used)
	}
	if y.applied > 6 { // three depots, there and back
		t.Errorf("%d writes", y.applied)
	}
}

// Asking again holds once, and moves the expiry.
func TestHoldAgain(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 5, "Derby")
	w := wanted("c1", at("Derby", 5))
	hold(t, d, w)
	y.clock.Store(60)
	if got := hold(t, y.process(t), w)[0]; got.Err != nil || !got.Expires.Equal(noon.Add(3*time.Minute)) {
		t.Errorf("again: %+v", got)
	}
	y.clock.Store(150)
	if got := hold(t, d, wanted("c2", at("Derby", 1)))[0]; code(got.Err) != "FailedPrecondition" {
		t.Errorf("while the second hold lasts: %+v", got)
	}
	y.clock.Store(181)
	if got := hold(t, d, wanted("c2", at("Derby", 5)))[0]; got.Err != nil {
		t.Errorf("after it expired: %+v", got)
	}
}

// A depot that cannot be written fails those who want it: what they hold elsewhere goes back.
func TestDepotAway(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 5, "Derby", "Sheffield")
	away := failure.Unavailable(nil, "away")
	y.apply = func(key string, _ []ledger.Step) error {
		if key == inventory.Key("Derby") {
			return away
		}
		return nil
	}
	held := hold(t, d, wanted("c1", at("Derby", 1), at("Sheffield", 1)), wanted("c2", at("Sheffield", 1)))
	if !errors.Is(held[0].Err, away) || held[1].Err != nil {
		t.Errorf("held %+v", held)
	}
	if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, []int64{0, 1}) {
		t.Errorf("used %v", used)
	}
}

// Trouble with the store is told before a refusal, however the depots' answers come in: it is worth
// a retry, and an event must not be taken for handled.
func TestTroubleBeforeRefusal(t *testing.T) {
	t.Parallel()
	for range 50 { // depots are asked side by side
		y := newYard()
		d := y.process(t)
		stock(t, d, 5, "Derby")
		away := errors.New("away")
		y.apply = func(key string, _ []ledger.Step) error {
			if key == inventory.Key("Derby") {
				return away
			}
			return nil
		}
		w := wanted("c1", at("Atlantis", 1), at("Derby", 1))
		if errs := d.Release(t.Context(), []inventory.Freed{freed(true, "c1", w.Pickups...)}); !errors.Is(errs[0], away) {
			t.Fatalf("Release = %v, want what is wrong at Derby", errs)
		}
		if errs := d.Confirm(t.Context(), []inventory.Wanted{w}); !errors.Is(errs[0], away) || len(y.cancelled) != 0 {
			t.Fatalf("Confirm = %v, cancelled %v", errs, y.cancelled)
		}
		if got := hold(t, d, w)[0]; !errors.Is(got.Err, away) {
			t.Fatalf("Hold = %v", got.Err)
		}
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                 string
		confirmed, cancelled bool
		used                 []int64
	}{
		{"held, not booked", false, false, []int64{0, 0}},
		{"held, cancelled", false, true, []int64{0, 0}},
		{"confirmed, not booked", true, false, []int64{2, 1}},
		{"confirmed, cancelled", true, true, []int64{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard()
			d := y.process(t)
			stock(t, d, 5, "Derby", "Sheffield")
			w := wanted("c1", at("Derby", 2), at("Sheffield", 1))
			hold(t, d, w)
			if c.confirmed {
				if errs := d.Confirm(t.Context(), []inventory.Wanted{w}); errs[0] != nil {
					t.Fatal(errs)
				}
			}
			for range 3 { // however often, also where nothing can be held
				errs := d.Release(t.Context(), []inventory.Freed{
					freed(c.cancelled, "c1", w.Pickups...), freed(c.cancelled, "never held", at("Derby", 1)), freed(c.cancelled, "c1", at("Atlantis", 1)),
				})
				if err := errors.Join(errs...); err != nil {
					t.Fatal(err)
				}
				if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, c.used) {
					t.Errorf("used %v, want %v", used, c.used)
				}
			}
			if c.cancelled { // a confirmation that comes late changes nothing
				errs := d.Confirm(t.Context(), []inventory.Wanted{w})
				if used := y.used(t, "Derby", "Sheffield"); errs[0] != nil || !slices.Equal(used, c.used) || len(y.cancelled) != 0 {
					t.Errorf("late: %v, used %v, cancelled %v", errs, used, y.cancelled)
				}
			}
		})
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 5, "Derby", "Sheffield")
	w := wanted("c1", at("Derby", 2), at("derby", 1), at("Sheffield", 1))
	hold(t, d, w)
	for range 3 { // events come more than once
		if errs := d.Confirm(t.Context(), []inventory.Wanted{w}); errs[0] != nil {
			t.Fatal(errs)
		}
	}
	y.clock.Store(1000)
	hold(t, d, wanted("later", at("Derby", 1))) // a write, which gives back what expired
	if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, []int64{4, 1}) {
		t.Errorf("used %v, want 3 and 1 and the later one's", used)
	}
}

// The holds expired before the confirmation came. They are taken again if there are containers,
// else the consignment is cancelled; others in the same batch are not concerned.
func TestConfirmAfterExpiry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		rival     int64
		cancelErr error
		cancelled bool
		err       string
	}{
		{"containers are left", 3, nil, false, "OK"},
		{"containers are gone", 4, nil, true, "OK"},
		{"gone, and it cannot be cancelled now", 4, failure.Unavailable(nil, "away"), true, "Unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard()
			y.cancelErr = c.cancelErr
			d := y.process(t)
			stock(t, d, 5, "Derby", "Sheffield")
			late, rival := wanted("late", at("Derby", 2), at("Sheffield", 1)), wanted("rival", at("Derby", c.rival))
			hold(t, d, late)
			y.clock.Store(121)
			if got := hold(t, d, rival)[0]; got.Err != nil {
				t.Fatal(got.Err)
			}
			errs := d.Confirm(t.Context(), []inventory.Wanted{late, rival})
			if code(errs[0]) != c.err || errs[1] != nil {
				t.Errorf("Confirm = %v, want %s and nothing", errs, c.err)
			}
			if reason, cancelled := y.cancelled["late"]; cancelled != c.cancelled || len(y.cancelled) > 1 || cancelled && reason == "" {
				t.Errorf("cancelled %v, want %t", y.cancelled, c.cancelled)
			}
			if c.cancelled { // its event gives back what it got elsewhere
				if errs := d.Release(t.Context(), []inventory.Freed{freed(true, "late", late.Pickups...)}); errs[0] != nil {
					t.Error(errs)
				}
			}
			want := []int64{c.rival, 0}
			if !c.cancelled {
				want = []int64{5, 1}
			}
			if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, want) {
				t.Errorf("used %v, want %v", used, want)
			}
		})
	}
}

// A depot that was never there has nothing to confirm.
func TestConfirmNowhere(t *testing.T) {
	t.Parallel()
	y := newYard()
	if errs := y.process(t).Confirm(t.Context(), []inventory.Wanted{wanted("c1", at("Atlantis", 1))}); errs[0] != nil || y.cancelled["c1"] == "" {
		t.Errorf("Confirm = %v, cancelled %v", errs, y.cancelled)
	}
}

// Two processes on one store, many callers who each want containers at two depots: no more is held
// than there is, and nobody has half of what they want.
func TestNeverOversold(t *testing.T) {
	t.Parallel()
	y := newYard()
	processes := []*inventory.Depots{y.process(t), y.process(t)}
	stock(t, processes[0], 60, "Derby", "Sheffield")
	stock(t, processes[0], 40, "Manchester")
	var got atomic.Int64
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			origins := []string{"Derby", "Sheffield", "Manchester"}
			first := origins[caller%3]
			second := origins[(caller+1)%3]
			for n := range 10 {
				all := []inventory.Wanted{
					wanted(fmt.Sprintf("c%d.%d.a", caller, n), at(first, 1), at(second, 1)),
					wanted(fmt.Sprintf("c%d.%d.b", caller, n), at(second, 1), at(first, 1)),
				}
				for i, held := range hold(t, processes[caller%2], all...) {
					switch code(held.Err) {
					case "OK":
						got.Add(1)
					case "FailedPrecondition":
					default:
						t.Errorf("%s: %v", all[i].Consignment, held.Err)
					}
				}
			}
		})
	}
	wg.Wait()
	used := y.used(t, "Derby", "Sheffield", "Manchester")
	if used[0] > 60 || used[1] > 60 || used[2] > 40 || used[0]+used[1]+used[2] != 2*got.Load() || got.Load() == 0 {
		t.Errorf("used %v by %d consignments of two containers", used, got.Load())
	}
	// Half a hold would keep the last containers of a depot from everybody.
	for _, w := range []inventory.Wanted{wanted("d", at("Derby", 60-used[0])), wanted("s", at("Sheffield", 60-used[1])), wanted("m", at("Manchester", 40-used[2]))} {
		if w.Pickups[0].Containers > 0 {
			if held := hold(t, processes[0], w); held[0].Err != nil {
				t.Errorf("the rest of %s: %v", w.Pickups[0].Origin, held[0].Err)
			}
		}
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := newYard()
		d := y.process(t)
		stock(t, d, 5, "Derby", "Sheffield", "Manchester")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Sweep(ctx) }()
		time.Sleep(45 * time.Second) // a hold lives two minutes
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Sweep = %v", err)
		}
		for _, origin := range []string{"Derby", "Sheffield", "Manchester"} {
			if !slices.Contains(y.swept, inventory.Key(origin)) {
				t.Errorf("swept %q, never %s", y.swept, origin)
			}
		}
		if len(y.swept) < 6 {
			t.Errorf("swept %q in 45 s, want every depot twice", y.swept)
		}
	})
}
