package vessel_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/vessel/internal/vessel"
)

func hold(t *testing.T, f *vessel.Fleet, wanted ...vessel.Wanted) []vessel.Held {
	t.Helper()
	held := f.Hold(t.Context(), wanted)
	if len(held) != len(wanted) {
		t.Fatalf("%d answers to %d", len(held), len(wanted))
	}
	return held
}

// The best fit is the vessel with the least room left that still takes the freight: both its
// containers and its weight.
func TestBestFit(t *testing.T) {
	t.Parallel()
	away := ship("away", 1, 100)
	away.Available = false
	for _, c := range []struct {
		name   string
		fleet  []vessel.Vessel
		amount ledger.Amount
		want   string
	}{
		{"the only one", []vessel.Vessel{ship("a", 500, 200000)}, amount(3, 55000), "a"},
		{"exactly full", []vessel.Vessel{ship("a", 3, 55000)}, amount(3, 55000), "a"},
		{"fewest containers left", []vessel.Vessel{ship("a", 9, 100), ship("b", 5, 100), ship("c", 7, 100)}, amount(4, 50), "b"},
		{"too few containers", []vessel.Vessel{ship("a", 9, 100), ship("b", 5, 100), ship("c", 7, 100)}, amount(6, 50), "c"},
		{"too little weight", []vessel.Vessel{ship("a", 9, 100), ship("b", 5, 10), ship("c", 7, 49)}, amount(4, 50), "a"},
		{"equal containers: least weight left", []vessel.Vessel{ship("a", 5, 90), ship("b", 5, 60), ship("c", 5, 70)}, amount(4, 50), "b"},
		{"equal room: by id", []vessel.Vessel{ship("c", 5, 90), ship("a", 5, 90), ship("b", 5, 90)}, amount(4, 50), "a"},
		{"not the unavailable one", []vessel.Vessel{away, ship("b", 9, 900)}, amount(1, 100), "b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHarbour()
			f := h.fleet(t)
			join(t, f, c.fleet...)
			if found, err := f.Find(t.Context(), c.amount); err != nil || found.ID != c.want {
				t.Errorf("Find = %s, %v; want %s", found.ID, err, c.want)
			}
			if used := h.used(t, c.want); used != (ledger.Amount{}) {
				t.Errorf("Find held %v", used)
			}
			got := hold(t, f, vessel.Wanted{Consignment: "c1", Amount: c.amount})[0]
			if got.Err != nil || got.Vessel != c.want || !got.Expires.Equal(noon.Add(2*time.Minute)) {
				t.Errorf("held %+v, want on %s", got, c.want)
			}
			if used := h.used(t, c.want); used != c.amount {
				t.Errorf("used %v, want %v", used, c.amount)
			}
		})
	}
}

func TestNoneFits(t *testing.T) {
	t.Parallel()
	away := ship("away", 900, 90000)
	away.Available = false
	fleet := []vessel.Vessel{ship("a", 5, 1000), ship("b", 50, 100), away}
	for _, c := range []struct {
		name    string
		fleet   []vessel.Vessel
		amount  ledger.Amount
		wished  string
		code    string
		short   []string
		message []string // parts of it
	}{
		{"too many containers", fleet, amount(51, 10), "", "FailedPrecondition", []string{"containers CAPACITY"}, []string{"51", "50"}},
		{"too heavy", fleet, amount(1, 1001), "", "FailedPrecondition", []string{"weight WEIGHT"}, []string{"1001 kg", "1000 kg"}},
		{"both", fleet, amount(51, 1001), "", "FailedPrecondition", []string{"containers CAPACITY", "weight WEIGHT"}, []string{"50", "1000 kg"}},
		{"not together", fleet, amount(6, 101), "", "FailedPrecondition", []string{"containers CAPACITY"}, []string{"6 containers and 101 kg together"}},
		{"no vessels", nil, amount(1, 1), "", "FailedPrecondition", []string{"containers CAPACITY"}, []string{"no vessel takes freight"}},
		{"none available", []vessel.Vessel{away}, amount(1, 1), "", "FailedPrecondition", []string{"containers CAPACITY"}, []string{"no vessel takes freight"}},
		{"wished: too many containers", fleet, amount(6, 10), "a", "FailedPrecondition", []string{"containers CAPACITY"}, []string{"vessel a", "5", "6"}},
		{"wished: too heavy", fleet, amount(1, 101), "b", "FailedPrecondition", []string{"weight WEIGHT"}, []string{"vessel b", "100 kg", "101 kg"}},
		{"wished: both", fleet, amount(51, 101), "b", "FailedPrecondition", []string{"containers CAPACITY", "weight WEIGHT"}, []string{"vessel b"}},
		{"wished: unavailable", fleet, amount(1, 1), "away", "FailedPrecondition", []string{"vessel_id CAPACITY"}, []string{"vessel away"}},
		{"wished: unknown", fleet, amount(1, 1), "titanic", "NotFound", []string{"vessel_id "}, []string{"titanic"}},
		{"no containers", fleet, amount(0, 1), "", "InvalidArgument", []string{"containers "}, nil},
		{"no weight", fleet, amount(1, 0), "", "InvalidArgument", []string{"weight "}, nil},
		{"less than nothing", fleet, amount(-1, -1), "a", "InvalidArgument", []string{"containers ", "weight "}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHarbour()
			f := h.fleet(t)
			join(t, f, c.fleet...)
			check := func(do string, err error) {
				if code(err) != c.code || !slices.Equal(short(err), c.short) {
					t.Errorf("%s = %v: %s of %q, want %s of %q", do, err, code(err), short(err), c.code, c.short)
				}
				for _, part := range c.message {
					if err != nil && !strings.Contains(err.Error(), part) {
						t.Errorf("%s = %v, which does not tell %q", do, err, part)
					}
				}
			}
			check("Hold", hold(t, f, vessel.Wanted{Consignment: "c1", Amount: c.amount, Wished: c.wished})[0].Err)
			if c.wished == "" {
				_, err := f.Find(t.Context(), c.amount)
				check("Find", err)
			}
			for _, v := range c.fleet {
				if used := h.used(t, v.ID); used != (ledger.Amount{}) {
					t.Errorf("%s: used %v after a refusal", v.ID, used)
				}
			}
		})
	}
}

// A wished vessel is taken although another fits better; and it is full for the next.
func TestWishedVessel(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 5, 500), ship("b", 1, 100))
	held := hold(t, f,
		vessel.Wanted{Consignment: "c1", Amount: amount(4, 100), Wished: "a"},
		vessel.Wanted{Consignment: "c2", Amount: amount(2, 100), Wished: "a"}, // one left
		vessel.Wanted{Consignment: "c3", Amount: amount(1, 100), Wished: "a"},
		vessel.Wanted{Consignment: "c4", Amount: amount(1, 100)},
	)
	for i, want := range []string{"a", "", "a", "b"} {
		if held[i].Vessel != want || (held[i].Err == nil) != (want != "") {
			t.Errorf("c%d: %+v, want on %q", i+1, held[i], want)
		}
	}
	if used := h.used(t, "a"); used != amount(5, 200) {
		t.Errorf("a: used %v", used)
	}
}

// A batch is one write a vessel, each item has its own answer, and those that one vessel has no
// room for go to the next.
func TestHoldBatch(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 10, 1000), ship("b", 20, 1000))
	var wanted []vessel.Wanted
	for i := range 40 {
		wanted = append(wanted, vessel.Wanted{Consignment: fmt.Sprintf("c%d", i), Amount: amount(1, 1)})
	}
	wanted[7].Amount.Weight = 0
	h.applied = 0
	on := make(map[string]int)
	for i, held := range hold(t, f, wanted...) {
		on[held.Vessel]++
		if want := map[bool]string{true: "InvalidArgument", false: "FailedPrecondition"}[i == 7]; held.Err != nil && code(held.Err) != want {
			t.Errorf("c%d: %v, want %s", i, held.Err, want)
		}
	}
	if want := map[string]int{"a": 10, "b": 20, "": 10}; !maps.Equal(on, want) {
		t.Errorf("held %v, want %v", on, want)
	}
	if h.applied != 2 {
		t.Errorf("%d writes for two vessels", h.applied)
	}
}

// What one process remembers may be out of date: the vessel decides.
func TestStaleMemory(t *testing.T) {
	t.Parallel()
	t.Run("full by now", func(t *testing.T) {
		t.Parallel()
		h := newHarbour()
		one, two := h.fleet(t), h.fleet(t)
		join(t, one, ship("a", 5, 500), ship("b", 6, 600))
		if _, err := two.Find(t.Context(), amount(1, 1)); err != nil { // now two knows the fleet
			t.Fatal(err)
		}
		hold(t, one, vessel.Wanted{Consignment: "c1", Amount: amount(5, 500)})
		if got := hold(t, two, vessel.Wanted{Consignment: "c2", Amount: amount(5, 500)})[0]; got.Vessel != "b" {
			t.Errorf("got %+v, want on b: a is full", got)
		}
	})
	t.Run("free by now", func(t *testing.T) {
		t.Parallel()
		h := newHarbour()
		one, two := h.fleet(t), h.fleet(t)
		join(t, one, ship("a", 5, 500))
		hold(t, one, vessel.Wanted{Consignment: "c1", Amount: amount(5, 500)})
		if got := hold(t, two, vessel.Wanted{Consignment: "c2", Amount: amount(5, 500)})[0]; code(got.Err) != "FailedPrecondition" {
			t.Errorf("got %+v, and a is full", got)
		}
		if err := one.Release(t.Context(), "a", freed(false, "c1")); err != nil {
			t.Fatal(err)
		}
		if got := hold(t, two, vessel.Wanted{Consignment: "c3", Amount: amount(5, 500)})[0]; got.Vessel != "a" {
			t.Errorf("got %+v, and a is free", got)
		}
	})
	t.Run("joined by now", func(t *testing.T) {
		t.Parallel()
		h := newHarbour()
		one, two := h.fleet(t), h.fleet(t)
		join(t, one, ship("a", 5, 500))
		hold(t, two, vessel.Wanted{Consignment: "c1", Amount: amount(5, 500)})
		join(t, one, ship("b", 5, 500))
		if got := hold(t, two, vessel.Wanted{Consignment: "c2", Amount: amount(5, 500), Wished: "b"})[0]; got.Vessel != "b" {
			t.Errorf("got %+v, and b is there", got)
		}
	})
	t.Run("hold expired by now", func(t *testing.T) {
		t.Parallel()
		h := newHarbour()
		f := h.fleet(t)
		join(t, f, ship("a", 5, 500))
		hold(t, f, vessel.Wanted{Consignment: "c1", Amount: amount(5, 500)})
		h.clock.Store(121)
		if got := hold(t, f, vessel.Wanted{Consignment: "c2", Amount: amount(5, 500)})[0]; got.Vessel != "a" {
			t.Errorf("got %+v, and the hold on a expired", got)
		}
	})
}

// The same consignment holds once, however often it asks, even where its own hold fills the vessel.
func TestHoldAgain(t *testing.T) {
	t.Parallel()
	for _, wished := range []string{"", "a"} {
		h := newHarbour()
		f, other := h.fleet(t), h.fleet(t)
		join(t, f, ship("a", 5, 500))
		w := vessel.Wanted{Consignment: "c1", Amount: amount(5, 500), Wished: wished}
		hold(t, f, w)
		h.clock.Store(60)
		for _, f := range []*vessel.Fleet{f, other} {
			if got := hold(t, f, w)[0]; got.Vessel != "a" || !got.Expires.Equal(noon.Add(3*time.Minute)) {
				t.Errorf("wished %q: again: %+v", wished, got)
			}
		}
		if used := h.used(t, "a"); used != amount(5, 500) {
			t.Errorf("wished %q: used %v", wished, used)
		}
		// Another amount is another attempt: it must fit.
		w.Amount.Containers = 6
		if got := hold(t, f, w)[0]; code(got.Err) != "FailedPrecondition" {
			t.Errorf("wished %q: more than there is: %+v", wished, got)
		}
	}
}

// A vessel that cannot be written fails those placed on it, and nobody else.
func TestHoldFails(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	f := h.fleet(t)
	join(t, f, ship("a", 5, 500), ship("b", 5, 500))
	away := failure.Unavailable(nil, "away")
	h.apply = func(id string, _ []ledger.Step) error {
		if id == "a" {
			return away
		}
		return nil
	}
	held := hold(t, f, vessel.Wanted{Consignment: "c1", Amount: amount(1, 1), Wished: "a"}, vessel.Wanted{Consignment: "c2", Amount: amount(1, 1), Wished: "b"})
	if !errors.Is(held[0].Err, away) || held[1].Vessel != "b" {
		t.Errorf("held %+v", held)
	}
}

// Two processes on one store, many callers: as much is held as fits, not more, and all that is
// refused is refused for want of room.
func TestNeverOversold(t *testing.T) {
	t.Parallel()
	h := newHarbour()
	fleets := []*vessel.Fleet{h.fleet(t), h.fleet(t)}
	join(t, fleets[0], ship("a", 50, 5000), ship("b", 70, 3500), ship("c", 30, 9000)) // b is short of weight
	const callers, each = 16, 20
	var mu sync.Mutex
	got := make(map[string]ledger.Amount)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for n := 0; n < each; {
				var wanted []vessel.Wanted
				for range rand.N(4) + 1 {
					w := vessel.Wanted{Consignment: fmt.Sprintf("c%d.%d", caller, n), Amount: amount(1, 100)}
					if n%5 == 0 {
						w.Wished = "b"
					}
					wanted, n = append(wanted, w), n+1
				}
				for i, held := range hold(t, fleets[caller%2], wanted...) {
					switch {
					case held.Err == nil:
						mu.Lock()
						sum := got[held.Vessel]
						got[held.Vessel] = amount(sum.Containers+1, sum.Weight+100)
						mu.Unlock()
					case code(held.Err) != "FailedPrecondition":
						t.Errorf("%s: %v", wanted[i].Consignment, held.Err)
					}
				}
			}
		})
	}
	wg.Wait()
	want := map[string]ledger.Amount{"a": amount(50, 5000), "b": amount(35, 3500), "c": amount(30, 3000)}
	if !maps.Equal(got, want) {
		t.Errorf("held %v, fits %v", got, want)
	}
	for id, sum := range want {
		if used := h.used(t, id); used != sum {
			t.Errorf("%s: used %v, want %v", id, used, sum)
		}
	}
}
