// Package holds keeps things with a [ledger.Ledger] in a state store: vessels with their room,
// depots with their containers. It carries out the steps of the ledger in an order that can be
// repeated after a crash: the ledger first, then the rows that say what became final, then the
// ledger forgets.
//
// Keys: "<kind>/<id>" is the thing with its ledger; "confirmed/<id>/<consignment>" and
// "released/<id>/<consignment>" are rows that are written once and never change, so that a row
// written twice, or late, says the same. What is said of a consignment here goes for a lot of them too.
package holds

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
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
	waiting map[string]map[string]ledger.Entry // by thing: entries whose rows are about to be written
}

// NewKeeper returns the keeper of the things whose keys start with "<kind>/".
func NewKeeper[T any, P Thing[T]](state State, kind string, now func() time.Time, log *slog.Logger) *Keeper[T, P] {
	return &Keeper[T, P]{
		state: state, docs: document.NewStore[T](state, kind+"/"), now: now, log: log,
		settled: make(map[string]map[string]ledger.Phase),
		waiting: make(map[string]map[string]ledger.Entry),
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
// step: nil, a refusal of the ledger, or [ledger.ErrMissing]. The last error is of the call as a
// whole.
func (k *Keeper[T, P]) Apply(ctx context.Context, id string, steps []ledger.Step) (T, []error, error) {
	errs := make([]error, len(steps))
	promises := finalIn(steps)
	// Known before the rows are read: an entry is forgotten only where its row is among what was read. Else
	// a row written in between would be in neither, and what it tells of lost.
	settled := k.settledOf(id)
	change := func(doc *T, values map[string]sidecar.Value) error {
		p := P(doc)
		if !p.Exists() {
			for i := range errs {
				errs[i] = ledger.ErrMissing
			}
			return nil
		}
		facts, err := factsOf(id, promises, values)
		if err != nil {
			return err
		}
		l := p.Ledger()
		for consignment, phase := range settled {
			l.Forget(consignment, phase)
		}
		l.Expire(k.now())
		for i, step := range steps {
			errs[i] = l.Apply(step, p.Limit(), facts)
		}
		return nil
	}
	if len(promises) == 0 {
		thing, err := k.docs.Update(ctx, id, func(doc *T) error { return change(doc, nil) })
		return thing, errs, err
	}
	thing, err := k.docs.UpdateReading(ctx, id, rowsOf(id, promises), change)
	if err == nil {
		k.settleSoon(id, P(&thing))
	}
	return thing, errs, err
}

// finalIn returns the promises that steps make final, and the lots they are parts of, each once.
func finalIn(steps []ledger.Step) (promises []string) {
	seen := map[string]bool{"": true} // no lot
	for _, step := range steps {
		if !step.Final() {
			continue
		}
		for _, promise := range []string{step.ID, step.Lot} {
			if !seen[promise] {
				seen[promise] = true
				promises = append(promises, promise)
			}
		}
	}
	return promises
}

// rowsOf returns the keys that say what became of promises.
func rowsOf(id string, promises []string) []string {
	keys := make([]string, 0, 2*len(promises))
	for _, promise := range promises {
		keys = append(keys, confirmedKey(id, promise), releasedKey(id, promise))
	}
	return keys
}

// factsOf returns what the rows say of promises.
func factsOf(id string, promises []string, values map[string]sidecar.Value) (ledger.Facts, error) {
	facts := make(ledger.Facts, len(promises))
	for _, promise := range promises {
		fact := ledger.Fact{Released: !values[releasedKey(id, promise)].Missing()}
		if row := values[confirmedKey(id, promise)]; !row.Missing() {
			fact.Confirmed = new(ledger.Amount)
			if err := json.Unmarshal(row.Data, fact.Confirmed); err != nil {
				return nil, fmt.Errorf("decode %q: %w", confirmedKey(id, promise), err)
			}
		}
		facts[promise] = fact
	}
	return facts, nil
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
		if err := k.settle(ctx, id, P(&thing).Ledger().Unsettled()); err != nil {
			return err
		}
		if _, _, err := k.Apply(ctx, id, nil); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper[T, P]) needsSweep(p P) bool {
	now := k.now()
	for _, entry := range p.Ledger().Entries {
		if entry.Settles() || entry.Expired(now) {
			return true
		}
	}
	return false
}

func confirmedKey(id, consignment string) string { return "confirmed/" + id + "/" + consignment }
func releasedKey(id, consignment string) string  { return "released/" + id + "/" + consignment }
