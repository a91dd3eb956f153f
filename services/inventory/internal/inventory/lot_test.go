package inventory_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/inventory/internal/inventory"
)

// lot is two consignments on one hold a depot: the first has two containers at Derby, the second one at Derby
// and two at Sheffield.
var (
	lot = inventory.Lot{
		ID: "lot", Consignments: []string{"c1", "c2"}, Pickups: []inventory.Pickup{at("Derby", 3), at("Sheffield", 2)},
	}
	first  = inventory.Freed{Consignment: "c1", Cancelled: true, Lot: "lot", Pickups: []inventory.Pickup{at("Derby", 1), at("derby", 1)}}
	second = inventory.Freed{Consignment: "c2", Cancelled: true, Lot: "lot", Pickups: []inventory.Pickup{at("Derby", 1), at("Sheffield", 2)}}
)

// A lot holds, is confirmed and gives back its parts, each once, whatever comes again.
func TestLot(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 5, "Derby", "Sheffield")
	hold(t, d, wanted(lot.ID, lot.Pickups...))
	for range 3 {
		if errs := d.ConfirmLots(t.Context(), []inventory.Lot{lot}); len(errs) != 1 || errs[0] != nil {
			t.Fatal(errs)
		}
		if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, []int64{3, 2}) {
			t.Errorf("used %v", used)
		}
	}
	for _, c := range []struct {
		freed  []inventory.Freed
		used   []int64
		writes int
	}{
		{[]inventory.Freed{second}, []int64{2, 0}, 2},
		{[]inventory.Freed{second, first}, []int64{0, 0}, 2},
		{[]inventory.Freed{first}, []int64{0, 0}, 1},
	} {
		before := y.applied
		errs := d.Release(t.Context(), c.freed)
		if used := y.used(t, "Derby", "Sheffield"); errors.Join(errs...) != nil || !slices.Equal(used, c.used) || y.applied != before+c.writes {
			t.Errorf("%v: %v, used %v in %d writes; want %v in %d", c.freed, errs, used, y.applied-before, c.used, c.writes)
		}
	}
	errs := d.ConfirmLots(t.Context(), []inventory.Lot{lot})
	if used := y.used(t, "Derby", "Sheffield"); errs[0] != nil || !slices.Equal(used, []int64{0, 0}) || len(y.cancelled) != 0 {
		t.Errorf("confirmed late: %v, used %v, cancelled %v", errs, used, y.cancelled)
	}
}

// A lot that is refused at one depot is lost there for good, and all its consignments are cancelled. Whatever
// order their events come in, what it has at other depots comes back, and nothing else does.
func TestLotRefused(t *testing.T) {
	t.Parallel()
	all := []inventory.Freed{first, second}
	for name, before := range map[string][]inventory.Freed{
		"cancelled after it": nil, "one cancelled before": {second}, "all cancelled before": all,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYard()
			d := y.process(t)
			stock(t, d, 5, "Derby", "Sheffield")
			hold(t, d, wanted(lot.ID, lot.Pickups...))
			y.clock.Store(121)
			hold(t, d, wanted("rival", at("Derby", 5), at("Sheffield", 1)))
			if err := errors.Join(d.Release(t.Context(), before)...); err != nil {
				t.Fatal(err)
			}
			if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, []int64{5, 1}) {
				t.Errorf("used %v before it was confirmed", used)
			}
			y.cancelErr = failure.Unavailable(nil, "away")
			errs := d.ConfirmLots(t.Context(), []inventory.Lot{lot})
			lost := len(before) < len(all) // else nothing of it was left to be refused
			if (code(errs[0]) == "Unavailable") != lost {
				t.Errorf("Confirm = %v, want that it cannot be cancelled now: %v", errs, lost)
			}
			y.cancelErr = nil
			if errs := d.ConfirmLots(t.Context(), []inventory.Lot{lot}); errs[0] != nil {
				t.Errorf("again: %v", errs)
			}
			if got := slices.Sorted(maps.Keys(y.cancelled)); lost && (!slices.Equal(got, lot.Consignments) || y.cancelled["c1"] == "") {
				t.Errorf("cancelled %v, want %q", y.cancelled, lot.Consignments)
			}
			if err := errors.Join(d.Release(t.Context(), all)...); err != nil {
				t.Error(err)
			}
			if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, []int64{5, 1}) {
				t.Errorf("used %v in the end, want what the rival has", used)
			}
		})
	}
}

// Trouble at one depot is told before a refusal at another: the event comes again, is refused again,
// and only then the consignments are cancelled.
func TestLotTroubleBeforeRefusal(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 5, "Derby", "Sheffield")
	hold(t, d, wanted("rival", at("Derby", 5)))
	away := errors.New("away")
	y.apply = func(key string, _ []ledger.Step) error {
		if key == inventory.Key("Sheffield") {
			return away
		}
		return nil
	}
	if errs := d.ConfirmLots(t.Context(), []inventory.Lot{lot}); !errors.Is(errs[0], away) || len(y.cancelled) != 0 {
		t.Errorf("Confirm = %v, cancelled %v", errs, y.cancelled)
	}
	y.apply = nil
	if errs := d.Release(t.Context(), []inventory.Freed{freed(false, "rival", at("Derby", 5))}); errs[0] != nil { // room again, too late
		t.Fatal(errs)
	}
	if errs := d.ConfirmLots(t.Context(), []inventory.Lot{lot}); errs[0] != nil || len(y.cancelled) != 2 {
		t.Errorf("Confirm = %v, cancelled %v", errs, y.cancelled)
	}
	if errs := d.Release(t.Context(), []inventory.Freed{first, second}); errors.Join(errs...) != nil {
		t.Error(errs)
	}
	if used := y.used(t, "Derby", "Sheffield"); !slices.Equal(used, []int64{0, 0}) {
		t.Errorf("used %v", used)
	}
}
