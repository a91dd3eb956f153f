package vessel_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/vessel/internal/vessel"
)

// lot is three consignments on one hold.
var lot = vessel.Lot{ID: "lot", Amount: amount(4, 400), Consignments: []string{"c1", "c2", "c3"}}

// part is what a consignment of the lot gives back.
func part(consignment string, containers int64) vessel.Freed {
	return vessel.Freed{Consignment: consignment, Cancelled: true, Lot: lot.ID, Part: amount(containers, 100*containers)}
}

// A lot holds, is confirmed and gives back its parts, each once, whatever comes again.
func TestLot(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 5, 500))
	hold(t, f, vessel.Wanted{Consignment: lot.ID, Amount: lot.Amount})
	for range 3 {
		if errs := f.ConfirmLots(t.Context(), "a", []vessel.Lot{lot}); len(errs) != 1 || errs[0] != nil {
			t.Fatal(errs)
		}
		if used := h.used(t, "a"); used != lot.Amount {
			t.Errorf("used %v, want %v", used, lot.Amount)
		}
	}
	for _, c := range []struct {
		freed []vessel.Freed
		used  ledger.Amount
	}{
		{[]vessel.Freed{part("c1", 1)}, amount(3, 300)},
		{[]vessel.Freed{part("c1", 1), part("c2", 2)}, amount(1, 100)},
		{[]vessel.Freed{part("c2", 2), part("c3", 1)}, amount(0, 0)},
		{[]vessel.Freed{part("c1", 1), part("c2", 2), part("c3", 1)}, amount(0, 0)},
	} {
		before := h.applied
		if err := f.Release(t.Context(), "a", c.freed); err != nil || h.used(t, "a") != c.used || h.applied != before+1 {
			t.Errorf("%v: %v, used %v in %d writes; want %v in one", c.freed, err, h.used(t, "a"), h.applied-before, c.used)
		}
	}
	if errs := f.ConfirmLots(t.Context(), "a", []vessel.Lot{lot}); errs[0] != nil || h.used(t, "a") != (ledger.Amount{}) || len(h.cancelled) != 0 {
		t.Errorf("confirmed late: %v, used %v, cancelled %v", errs, h.used(t, "a"), h.cancelled)
	}
}

// A lot whose room is gone is lost for good: all its consignments are cancelled, however often the event has
// to come until they are, and they give back nothing.
func TestLotRefused(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 5, 500))
	hold(t, f, vessel.Wanted{Consignment: lot.ID, Amount: lot.Amount})
	h.clock.Store(121)
	rival := amount(2, 100)
	hold(t, f, vessel.Wanted{Consignment: "rival", Amount: rival})
	lots := []vessel.Lot{lot, {ID: "other", Amount: amount(1, 1), Consignments: []string{"c4"}}}

	h.cancelErr = failure.Unavailable(nil, "away")
	if errs := f.ConfirmLots(t.Context(), "a", lots); code(errs[0]) != "Unavailable" || errs[1] != nil {
		t.Errorf("Confirm = %v, want that the lot cannot be cancelled now", errs)
	}
	if err := f.Release(t.Context(), "a", freed(false, "rival")); err != nil { // room again, too late
		t.Fatal(err)
	}
	h.cancelErr, h.cancelled = nil, make(map[string]string)
	for range 2 {
		if errs := f.ConfirmLots(t.Context(), "a", lots); errs[0] != nil || errs[1] != nil {
			t.Errorf("again: %v", errs)
		}
	}
	if got := slices.Sorted(maps.Keys(h.cancelled)); !slices.Equal(got, lot.Consignments) || !strings.Contains(h.cancelled["c1"], "vessel a") {
		t.Errorf("cancelled %v, want %q", h.cancelled, lot.Consignments)
	}
	if err := f.Release(t.Context(), "a", []vessel.Freed{part("c1", 1), part("c2", 2), part("c3", 1)}); err != nil || h.used(t, "a") != amount(1, 1) {
		t.Errorf("Release = %v, used %v, want what the other lot has", err, h.used(t, "a"))
	}
}

// On a vessel that does not exist there is nothing to confirm, nor to give back.
func TestLotNowhere(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	if errs := f.ConfirmLots(t.Context(), "nowhere", []vessel.Lot{lot}); errs[0] != nil || len(h.cancelled) != len(lot.Consignments) {
		t.Errorf("Confirm = %v, cancelled %v", errs, h.cancelled)
	}
	if err := f.Release(t.Context(), "nowhere", []vessel.Freed{part("c1", 1)}); err != nil {
		t.Errorf("Release = %v", err)
	}
}

// A cancellation may overtake the lot, and even come after the hold expired: what it gives back is
// missing from what the lot gets, and the lot then fits where it would not have as a whole.
func TestPartBeforeLot(t *testing.T) {
	t.Parallel()
	for _, expired := range []bool{false, true} {
		t.Run(fmt.Sprintf("expired: %v", expired), func(t *testing.T) {
			t.Parallel()
			h := newHarbour()
			f := h.fleet(t)
			join(t, f, ship("a", 5, 500))
			hold(t, f, vessel.Wanted{Consignment: lot.ID, Amount: lot.Amount})
			if expired {
				h.clock.Store(121)
			}
			if err := f.Release(t.Context(), "a", []vessel.Freed{part("c2", 2)}); err != nil {
				t.Fatal(err)
			}
			h.clock.Store(1000) // a hold would be gone by now
			if got := hold(t, f, vessel.Wanted{Consignment: "rival", Amount: amount(3, 300)})[0]; got.Err != nil {
				t.Fatal(got.Err)
			}
			if errs := f.ConfirmLots(t.Context(), "a", []vessel.Lot{lot}); errs[0] != nil || h.used(t, "a") != amount(5, 500) || len(h.cancelled) != 0 {
				t.Errorf("Confirm = %v, used %v, cancelled %v", errs, h.used(t, "a"), h.cancelled)
			}
		})
	}
}
