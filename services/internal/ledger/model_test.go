package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
)

// world is a ledger with the rows beside it, in the hands of callers who repeat themselves, come
// late and die between two writes.
type world struct {
	ledger   ledger.Ledger
	facts    ledger.Facts
	amounts  map[string]ledger.Amount  // what each promise was confirmed for, if it was
	writers  []map[string]ledger.Entry // who is about to write rows, of a ledger seen a while ago
	settled  []map[string]ledger.Phase // who has written rows and is about to have them forgotten
	now      time.Time
	random   *rand.Rand
	released map[string]bool
}

// lots is how much each part of each lot has.
var lots = map[string]map[string]ledger.Amount{
	"l": {"l.1": {Containers: 1, Weight: 10}, "l.2": {Containers: 2, Weight: 20}, "l.3": {Containers: 3, Weight: 30}},
	"m": {"m.1": {Containers: 2, Weight: 100}, "m.2": {Containers: 1, Weight: 350}},
}

// ofLot returns the amount of a whole lot.
func ofLot(lot string) (all ledger.Amount) {
	for _, amount := range lots[lot] {
		all = sum(all, amount)
	}
	return all
}

// newWorld returns a world with an empty ledger. A seed can be repeated.
func newWorld(seed uint64) *world {
	return &world{
		facts: make(ledger.Facts), amounts: make(map[string]ledger.Amount), released: make(map[string]bool),
		now: noon, random: rand.New(rand.NewPCG(seed, 1)),
	}
}

// TestRandomHistories runs random interleavings of all that can happen and checks after each step
// that what is used is what is promised.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(800) {
		w := newWorld(seed)
		var history []string
		for range 60 {
			history = append(history, w.step())
			if err := w.check(); err != nil {
				t.Fatalf("seed %d: %v\nledger: %+v\nrows: %+v\nafter %q", seed, err, w.ledger, w.facts, history)
			}
		}
		w.releaseAll()
		if w.ledger.Used != (ledger.Amount{}) || len(w.ledger.Entries) != 0 {
			t.Fatalf("seed %d: after everything was released, used is %+v and the entries are %v\nafter %q", seed, w.ledger.Used, w.ledger.Entries, history)
		}
	}
}

func (w *world) step() string {
	if w.random.IntN(3) == 0 {
		return w.lotStep()
	}
	id := fmt.Sprintf("c%d", w.random.IntN(4))
	amount := ledger.Amount{Containers: 1 + w.random.Int64N(4), Weight: w.random.Int64N(400)}
	switch n := w.random.IntN(20); {
	case n < 5:
		return w.apply(ledger.Step{Do: ledger.Hold, ID: id, Amount: amount, Expires: w.now.Add(time.Duration(w.random.IntN(3)) * time.Minute)})
	case n < 9:
		return w.apply(ledger.Step{Do: ledger.Confirm, ID: id, Amount: amount})
	case n < 11:
		return w.apply(ledger.Step{Do: ledger.Release, ID: id})
	case n < 12:
		return w.apply(ledger.Step{Do: ledger.Abandon, ID: id})
	case n < 13:
		w.now = w.now.Add(time.Duration(w.random.IntN(120)) * time.Second)
		w.ledger.Expire(w.now)
		return "expire"
	case n < 15:
		w.writers = append(w.writers, w.ledger.Unsettled())
		return "prepare rows"
	case n < 17:
		if len(w.writers) == 0 {
			return "no rows to write"
		}
		return w.writeRows(w.random.IntN(len(w.writers)))
	case n < 19:
		if len(w.settled) == 0 {
			return "nothing to forget"
		}
		return w.forget(w.random.IntN(len(w.settled)))
	default: // a crash: what was prepared is lost, or what was known
		w.writers, w.settled = nil, nil
		return "crash"
	}
}

func (w *world) lotStep() string {
	lot := []string{"l", "m"}[w.random.IntN(2)]
	switch n := w.random.IntN(12); {
	case n < 4:
		return w.apply(ledger.Step{Do: ledger.Hold, ID: lot, Amount: ofLot(lot), Expires: w.now.Add(time.Duration(w.random.IntN(3)) * time.Minute)})
	case n < 7:
		return w.apply(ledger.Step{Do: ledger.ConfirmLot, ID: lot, Amount: ofLot(lot)})
	case n < 8:
		return w.apply(ledger.Step{Do: ledger.Abandon, ID: lot})
	default:
		part := fmt.Sprintf("%s.%d", lot, 1+w.random.IntN(len(lots[lot])))
		return w.apply(ledger.Step{Do: ledger.Return, ID: part, Lot: lot, Amount: lots[lot][part]})
	}
}

func (w *world) apply(step ledger.Step) string {
	before := w.ledger.Entries[step.ID]
	var facts ledger.Facts // the other steps do not know them
	if step.Final() {
		facts = ledger.Facts{step.ID: w.facts[step.ID], step.Lot: w.facts[step.Lot]}
	}
	err := w.ledger.Apply(step, limit, facts)
	after := w.ledger.Entries[step.ID]
	for id, e := range w.ledger.Entries {
		if e.Phase == ledger.Confirmed {
			w.amounts[id] = e.Amount
		}
	}
	if step.Do == ledger.Release {
		w.released[step.ID] = true
	}
	return fmt.Sprintf("%d %s %+v: %v -> %v %v", step.Do, step.ID, step.Amount, before, after, err)
}

// writeRows has a writer write its rows, and be there to be late again or not.
func (w *world) writeRows(i int) string {
	phases := make(map[string]ledger.Phase)
	for id, entry := range w.writers[i] {
		fact := w.facts[id]
		if entry.Phase == ledger.Confirmed {
			fact.Confirmed = new(entry.Amount)
		} else {
			fact.Released = true
		}
		w.facts[id], phases[id] = fact, entry.Phase
	}
	if w.random.IntN(2) == 0 {
		w.writers = slices.Delete(w.writers, i, i+1)
	}
	w.settled = append(w.settled, phases)
	return fmt.Sprintf("write rows %v", phases)
}

func (w *world) forget(i int) string {
	for id, phase := range w.settled[i] {
		w.ledger.Forget(id, phase)
	}
	return fmt.Sprintf("forget %v", w.settled[i])
}

// check says what is wrong with the books.
func (w *world) check() error {
	var used ledger.Amount
	for id, e := range w.ledger.Entries {
		switch e.Phase {
		case ledger.Held, ledger.Confirmed:
			used = sum(used, e.Amount)
		case ledger.Released, ledger.Awaited:
			if e.Amount != (ledger.Amount{}) {
				return fmt.Errorf("%s is %s and has %+v", id, e.Phase, e.Amount)
			}
		default:
			return fmt.Errorf("%s is in phase %q", id, e.Phase)
		}
	}
	for id, fact := range w.facts {
		if fact.Confirmed == nil {
			continue
		}
		if *fact.Confirmed != w.amounts[id] {
			return fmt.Errorf("the row of %s says %+v, it was confirmed for %+v", id, *fact.Confirmed, w.amounts[id])
		}
		phase := w.ledger.Entries[id].Phase
		if !fact.Released && phase != ledger.Confirmed && phase != ledger.Released {
			used = sum(used, *fact.Confirmed)
		}
	}
	for lot := range lots {
		returned := w.returned(lot)
		if w.isConfirmed(lot) {
			used = ledger.Amount{Containers: used.Containers - returned.Containers, Weight: used.Weight - returned.Weight}
		}
		if e := w.ledger.Entries[lot]; e.Phase == ledger.Awaited && e.Returned != returned {
			return fmt.Errorf("%s knows of %+v that were returned, the parts of %+v", lot, e.Returned, returned)
		}
	}
	switch {
	case w.ledger.Used != used:
		return fmt.Errorf("used is %+v, promised is %+v", w.ledger.Used, used)
	case !limit.Fits(used):
		return fmt.Errorf("%+v is promised of %+v", used, limit)
	case used.Containers < 0 || used.Weight < 0:
		return fmt.Errorf("used is %+v", used)
	}
	for id := range w.released {
		if e := w.ledger.Entries[id]; e.Phase == ledger.Confirmed {
			return fmt.Errorf("%s was released and is confirmed", id)
		}
	}
	return nil
}

// returned is how much of a lot was given back, as its parts say.
func (w *world) returned(lot string) (returned ledger.Amount) {
	for part, amount := range lots[lot] {
		if w.facts[part].Released || w.ledger.Entries[part].Phase == ledger.Released {
			returned = sum(returned, amount)
		}
	}
	return returned
}

func (w *world) isConfirmed(lot string) bool {
	fact, phase := w.facts[lot], w.ledger.Entries[lot].Phase
	return phase == ledger.Confirmed || fact.Confirmed != nil && !fact.Released && phase != ledger.Released
}

// releaseAll ends the world in good order.
func (w *world) releaseAll() {
	for n := range 4 {
		w.apply(ledger.Step{Do: ledger.Release, ID: fmt.Sprintf("c%d", n)})
	}
	for lot, parts := range lots {
		w.apply(ledger.Step{Do: ledger.ConfirmLot, ID: lot, Amount: ofLot(lot)})
		for part, amount := range parts {
			w.apply(ledger.Step{Do: ledger.Return, ID: part, Lot: lot, Amount: amount})
		}
	}
	w.settle()
	w.now = w.now.Add(time.Hour)
	w.ledger.Expire(w.now)
}

// settle has the rows written and what they say forgotten.
func (w *world) settle() {
	w.writers, w.settled = []map[string]ledger.Entry{w.ledger.Unsettled()}, nil
	w.writeRows(0)
	w.forget(0)
}

func TestRefusalChangesNothing(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7)) // a seed that can be repeated
	var l ledger.Ledger
	refused := 0
	for n := range 2000 {
		before := ledger.Ledger{Used: l.Used, Entries: maps.Clone(l.Entries)}
		step := ledger.Step{
			Do: ledger.Action(random.IntN(4)), ID: fmt.Sprintf("c%d", random.IntN(6)),
			Amount: ledger.Amount{Containers: 1 + random.Int64N(6), Weight: random.Int64N(300)}, Expires: later,
		}
		err := l.Apply(step, limit, nil)
		if err == nil {
			continue
		}
		refused++
		if _, ok := errors.AsType[*failure.Error](err); !ok {
			t.Fatalf("step %d: %v is no failure", n, err)
		}
		if l.Used != before.Used || !maps.Equal(l.Entries, before.Entries) {
			t.Fatalf("step %d (%+v) was refused and changed %+v to %+v", n, step, before, l)
		}
		if random.IntN(3) == 0 {
			l = ledger.Ledger{}
		}
	}
	if refused < 100 {
		t.Errorf("only %d steps were refused: the test sees too little", refused)
	}
}
