package ledger_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
)

var (
	noon  = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	later = noon.Add(2 * time.Minute)
	limit = ledger.Amount{Containers: 10, Weight: 1000}
	some  = ledger.Amount{Containers: 4, Weight: 400}
	other = ledger.Amount{Containers: 7, Weight: 100}
	half  = ledger.Amount{Containers: 5, Weight: 500}
)

func held(a ledger.Amount) ledger.Entry {
	return ledger.Entry{Amount: a, Phase: ledger.Held, Expires: later.UnixMilli()}
}
func confirmed(a ledger.Amount) ledger.Entry { return ledger.Entry{Amount: a, Phase: ledger.Confirmed} }
func released() ledger.Entry                 { return ledger.Entry{Phase: ledger.Released} }
func awaited(a ledger.Amount) ledger.Entry   { return ledger.Entry{Phase: ledger.Awaited, Returned: a} }

// Every rule: the entry of one promise and what its rows say, one step, and what it leads to. The
// ledger has promised half to somebody else.
func TestSteps(t *testing.T) {
	t.Parallel()
	none := ledger.Entry{}
	isConfirmed := ledger.Fact{Confirmed: &some}
	isReleased := ledger.Fact{Released: true}
	isBoth := ledger.Fact{Confirmed: &some, Released: true}
	hold := ledger.Step{Do: ledger.Hold, ID: "c", Amount: some, Expires: later}
	holdOther := ledger.Step{Do: ledger.Hold, ID: "c", Amount: other, Expires: later}
	confirm := ledger.Step{Do: ledger.Confirm, ID: "c", Amount: some}
	confirmOther := ledger.Step{Do: ledger.Confirm, ID: "c", Amount: other}
	release := ledger.Step{Do: ledger.Release, ID: "c"}
	abandon := ledger.Step{Do: ledger.Abandon, ID: "c"}
	early := held(some)
	early.Expires = noon.UnixMilli()

	for _, c := range []struct {
		name  string
		entry ledger.Entry
		fact  ledger.Fact
		step  ledger.Step
		want  ledger.Entry
		used  ledger.Amount // by this promise, after it
		short []string      // what it was short of
		fails bool          // for another reason
	}{
		{name: "hold", step: hold, want: held(some), used: some},
		{name: "hold again moves the expiry", entry: early, step: hold, want: held(some), used: some},
		{name: "hold more than there is", step: holdOther, short: []string{"CAPACITY"}},
		{name: "hold too heavy", step: ledger.Step{Do: ledger.Hold, ID: "c", Amount: ledger.Amount{Containers: 1, Weight: 501}, Expires: later}, short: []string{"WEIGHT"}},
		{name: "hold too much of both", step: ledger.Step{Do: ledger.Hold, ID: "c", Amount: limit, Expires: later}, short: []string{"CAPACITY", "WEIGHT"}},
		{name: "hold the very rest", step: ledger.Step{Do: ledger.Hold, ID: "c", Amount: half, Expires: later}, want: held(half), used: half},
		{name: "hold another amount", entry: held(half), step: hold, want: held(some), used: some},
		{name: "hold another amount, too much: the first stays", entry: held(some), step: holdOther, want: held(some), used: some, short: []string{"CAPACITY"}},
		{name: "hold what is confirmed", entry: confirmed(some), step: holdOther, want: confirmed(some), used: some},
		{name: "hold what is released", entry: released(), step: hold, want: released(), fails: true},

		{name: "confirm a hold", entry: held(some), step: confirm, want: confirmed(some), used: some},
		{name: "confirm an expired hold", step: confirm, want: confirmed(some), used: some},
		{name: "confirm an expired hold without room", step: confirmOther, short: []string{"CAPACITY"}},
		{name: "confirm again", entry: confirmed(some), step: confirm, want: confirmed(some), used: some},
		{name: "confirm again, with its row there", entry: confirmed(some), fact: isConfirmed, step: confirm, want: confirmed(some), used: some},
		{name: "confirm what is settled", fact: isConfirmed, step: confirm, used: some},
		{name: "confirm what is settled and was held again", entry: held(some), fact: isConfirmed, step: confirm, used: some},
		{name: "confirm what is released", entry: released(), step: confirm, want: released()},
		{name: "confirm what is released and settled", fact: isReleased, step: confirm},
		{name: "confirm what is released, settled and was held again", entry: held(some), fact: isReleased, step: confirm},
		{name: "confirm what was both", fact: isBoth, step: confirm},

		{name: "release a hold", entry: held(some), step: release, want: released()},
		{name: "release what is confirmed", entry: confirmed(some), step: release, want: released()},
		{name: "release what is confirmed, with its row there", entry: confirmed(some), fact: isConfirmed, step: release, want: released()},
		{name: "release what is settled", fact: isConfirmed, step: release, want: released()},
		{name: "release what is settled and was held again", entry: held(half), fact: isConfirmed, step: release, want: released()},
		{name: "release before it is known", step: release, want: released()},
		{name: "release again", entry: released(), step: release, want: released()},
		{name: "release again, with both rows there", entry: released(), fact: isBoth, step: release, want: released()},
		{name: "release what is released and settled", fact: isReleased, step: release},
		{name: "release what was both", fact: isBoth, step: release},
		{name: "release what is released, settled and was held again", entry: held(some), fact: isBoth, step: release},

		{name: "abandon a hold", entry: held(some), step: abandon},
		{name: "abandon what is confirmed", entry: confirmed(some), step: abandon, want: confirmed(some), used: some},
		{name: "abandon what is released", entry: released(), step: abandon, want: released()},
		{name: "abandon nothing", step: abandon},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := ledger.Ledger{Used: half, Entries: map[string]ledger.Entry{"else": confirmed(half)}}
			if c.entry != none {
				l.Entries["c"] = c.entry
				l.Used = sum(l.Used, c.entry.Amount)
			}
			if c.fact.Confirmed != nil && !c.fact.Released && c.entry.Phase != ledger.Confirmed && c.entry.Phase != ledger.Released {
				l.Used = sum(l.Used, *c.fact.Confirmed) // settled: counted, and no longer among the entries
			}
			err := l.Apply(c.step, limit, ledger.Facts{"c": c.fact})
			if got := shortOf(err); !slices.Equal(got, c.short) || (err != nil) != (c.fails || c.short != nil) {
				t.Errorf("Apply = %v, want short of %q, other failure %v", err, c.short, c.fails)
			}
			if got := l.Entries["c"]; got != c.want {
				t.Errorf("the entry is %+v, want %+v", got, c.want)
			}
			if _, there := l.Entries["c"]; there && c.want == none {
				t.Error("an empty entry is left")
			}
			if got, want := l.Used, sum(half, c.used); got != want {
				t.Errorf("used is %+v, want %+v", got, want)
			}
			if l.Entries["else"] != confirmed(half) {
				t.Error("somebody else's promise changed")
			}
		})
	}
}

func sum(a, b ledger.Amount) ledger.Amount {
	return ledger.Amount{Containers: a.Containers + b.Containers, Weight: a.Weight + b.Weight}
}

// shortOf returns the types of what a refusal says is short.
func shortOf(err error) (types []string) {
	if e, ok := errors.AsType[*failure.Error](err); ok && e.IsShort() {
		for _, v := range e.Violations() {
			types = append(types, v.Type)
		}
	}
	return types
}

func TestShortageSaysHowMuch(t *testing.T) {
	t.Parallel()
	l := ledger.Ledger{Used: ledger.Amount{Containers: 12, Weight: 600}} // the limit was lowered since
	err := l.Hold("c", some, limit, later)
	want := "containers: 4 wanted, 0 free"
	if err == nil || err.Error() != want {
		t.Errorf("Hold = %v, want %q", err, want)
	}
	err = l.Hold("c", ledger.Amount{Weight: 401}, ledger.Amount{Containers: 20, Weight: 1000}, later)
	want = "weight: 401 kg wanted, 400 kg free"
	if err == nil || err.Error() != want {
		t.Errorf("Hold = %v, want %q", err, want)
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	var l ledger.Ledger
	mustHold := func(id string, expires time.Time) {
		t.Helper()
		if err := l.Hold(id, ledger.Amount{Containers: 1, Weight: 1}, limit, expires); err != nil {
			t.Fatal(err)
		}
	}
	mustHold("past", noon.Add(-time.Millisecond))
	mustHold("now", noon)
	mustHold("future", noon.Add(time.Millisecond))
	mustHold("booked", noon.Add(-time.Hour))
	if err := l.Confirm("booked", some, limit, ledger.Fact{}); err != nil {
		t.Fatal(err)
	}
	if n := l.Pending(); n != 3 {
		t.Errorf("%d holds are pending, want 3", n)
	}
	l.Expire(noon)
	if got, want := slices.Sorted(maps.Keys(l.Entries)), []string{"booked", "future", "now"}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	if l.Used.Containers != 3 || l.Pending() != 2 {
		t.Errorf("used %+v, %d pending; want 3 containers, 2 pending", l.Used, l.Pending())
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		entry ledger.Entry
		row   ledger.Phase
		gone  bool
	}{
		{confirmed(some), ledger.Confirmed, true},
		{released(), ledger.Released, true},
		{released(), ledger.Confirmed, false}, // its other row is not written yet
		{confirmed(some), ledger.Released, false},
		{held(some), ledger.Confirmed, false},
		{held(some), ledger.Held, false},
		{awaited(some), ledger.Awaited, false},
	} {
		l := ledger.Ledger{Used: some, Entries: map[string]ledger.Entry{"c": c.entry}}
		l.Forget("c", c.row)
		if _, there := l.Entries["c"]; there == c.gone {
			t.Errorf("%s entry with %s row: forgotten %v, want %v", c.entry.Phase, c.row, !there, c.gone)
		}
		if l.Used != some {
			t.Errorf("%s entry with %s row: forgetting changed what is used to %+v", c.entry.Phase, c.row, l.Used)
		}
	}
	var l ledger.Ledger
	l.Forget("never there", ledger.Confirmed)
}

func TestUnsettled(t *testing.T) {
	t.Parallel()
	l := ledger.Ledger{Entries: map[string]ledger.Entry{"h": held(some), "c": confirmed(some), "r": released(), "a": awaited(some)}}
	got := l.Unsettled()
	if want := map[string]ledger.Entry{"c": confirmed(some), "r": released()}; !maps.Equal(got, want) {
		t.Errorf("Unsettled = %v, want %v", got, want)
	}
}

// A depot counts containers only.
func TestNoWeightLimit(t *testing.T) {
	t.Parallel()
	var l ledger.Ledger
	depot := ledger.Amount{Containers: 3, Weight: ledger.NoWeight}
	if err := l.Hold("c", ledger.Amount{Containers: 3, Weight: 1 << 40}, depot, later); err != nil {
		t.Fatal(err)
	}
	if free := l.Free(depot); free != (ledger.Amount{Weight: ledger.NoWeight}) {
		t.Errorf("free is %+v", free)
	}
	if err := l.Hold("d", ledger.Amount{Containers: 1}, depot, later); shortOf(err) == nil {
		t.Errorf("a fourth of three containers: %v", err)
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount ledger.Amount
		fits   bool
	}{
		{limit, true}, {ledger.Amount{}, true}, {ledger.Amount{Containers: 11}, false}, {ledger.Amount{Weight: 1001}, false},
	} {
		if limit.Fits(c.amount) != c.fits {
			t.Errorf("%+v fits %+v: %v, want %v", c.amount, limit, !c.fits, c.fits)
		}
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for do, final := range map[ledger.Action]bool{
		ledger.Hold: false, ledger.Confirm: true, ledger.Release: true, ledger.Abandon: false, ledger.ConfirmLot: true, ledger.Return: true,
	} {
		if (ledger.Step{Do: do}).Final() != final {
			t.Errorf("step %d is final: %v, want %v", do, !final, final)
		}
	}
}
