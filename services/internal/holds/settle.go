package holds

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
)

const (
	settleAfter = 200 * time.Millisecond // how long entries wait for others, to be settled together
	settleFull  = 64                     // how many wait at most
)

// settleSoon has the rows of what became final written, together with those of others. Whatever
// happens to this process, the entries are in the ledger, and the next sweep of any replica finds
// them there.
func (k *Keeper[T, P]) settleSoon(id string, p P) {
	unsettled := p.Ledger().Unsettled()
	k.mu.Lock()
	defer k.mu.Unlock()
	for consignment, phase := range k.settled[id] {
		if unsettled[consignment].Phase == phase {
			delete(unsettled, consignment)
		}
	}
	if len(unsettled) == 0 {
		return
	}
	_, planned := k.waiting[id]
	k.waiting[id] = unsettled
	switch {
	case len(unsettled) >= settleFull:
		go k.settleWaiting(id)
	case !planned:
		time.AfterFunc(settleAfter, func() { k.settleWaiting(id) })
	}
}

func (k *Keeper[T, P]) settleWaiting(id string) {
	k.mu.Lock()
	unsettled := k.waiting[id]
	delete(k.waiting, id)
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := k.settle(ctx, id, unsettled); err != nil {
		k.log.Warn("rows of final holds not written; the next sweep will", "thing", id, "rows", len(unsettled), "error", err)
	}
}

// settle writes the rows of final entries and remembers that they are written, so that the ledger
// forgets the entries with its next change.
func (k *Keeper[T, P]) settle(ctx context.Context, id string, unsettled map[string]ledger.Entry) error {
	rows := make([]sidecar.Item, 0, len(unsettled))
	phases := make(map[string]ledger.Phase, len(unsettled))
	for consignment, entry := range unsettled {
		key, data := releasedKey(id, consignment), []byte("{}")
		if entry.Phase == ledger.Confirmed {
			key = confirmedKey(id, consignment)
			data, _ = json.Marshal(entry.Amount) // two integers
		}
		rows = append(rows, sidecar.Item{Key: key, Data: data})
		phases[consignment] = entry.Phase
	}
	if len(rows) == 0 {
		return nil
	}
	if err := k.state.Transact(ctx, rows, nil); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	known := maps.Clone(k.settled[id])
	if known == nil || len(known) > 4*settleFull {
		known = make(map[string]ledger.Phase, len(phases)) // what is lost is settled again, to no harm
	}
	maps.Copy(known, phases)
	k.settled[id] = known
	return nil
}

// settledOf returns the rows known to be written.
func (k *Keeper[T, P]) settledOf(id string) map[string]ledger.Phase {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.settled[id] // replaced as a whole, never changed
}
