package ledger_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"seaport.example/services/internal/ledger"
)

// Every rule of lots: the entries of a lot of some and of a part of it, what their rows say, one step, and
// what it leads to. The ledger has promised half to somebody else.
func TestLotSteps(t *testing.T) {
	t.Parallel()
	none := ledger.Entry{}
	part := ledger.Amount{Containers: 1, Weight: 150}
	rest := ledger.Amount{Containers: 3, Weight: 250}
	isConfirmed := ledger.Fact{Confirmed: &some}
	isReleased := ledger.Fact{Released: true}
	confirm := ledger.Step{Do: ledger.ConfirmLot, ID: "lot", Amount: some}
	confirmLarge := ledger.Step{Do: ledger.ConfirmLot, ID: "lot", Amount: limit}
	giveBack := ledger.Step{Do: ledger.Return, ID: "part", Lot: "lot", Amount: part}
	hold := ledger.Step{Do: ledger.Hold, ID: "lot", Amount: some, Expires: later}

	for _, c := range []struct {
		name              string
		lot, part         ledger.Entry
		lotFact, partFact ledger.Fact
		had               ledger.Amount // by both, before the step
		step              ledger.Step
		wantLot, wantPart ledger.Entry
		used              ledger.Amount // by both, after it
		short             bool
	}{
		{name: "confirm a hold", lot: held(some), had: some, step: confirm, wantLot: confirmed(some), used: some},
		{name: "confirm an expired hold", step: confirm, wantLot: confirmed(some), used: some},
		{name: "confirm an expired hold without room", step: confirmLarge, wantLot: released(), short: true},
		{name: "confirm again", lot: confirmed(some), had: some, step: confirm, wantLot: confirmed(some), used: some},
		{name: "confirm what is settled", lotFact: isConfirmed, had: rest, step: confirm, used: rest},
		{name: "confirm what is settled and was held again", lot: held(some), lotFact: isConfirmed, had: sum(rest, some), step: confirm, used: rest},
		{name: "confirm what was refused", lot: released(), step: confirm, wantLot: released(), short: true},
		{name: "confirm what was refused and settled", lotFact: isReleased, step: confirm, short: true},
		{name: "confirm what was refused and held again", lot: held(some), lotFact: isReleased, had: some, step: confirm, short: true},
		{name: "confirm after a part was returned", lot: awaited(part), step: confirm, wantLot: confirmed(some), used: rest},
		{name: "confirm after a part was returned, without room", lot: awaited(part), step: confirmLarge, wantLot: released(), short: true},
		{name: "confirm after all was returned", lot: awaited(some), step: confirm, wantLot: confirmed(some)},

		{name: "hold after a part was returned", lot: awaited(part), step: hold, wantLot: awaited(part)},

		{name: "return of a hold", lot: held(some), had: some, step: giveBack, wantLot: confirmed(some), wantPart: released(), used: rest},
		{name: "return of what is confirmed", lot: confirmed(some), had: some, step: giveBack, wantLot: confirmed(some), wantPart: released(), used: rest},
		{name: "return of what is settled", lotFact: isConfirmed, had: some, step: giveBack, wantPart: released(), used: rest},
		{name: "return of what is confirmed, with its row there", lot: confirmed(some), lotFact: isConfirmed, had: some, step: giveBack,
			wantLot: confirmed(some), wantPart: released(), used: rest},
		{name: "return of what is settled and was held again", lot: held(some), lotFact: isConfirmed, had: sum(some, some), step: giveBack,
			wantLot: held(some), wantPart: released(), used: sum(some, rest)},
		{name: "return of what was refused", lot: released(), step: giveBack, wantLot: released(), wantPart: released()},
		{name: "return of what was refused and settled", lotFact: isReleased, step: giveBack, wantPart: released()},
		{name: "return before the lot is known", step: giveBack, wantLot: awaited(part), wantPart: released()},
		{name: "return before the lot is known, of one more", lot: awaited(rest), step: giveBack, wantLot: awaited(some), wantPart: released()},
		{name: "return again", lot: confirmed(some), part: released(), had: rest, step: giveBack, wantLot: confirmed(some), wantPart: released(), used: rest},
		{name: "return again, settled", lot: confirmed(some), partFact: isReleased, had: rest, step: giveBack, wantLot: confirmed(some), used: rest},
		{name: "return again, before the lot is known", lot: awaited(part), partFact: isReleased, step: giveBack, wantLot: awaited(part)},
		{name: "return of a part that an earlier attempt holds alone", lot: confirmed(some), part: held(part), had: sum(some, part), step: giveBack,
			wantLot: confirmed(some), wantPart: released(), used: rest},
		{name: "return again of a part that was held late", lot: confirmed(some), part: held(part), partFact: isReleased, had: sum(rest, part), step: giveBack,
			wantLot: confirmed(some), used: rest},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := ledger.Ledger{Used: sum(half, c.had), Entries: map[string]ledger.Entry{"else": confirmed(half)}}
			for id, entry := range map[string]ledger.Entry{"lot": c.lot, "part": c.part} {
				if entry != none {
					l.Entries[id] = entry
				}
			}
			err := l.Apply(c.step, limit, ledger.Facts{"lot": c.lotFact, "part": c.partFact})
			if (shortOf(err) != nil) != c.short || (err != nil) != c.short {
				t.Errorf("Apply = %v, want a shortage: %v", err, c.short)
			}
			want := map[string]ledger.Entry{"else": confirmed(half), "lot": c.wantLot, "part": c.wantPart}
			maps.DeleteFunc(want, func(_ string, e ledger.Entry) bool { return e == none })
			if !maps.Equal(l.Entries, want) {
				t.Errorf("entries %+v\nwant    %+v", l.Entries, want)
			}
			if want := sum(half, c.used); l.Used != want {
				t.Errorf("used is %+v, want %+v", l.Used, want)
			}
		})
	}
}

// The events of a lot of three parts, of which two are cancelled: in every order, some of them twice, with the
// hold lost before any of them, with the rows written and forgotten after none, one or all of them, and
// with the room left or given to somebody else. In the end only the third part is in use.
func TestLotInEveryOrder(t *testing.T) {
	t.Parallel()
	hold := ledger.Step{Do: ledger.Hold, ID: "l", Amount: ofLot("l"), Expires: later}
	confirm := ledger.Step{Do: ledger.ConfirmLot, ID: "l", Amount: ofLot("l")}
	first := ledger.Step{Do: ledger.Return, ID: "l.1", Lot: "l", Amount: lots["l"]["l.1"]}
	second := ledger.Step{Do: ledger.Return, ID: "l.2", Lot: "l", Amount: lots["l"]["l.2"]}
	third, rival := lots["l"]["l.3"], ledger.Step{Do: ledger.Confirm, ID: "rival", Amount: other}

	tell := func(order []ledger.Step, room bool, expire, settle int) {
		t.Helper()
		w := newWorld(0)
		want := third
		if !room {
			w.apply(rival)
			want = other
			// Only what is returned before leaves so little of the lot that it fits.
			if n := slices.Index(order, confirm); slices.Index(order, first) < n && slices.Index(order, second) < n {
				want = sum(other, third)
			}
		}
		for n, step := range order {
			if n == expire {
				w.ledger.Expire(later.Add(time.Second))
			}
			w.apply(step)
			if settle>>n&1 == 1 {
				w.settle()
			}
			if err := w.check(); err != nil {
				t.Fatalf("%v, room %v, expired before %d, settled %b: after %d: %v\n%+v", order, room, expire, settle, n, err, w.ledger)
			}
		}
		w.ledger.Expire(later.Add(time.Second))
		w.settle()
		if w.ledger.Used != want || len(w.ledger.Entries) != 0 {
			t.Fatalf("%v, room %v, expired before %d, settled %b: used %+v, want %+v; entries %v",
				order, room, expire, settle, w.ledger.Used, want, w.ledger.Entries)
		}
	}
	for _, order := range orders(hold, confirm, confirm, first, second, first) {
		for expire := range len(order) + 1 {
			for _, settle := range []int{0, 1, 2, 4, 8, 16, 32, 63} { // a bit for each step
				tell(order, true, expire, settle)
				tell(order, false, expire, settle)
			}
		}
	}
}

// orders returns every different order of steps.
func orders(steps ...ledger.Step) (all [][]ledger.Step) {
	if len(steps) == 0 {
		return [][]ledger.Step{nil}
	}
	for i, step := range steps {
		if slices.Index(steps, step) < i {
			continue // its twin was first already
		}
		for _, rest := range orders(slices.Delete(slices.Clone(steps), i, i+1)...) {
			all = append(all, append([]ledger.Step{step}, rest...))
		}
	}
	return all
}
