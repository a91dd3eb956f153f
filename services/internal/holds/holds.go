// Package holds keeps things with a [ledger.Ledger] in a state store: vessels with their room,
// depots with their containers. It carries out the steps of the ledger in an order that can be
// repeated after a crash: the ledger first, then the rows that say what became final, then the
// ledger forgets.
//
// Keys: "<kind>/<id>" is the thing with its ledger; "confirmed/<id>/<consignment>" and
// "released/<id>/<consignment>" are rows that are written once and never change, so that a row
// written twice, or late, says the same.
package holds

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
)

// State is what a [Keeper] needs of a state store.
type State interface {
	document.State
	Transact(ctx context.Context, upserts []sidecar.Item, deletes []string) error
}

// Thing is a document with a ledger.
type Thing[T any] interface {
	*T
	Exists() bool
	Ledger() *ledger.Ledger
	Limit() ledger.Amount
}

// Keeper keeps things of one kind.
type Keeper[T any, P Thing[T]] struct {
	state State
	docs  *document.Store[T]
	now   func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	settled map[string]map[string]ledger.Phase // by thing and consignment: rows known to be written
}

// NewKeeper returns the keeper of the things whose keys start with "<kind>/".
func NewKeeper[T any, P Thing[T]](state State, kind string, now func() time.Time, log *slog.Logger) *Keeper[T, P] {
	return &Keeper[T, P]{
		state: state, docs: document.NewStore[T](state, kind+"/"), now: now, log: log,
		settled: make(map[string]map[string]ledger.Phase),
	}
}

// Get reads a thing; the zero T when there is none.
func (k *Keeper[T, P]) Get(ctx context.Context, id string) (T, error) { return k.docs.Get(ctx, id) }

// GetMany reads things; those that do not exist are left out.
func (k *Keeper[T, P]) GetMany(ctx context.Context, ids []string) (map[string]T, error) {
	return k.docs.GetMany(ctx, ids)
}

// Update changes a thing, its ledger aside.
func (k *Keeper[T, P]) Update(ctx context.Context, id string, change func(*T) error) (T, error) {
	return k.docs.Update(ctx, id, change)
}

// Apply carries out steps on one thing in one write and returns it as stored with one error a
// step: nil, a refusal of the ledger, or [ledger.ErrMissing]. The last error is of the call as a whole.
func (k *Keeper[T, P]) Apply(ctx context.Context, id string, steps []ledger.Step) (T, []error, error) {
	errs := make([]error, len(steps))
	thing, err := k.docs.Update(ctx, id, func(doc *T) error {
		p := P(doc)
		if !p.Exists() {
			for i := range errs {
				errs[i] = ledger.ErrMissing
			}
			return nil
		}
		// The rows are read after the document: if anybody changes them from here on, the
		// document changes too and this change is refused and tried again.
		facts, err := k.facts(ctx, id, steps)
		if err != nil {
			return err
		}
		l := p.Ledger()
		for consignment, phase := range k.settledOf(id) {
			l.Forget(consignment, phase)
		}
		l.Expire(k.now())
		for i, step := range steps {
			errs[i] = l.Apply(step, p.Limit(), facts[step.ID])
		}
		return nil
	})
	if err != nil {
		return thing, nil, err
	}
	if !holdsOnly(steps) { // a hold answers a waiting customer: it leaves the rows to others
		k.settle(ctx, id, P(&thing))
	}
	return thing, errs, nil
}

// holdsOnly says that nothing becomes final by the steps.
func holdsOnly(steps []ledger.Step) bool {
	return len(steps) > 0 && !slices.ContainsFunc(steps, func(s ledger.Step) bool { return s.Final() })
}

// facts reads what the rows say of the promises that are to become final.
func (k *Keeper[T, P]) facts(ctx context.Context, id string, steps []ledger.Step) (map[string]ledger.Fact, error) {
	var keys []string
	for _, step := range steps {
		if step.Final() {
			keys = append(keys, confirmedKey(id, step.ID), releasedKey(id, step.ID))
		}
	}
	facts := make(map[string]ledger.Fact, len(keys)/2)
	values, err := k.state.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		fact := ledger.Fact{Released: !values[releasedKey(id, step.ID)].Missing()}
		if row := values[confirmedKey(id, step.ID)]; !row.Missing() {
			fact.Confirmed = new(ledger.Amount)
			if err := json.Unmarshal(row.Data, fact.Confirmed); err != nil {
				return nil, fmt.Errorf("decode %q: %w", confirmedKey(id, step.ID), err)
			}
		}
		facts[step.ID] = fact
	}
	return facts, nil
}

// settle writes the rows of what became final. When it fails, the entries stay in the ledger and
// the next step, or the next sweep of any replica, writes them.
func (k *Keeper[T, P]) settle(ctx context.Context, id string, p P) {
	done := k.settledOf(id)
	unsettled := p.Ledger().Unsettled()
	var rows []sidecar.Item
	for consignment, entry := range unsettled {
		if done[consignment] == entry.Phase {
			continue
		}
		key, data := releasedKey(id, consignment), []byte("{}")
		if entry.Phase == ledger.Confirmed {
			key = confirmedKey(id, consignment)
			data, _ = json.Marshal(entry.Amount) // two integers
		}
		rows = append(rows, sidecar.Item{Key: key, Data: data})
	}
	if err := k.state.Transact(ctx, rows, nil); err != nil {
		k.log.Warn("rows of final holds not written; will be tried again", "thing", id, "rows", len(rows), "error", err)
		return
	}
	phases := make(map[string]ledger.Phase, len(unsettled))
	for consignment, entry := range unsettled {
		phases[consignment] = entry.Phase
	}
	k.mu.Lock()
	k.settled[id] = phases
	k.mu.Unlock()
}

func (k *Keeper[T, P]) settledOf(id string) map[string]ledger.Phase {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settled[id] // replaced as a whole, never changed
}

// Sweep gives expired holds back, writes rows that a crash left unwritten, and has the ledgers
// forget what is settled.
func (k *Keeper[T, P]) Sweep(ctx context.Context, ids []string) error {
	things, err := k.docs.GetMany(ctx, ids)
	if err != nil {
		return err
	}
	for id, thing := range things {
		if !k.needsSweep(P(&thing)) {
			continue
		}
		if _, _, err := k.Apply(ctx, id, nil); err != nil {
			return err
		}
		// What the first pass settled, the second forgets.
		if len(k.settledOf(id)) > 0 {
			if _, _, err := k.Apply(ctx, id, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *Keeper[T, P]) needsSweep(p P) bool {
	now := k.now()
	for _, entry := range p.Ledger().Entries {
		if entry.Phase != ledger.Held || entry.Expired(now) {
			return true
		}
	}
	return false
}

func confirmedKey(id, consignment string) string { return "confirmed/" + id + "/" + consignment }
func releasedKey(id, consignment string) string  { return "released/" + id + "/" + consignment }
