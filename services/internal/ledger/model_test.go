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
	facts    map[string]ledger.Fact
	amounts  map[string]ledger.Amount  // what each promise was confirmed for, if it was
	writers  []map[string]ledger.Entry // who is about to write rows, of a ledger seen a while ago
	settled  []map[string]ledger.Phase // who has written rows and is about to have them forgotten
	now      time.Time
	random   *rand.Rand
	released map[string]bool
}

// TestRandomHistories runs random interleavings of all that can happen and checks after each step
// that what is used is what is promised.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(800) {
		w := &world{
			facts: make(map[string]ledger.Fact), amounts: make(map[string]ledger.Amount), released: make(map[string]bool),
			now: noon, random: rand.New(rand.NewPCG(seed, 1)), // a seed that can be repeated
		}
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

func (w *world) apply(step ledger.Step) string {
	before := w.ledger.Entries[step.ID]
	var fact ledger.Fact // the other steps do not know it
	if step.Final() {
		fact = w.facts[step.ID]
	}
	err := w.ledger.Apply(step, limit, fact)
	after := w.ledger.Entries[step.ID]
	if after.Phase == ledger.Confirmed {
		w.amounts[step.ID] = after.Amount
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
		case ledger.Released:
			if e.Amount != (ledger.Amount{}) {
				return fmt.Errorf("%s is released and has %+v", id, e.Amount)
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

// releaseAll ends the world in good order.
func (w *world) releaseAll() {
	for n := range 4 {
		w.apply(ledger.Step{Do: ledger.Release, ID: fmt.Sprintf("c%d", n)})
	}
	w.writers, w.settled = []map[string]ledger.Entry{w.ledger.Unsettled()}, nil
	w.writeRows(0)
	w.forget(0)
	w.now = w.now.Add(time.Hour)
	w.ledger.Expire(w.now)
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
		err := l.Apply(step, limit, ledger.Fact{})
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
