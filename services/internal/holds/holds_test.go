package holds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/holds"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// hull is a thing with room.
type hull struct {
	Name  string        `json:"name"`
	Room  ledger.Amount `json:"room"`
	Books ledger.Ledger `json:"books"`
}

func (h *hull) Exists() bool           { return h.Name != "" }
func (h *hull) Ledger() *ledger.Ledger { return &h.Books }
func (h *hull) Limit() ledger.Amount   { return h.Room }

type keeper = holds.Keeper[hull, *hull]

const (
	ttl     = 10 * time.Second // of holds
	settled = time.Second      // after which a keeper has written what it put off
)

// keep returns the keeper of one more replica.
func keep(s *sidecar.Sidecar) *keeper {
	return holds.NewKeeper[hull](s.State(sidecartest.StateStore), "hull", time.Now, slog.New(slog.DiscardHandler))
}

// launch puts a hull with room for ten into the store.
func launch(t *testing.T, fake *sidecartest.Fake) {
	t.Helper()
	data, err := json.Marshal(hull{Name: "x", Room: ledger.Amount{Containers: 10, Weight: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	fake.Set("hull/x", data)
}

func amount(containers int64) ledger.Amount {
	return ledger.Amount{Containers: containers, Weight: 10 * containers}
}

func hold(id string, containers int64) ledger.Step {
	return ledger.Step{Do: ledger.Hold, ID: id, Amount: amount(containers), Expires: time.Now().Add(ttl)}
}
func confirm(id string, containers int64) ledger.Step {
	return ledger.Step{Do: ledger.Confirm, ID: id, Amount: amount(containers)}
}
func release(id string) ledger.Step { return ledger.Step{Do: ledger.Release, ID: id} }
func abandon(id string) ledger.Step { return ledger.Step{Do: ledger.Abandon, ID: id} }

// parts is how many containers each part of each lot has. Lot v is larger than the hull.
var parts = map[string]map[string]int64{
	"u": {"u.1": 1, "u.2": 2, "u.3": 2},
	"v": {"v.1": 5, "v.2": 6},
}

// whole is how many containers a lot has.
func whole(lot string) (containers int64) {
	for _, n := range parts[lot] {
		containers += n
	}
	return containers
}

func confirmLot(lot string) ledger.Step {
	return ledger.Step{Do: ledger.ConfirmLot, ID: lot, Amount: amount(whole(lot))}
}

// giveBack returns a part of a lot, both by the part's name.
func giveBack(part string) ledger.Step {
	lot := part[:1]
	return ledger.Step{Do: ledger.Return, ID: part, Lot: lot, Amount: amount(parts[lot][part])}
}

// stored is the books as they are in the store: the hull's, and the rows.
type stored struct {
	used      ledger.Amount
	entries   map[string]ledger.Entry
	confirmed map[string]ledger.Amount
	released  map[string]bool
}

func read(t *testing.T, fake *sidecartest.Fake) stored {
	t.Helper()
	var h hull
	if err := json.Unmarshal(fake.Value("hull/x"), &h); err != nil {
		t.Fatal(err)
	}
	s := stored{h.Books.Used, h.Books.Entries, make(map[string]ledger.Amount), make(map[string]bool)}
	for _, key := range fake.Keys("confirmed/x/") {
		var a ledger.Amount
		if err := json.Unmarshal(fake.Value(key), &a); err != nil {
			t.Fatal(err)
		}
		s.confirmed[strings.TrimPrefix(key, "confirmed/x/")] = a
	}
	for _, key := range fake.Keys("released/x/") {
		s.released[strings.TrimPrefix(key, "released/x/")] = true
	}
	return s
}

// check demands that what is used is what is promised, by the hull's entries and by the rows, and
// no more than there is.
func (s stored) check(t *testing.T, when string) {
	t.Helper()
	var used ledger.Amount
	add := func(a ledger.Amount) {
		used = ledger.Amount{Containers: used.Containers + a.Containers, Weight: used.Weight + a.Weight}
	}
	for _, e := range s.entries {
		add(e.Amount)
	}
	for id, a := range s.confirmed {
		if s.isConfirmed(id) && s.entries[id].Phase != ledger.Confirmed {
			add(a)
		}
	}
	for lot := range parts {
		var returned int64
		for part, n := range parts[lot] {
			if s.released[part] || s.entries[part].Phase == ledger.Released {
				returned += n
			}
		}
		if s.isConfirmed(lot) {
			add(amount(-returned))
		}
		if e := s.entries[lot]; e.Phase == ledger.Awaited && e.Returned != amount(returned) {
			t.Errorf("%s: lot %s knows of %+v that were returned, the parts of %d", when, lot, e.Returned, returned)
		}
	}
	if s.used != used {
		t.Errorf("%s: used is %+v, promised is %+v: %+v", when, s.used, used, s)
	}
	if s.used.Containers < 0 || s.used.Containers > 10 || s.used.Weight < 0 {
		t.Errorf("%s: used is %+v", when, s.used)
	}
}

func (s stored) isConfirmed(id string) bool {
	_, row := s.confirmed[id]
	phase := s.entries[id].Phase
	return phase == ledger.Confirmed || row && !s.released[id] && phase != ledger.Released
}

func TestApply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := sidecartest.New()
		launch(t, fake)
		k := keep(fake.Sidecar(t))
		thing, errs, err := k.Apply(t.Context(), "x", []ledger.Step{hold("a", 6), hold("b", 6), hold("c", 4), abandon("c"), hold("d", 3)})
		if err != nil || errs[0] != nil || errs[2] != nil || errs[3] != nil || errs[4] != nil {
			t.Fatalf("Apply = %v, %v", errs, err)
		}
		if e, ok := errors.AsType[*failure.Error](errs[1]); !ok || !e.IsShort() {
			t.Errorf("the hold that does not fit: %v", errs[1])
		}
		if got := slices.Sorted(maps.Keys(thing.Books.Entries)); !slices.Equal(got, []string{"a", "d"}) {
			t.Errorf("returned with the holds of %q", got)
		}
		if puts := fake.Count(sidecartest.Put); puts != 1 {
			t.Errorf("%d writes for five steps", puts)
		}
		read(t, fake).check(t, "after holds")

		if _, errs, err := k.Apply(t.Context(), "x", []ledger.Step{confirm("a", 6), release("d"), confirm("e", 5)}); err != nil || errs[0] != nil || errs[1] != nil || errs[2] == nil {
			t.Fatalf("Apply = %v, %v; want e refused", errs, err)
		}
		read(t, fake).check(t, "after finals")
		time.Sleep(settled)
		s := read(t, fake)
		s.check(t, "after settling")
		if want := map[string]ledger.Amount{"a": amount(6)}; !maps.Equal(s.confirmed, want) || !maps.Equal(s.released, map[string]bool{"d": true}) {
			t.Errorf("rows: confirmed %v, released %v", s.confirmed, s.released)
		}
		// The next change has the hull forget what has a row: it is bounded by what is in flight.
		if _, _, err := k.Apply(t.Context(), "x", []ledger.Step{hold("f", 1)}); err != nil {
			t.Fatal(err)
		}
		s = read(t, fake)
		s.check(t, "after forgetting")
		if got := slices.Sorted(maps.Keys(s.entries)); !slices.Equal(got, []string{"f"}) || s.used != amount(7) {
			t.Errorf("entries of %q, used %+v; want f only, and 7", got, s.used)
		}
	})
}

func TestUnknownThing(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	k := keep(fake.Sidecar(t))
	for name, steps := range map[string][]ledger.Step{"hold": {hold("a", 1)}, "final": {confirm("a", 1), release("b")}} {
		_, errs, err := k.Apply(t.Context(), "none", steps)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, err := range errs {
			if !errors.Is(err, ledger.ErrMissing) {
				t.Errorf("%s: %v, want ErrMissing", name, err)
			}
		}
	}
	if keys := fake.Keys(""); len(keys) != 0 {
		t.Errorf("something was written: %q", keys)
	}
}

// What is final is final, whichever replica is asked, however often and however late.
func TestRepeatedSteps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		steps []ledger.Step
		used  int64
	}{
		{"confirmed twice", []ledger.Step{hold("a", 4), confirm("a", 4), confirm("a", 4)}, 4},
		{"confirmed without a hold", []ledger.Step{confirm("a", 4), confirm("a", 4)}, 4},
		{"released twice", []ledger.Step{hold("a", 4), confirm("a", 4), release("a"), release("a")}, 0},
		{"released before it was confirmed", []ledger.Step{hold("a", 4), release("a"), confirm("a", 4), confirm("a", 4)}, 0},
		{"held late, confirmed again", []ledger.Step{hold("a", 4), confirm("a", 4), hold("a", 4), confirm("a", 4)}, 4},
		{"held late, abandoned", []ledger.Step{hold("a", 4), confirm("a", 4), hold("a", 4), abandon("a")}, 4},
		{"held late, released", []ledger.Step{hold("a", 4), confirm("a", 4), hold("a", 4), release("a")}, 0},
		{"held after its release, released again", []ledger.Step{release("a"), hold("a", 4), release("a")}, 0},
		{"held after its release, confirmed", []ledger.Step{release("a"), hold("a", 4), confirm("a", 4)}, 0},
		{"lot returned in part, twice", []ledger.Step{hold("u", 5), confirmLot("u"), giveBack("u.1"), giveBack("u.2"), giveBack("u.1")}, 2},
		{"lot returned in part before it was confirmed", []ledger.Step{hold("u", 5), giveBack("u.1"), confirmLot("u"), giveBack("u.1")}, 4},
		{"lot returned in part before it was known", []ledger.Step{giveBack("u.1"), giveBack("u.2"), hold("u", 5), confirmLot("u"), giveBack("u.1")}, 2},
		{"lot returned, held late, confirmed again", []ledger.Step{confirmLot("u"), giveBack("u.1"), hold("u", 5), giveBack("u.2"), confirmLot("u")}, 2},
		{"lot refused, returned, confirmed again", []ledger.Step{confirmLot("v"), giveBack("v.1"), confirmLot("v"), giveBack("v.2")}, 0},
		{"lot that fits when others are gone, refused before", []ledger.Step{hold("a", 6), confirmLot("u"), release("a"), confirmLot("u")}, 0},
	} {
		for _, wait := range []time.Duration{0, settled} { // before and after the rows are written
			t.Run(fmt.Sprintf("%s, after %v", c.name, wait), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					fake := sidecartest.New()
					launch(t, fake)
					replicas := []*keeper{keep(fake.Sidecar(t)), keep(fake.Sidecar(t))}
					for i, step := range c.steps {
						step.Expires = time.Now().Add(ttl)
						if _, _, err := replicas[i%2].Apply(t.Context(), "x", []ledger.Step{step}); err != nil {
							t.Fatal(err)
						}
						time.Sleep(wait)
						read(t, fake).check(t, fmt.Sprintf("after step %d", i))
					}
					time.Sleep(ttl)
					for _, k := range replicas {
						if err := k.Sweep(t.Context(), []string{"x"}); err != nil {
							t.Fatal(err)
						}
					}
					s := read(t, fake)
					s.check(t, "in the end")
					if s.used != amount(c.used) || len(s.entries) != 0 {
						t.Errorf("used is %+v, want %+v; entries %v, want none", s.used, amount(c.used), s.entries)
					}
				})
			})
		}
	}
}

func TestSweepGivesBackWhatExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := sidecartest.New()
		launch(t, fake)
		k := keep(fake.Sidecar(t))
		if _, _, err := k.Apply(t.Context(), "x", []ledger.Step{hold("a", 4)}); err != nil {
			t.Fatal(err)
		}
		writes := fake.Count(sidecartest.Put)
		if err := k.Sweep(t.Context(), []string{"x", "none"}); err != nil || fake.Count(sidecartest.Put) != writes {
			t.Errorf("a sweep with nothing to do: %v, %d writes", err, fake.Count(sidecartest.Put)-writes)
		}
		time.Sleep(ttl + time.Second)
		if err := k.Sweep(t.Context(), []string{"x", "none"}); err != nil {
			t.Fatal(err)
		}
		if s := read(t, fake); s.used != (ledger.Amount{}) || len(s.entries) != 0 {
			t.Errorf("after its expiry: %+v", s)
		}
	})
}

// Rows are written together with others, and at once when there are many.
func TestRowsShareTransactions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 70
		fake := sidecartest.New()
		data, err := json.Marshal(hull{Name: "x", Room: ledger.Amount{Containers: n, Weight: ledger.NoWeight}})
		if err != nil {
			t.Fatal(err)
		}
		fake.Set("hull/x", data)
		k := keep(fake.Sidecar(t))
		for i := range n {
			if _, _, err := k.Apply(t.Context(), "x", []ledger.Step{confirm(fmt.Sprintf("c%02d", i), 1)}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if rows := len(fake.Keys("confirmed/x/")); rows < 64 {
			t.Errorf("%d rows are written of %d, before any time has passed", rows, n)
		}
		time.Sleep(settled)
		if rows, transactions := len(fake.Keys("confirmed/x/")), fake.Count(sidecartest.Transact); rows != n || transactions > 8 {
			t.Errorf("%d rows in %d transactions, want %d in a few", rows, transactions, n)
		}
	})
}

// A replica that knows rows to be written must not forget what became final since.
func TestForgetsOnlyWhatTheRowSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := sidecartest.New()
		launch(t, fake)
		a, b := keep(fake.Sidecar(t)), keep(fake.Sidecar(t))
		ctx := t.Context()
		apply := func(k *keeper, steps ...ledger.Step) {
			t.Helper()
			if _, _, err := k.Apply(ctx, "x", steps); err != nil {
				t.Fatal(err)
			}
		}
		apply(a, confirm("c", 4))
		time.Sleep(settled) // a knows the row "confirmed"
		apply(b, release("c"))
		apply(a, hold("d", 1))
		s := read(t, fake)
		s.check(t, "after a's next change")
		if s.entries["c"].Phase != ledger.Released && !s.released["c"] {
			t.Errorf("the release is neither in the hull nor in a row: %+v", s)
		}
		apply(a, confirm("c", 4)) // an event that comes late
		time.Sleep(settled)
		s = read(t, fake)
		s.check(t, "in the end")
		if s.used != amount(1) {
			t.Errorf("used is %+v, want only the hold", s.used)
		}
	})
}

// The parts of a lot that are returned together are one write, and each row is read once.
func TestReturnsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 500
		fake := sidecartest.New()
		data, err := json.Marshal(hull{Name: "x", Room: amount(n)})
		if err != nil {
			t.Fatal(err)
		}
		fake.Set("hull/x", data)
		k := keep(fake.Sidecar(t))
		apply := func(steps ...ledger.Step) stored {
			t.Helper()
			if _, errs, err := k.Apply(t.Context(), "x", steps); errors.Join(append(errs, err)...) != nil {
				t.Fatal(errs, err)
			}
			return read(t, fake)
		}
		apply(ledger.Step{Do: ledger.ConfirmLot, ID: "lot", Amount: amount(n)})
		time.Sleep(settled)
		steps := make([]ledger.Step, n)
		for i := range steps {
			steps[i] = ledger.Step{Do: ledger.Return, ID: fmt.Sprintf("part%d", i), Lot: "lot", Amount: amount(1)}
		}
		var asked []int // how many keys, each time
		fake.Inject(sidecartest.Fault{Op: sidecartest.GetMany, Before: func(_ context.Context, call sidecartest.Call) error {
			asked = append(asked, len(call.Keys))
			return nil
		}})
		puts := fake.Count(sidecartest.Put)
		if s := apply(steps...); s.used != (ledger.Amount{}) {
			t.Errorf("%+v is in use after all was returned", s.used)
		}
		if puts = fake.Count(sidecartest.Put) - puts; puts != 1 || !slices.Equal(asked, []int{2*n + 2}) {
			t.Errorf("%d writes for %d parts; %d keys read", puts, n, asked)
		}
		time.Sleep(settled)
		if s := apply(steps...); s.used != (ledger.Amount{}) || len(s.entries) != 0 || len(s.released) != n {
			t.Errorf("again, after their rows: %+v in use, %d entries, %d rows", s.used, len(s.entries), len(s.released))
		}
	})
}

// A lot that waits for its confirmation stays, however long, and needs no sweep.
func TestAwaitedLotStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := sidecartest.New()
		launch(t, fake)
		k := keep(fake.Sidecar(t))
		if _, _, err := k.Apply(t.Context(), "x", []ledger.Step{giveBack("u.1")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(settled)
		var reads int
		for range 3 { // the first has the part forgotten
			reads = fake.Count(sidecartest.Get)
			time.Sleep(2 * ttl)
			if err := k.Sweep(t.Context(), []string{"x"}); err != nil {
				t.Fatal(err)
			}
		}
		s := read(t, fake)
		s.check(t, "after sweeps")
		if len(s.entries) != 1 || s.entries["u"].Returned != amount(1) || fake.Count(sidecartest.Get) != reads {
			t.Errorf("entries %+v; the last sweep had %d looks at a hull with nothing to do", s.entries, fake.Count(sidecartest.Get)-reads)
		}
	})
}

// While the store takes no rows the hull keeps the entries; the next sweep writes them.
func TestRowsNotWrittenAreNotForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := sidecartest.New()
		launch(t, fake)
		k := keep(fake.Sidecar(t))
		remove := fake.Inject(sidecartest.Fault{Op: sidecartest.Transact, Before: sidecartest.Away})
		for _, step := range []ledger.Step{confirm("a", 4), hold("b", 1)} {
			if _, _, err := k.Apply(t.Context(), "x", []ledger.Step{step}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(settled)
		}
		if s := read(t, fake); s.entries["a"].Phase != ledger.Confirmed || len(s.confirmed) != 0 {
			t.Errorf("without rows: %+v", s)
		}
		if err := k.Sweep(t.Context(), []string{"x"}); err == nil {
			t.Error("a sweep that could not write said that it did")
		}
		remove()
		if err := k.Sweep(t.Context(), []string{"x"}); err != nil {
			t.Fatal(err)
		}
		s := read(t, fake)
		s.check(t, "after the sweep")
		if _, there := s.entries["a"]; there || s.confirmed["a"] != amount(4) {
			t.Errorf("after the sweep: %+v", s)
		}
	})
}

var _ holds.State = (*sidecar.State)(nil)

func TestBrokenRowIsAnError(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	launch(t, fake)
	fake.Set("confirmed/x/a", []byte(`"much"`))
	before := string(fake.Value("hull/x"))
	if _, _, err := keep(fake.Sidecar(t)).Apply(context.Background(), "x", []ledger.Step{release("a")}); err == nil {
		t.Error("a row that cannot be read was passed over")
	}
	if string(fake.Value("hull/x")) != before {
		t.Error("the hull was changed")
	}
}
