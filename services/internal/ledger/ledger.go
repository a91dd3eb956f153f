// Package ledger is the rules of promising something there is only so much of: room on a vessel,
// containers in a depot. It is pure: no clock, no store.
//
// A ledger belongs to one thing and is part of its document. It knows what is promised in all
// (Used) and keeps an entry for each promise that is still in flight:
//
//	(none) --Hold--> held --Confirm--> confirmed --> (a row of its own)
//	                  |  \--expiry, Abandon--> (none)
//	                  \--Release--> released --> (a row of its own)
//
// Confirmed and released promises leave the ledger once a row of their own says so. The rows are
// written after the ledger and before the entry is forgotten, so every step can be repeated after
// a crash; what the rows say is given to the rules as a [Fact]. Nothing here ever adds or
// subtracts a promise twice, in whatever order and however often the steps arrive.
//
// One promise may be made to a lot of many; see lot.go.
package ledger

import (
	"errors"
	"math"
	"time"

	"seaport.example/services/internal/failure"
)

// Amount is how much is promised. A thing that counts only containers has no limit of weight.
type Amount struct {
	Containers int64 `json:"containers"`
	Weight     int64 `json:"weight,omitempty"` // kilograms
}

// NoWeight is the weight limit of a thing that counts only containers.
const NoWeight = math.MaxInt64

func (a Amount) plus(b Amount) Amount {
	return Amount{a.Containers + b.Containers, a.Weight + b.Weight}
}

func (a Amount) minus(b Amount) Amount {
	return Amount{a.Containers - b.Containers, a.Weight - b.Weight}
}

// Fits says whether b is no more than a.
func (a Amount) Fits(b Amount) bool {
	return b.Containers <= a.Containers && b.Weight <= a.Weight
}

// Phase is how far a promise in flight has come.
type Phase string

// The phases of an entry.
const (
	Held      Phase = "held"      // expires unless confirmed
	Confirmed Phase = "confirmed" // booked; its row is being written
	Released  Phase = "released"  // given back for good; its row is being written
	Awaited   Phase = "awaited"   // a lot: parts were returned before it was confirmed
)

// Entry is a promise in flight.
type Entry struct {
	Amount
	Phase   Phase `json:"phase"`
	Expires int64 `json:"expires,omitempty"` // for a held one; Unix time in milliseconds

	Returned Amount `json:"returned,omitzero"` // for an awaited one; not promised, but to be missing from what will be
}

// Expired says that a hold is over, unless it is confirmed before somebody says so.
func (e Entry) Expired(now time.Time) bool { return e.Phase == Held && e.Expires < now.UnixMilli() }

// Settles says that the entry is final: it needs a row of its own and leaves the ledger after that.
func (e Entry) Settles() bool { return e.Phase == Confirmed || e.Phase == Released }

// Ledger is what is promised of one thing. The zero value has promised nothing.
type Ledger struct {
	Used    Amount           `json:"used"`
	Entries map[string]Entry `json:"entries,omitempty"`
}

// Fact is what the rows of a promise say: neither, one or both may be there.
type Fact struct {
	Confirmed *Amount // the promise was confirmed, with this amount
	Released  bool    // the promise was given back for good
}

// Facts is what the rows say, by promise.
type Facts map[string]Fact

// Step is one move on one promise.
type Step struct {
	Do      Action
	ID      string
	Amount  Amount    // for Hold, Confirm, ConfirmLot and Return
	Expires time.Time // for Hold
	Lot     string    // for Return: whose part ID is
}

// Action is one of the ledger's moves.
type Action int

// The moves: the methods of [Ledger] with these names.
const (
	Hold Action = iota
	Confirm
	Release
	Abandon
	ConfirmLot
	Return
)

// Final says that a promise becomes final by the step, so that it needs the [Fact] of the promise, and
// of the lot it is part of.
func (s Step) Final() bool { return s.Do != Hold && s.Do != Abandon }

// ErrMissing says that the thing a step is for does not exist.
var ErrMissing = errors.New("does not exist")

// Apply makes one move.
func (l *Ledger) Apply(step Step, limit Amount, facts Facts) error {
	fact := facts[step.ID]
	switch step.Do {
	case Hold:
		return l.Hold(step.ID, step.Amount, limit, step.Expires)
	case Confirm:
		return l.Confirm(step.ID, step.Amount, limit, fact)
	case Release:
		l.Release(step.ID, fact)
	case Abandon:
		l.Abandon(step.ID)
	case ConfirmLot:
		return l.ConfirmLot(step.ID, step.Amount, limit, fact)
	case Return:
		l.Return(step.ID, step.Amount, fact, step.Lot, facts[step.Lot])
	}
	return nil
}

// Free returns what of the limit is not promised.
func (l *Ledger) Free(limit Amount) Amount {
	free := limit.minus(l.Used)
	if limit.Weight == NoWeight {
		free.Weight = NoWeight
	}
	return free
}

// Pending returns how many holds are neither confirmed nor released.
func (l *Ledger) Pending() int {
	pending := 0
	for _, e := range l.Entries {
		if e.Phase == Held {
			pending++
		}
	}
	return pending
}

// Hold promises the amount to id until expires. Holding again moves the expiry. Errors:
// FAILED_PRECONDITION when the limit leaves too little.
func (l *Ledger) Hold(id string, amount, limit Amount, expires time.Time) error {
	entry, there := l.Entries[id]
	switch {
	case there && (entry.Phase == Confirmed || entry.Phase == Awaited): // booked already: this call came late
		return nil
	case there && entry.Phase == Released:
		return failure.Exists("consignment_id", "consignment %s is already cancelled", id)
	case there: // another attempt at the same booking, perhaps with other content
		l.drop(id)
	}
	if err := l.take(id, amount, limit, Entry{Amount: amount, Phase: Held, Expires: expires.UnixMilli()}); err != nil {
		if there {
			l.put(id, entry)
			l.Used = l.Used.plus(entry.Amount)
		}
		return err
	}
	return nil
}

// Confirm makes a promise final. One whose hold expired is taken again if there is room. Errors:
// FAILED_PRECONDITION when there is none.
func (l *Ledger) Confirm(id string, amount, limit Amount, fact Fact) error {
	entry, there := l.Entries[id]
	switch {
	case fact.Released || fact.Confirmed != nil:
		// Its story is told already: a hold that is here now came late, by a repeated call.
		if there && entry.Phase == Held {
			l.drop(id)
		}
		return nil
	case there && entry.Phase == Held:
		entry.Phase, entry.Expires = Confirmed, 0
		l.put(id, entry)
		return nil
	case there && entry.Phase != Awaited:
		return nil
	}
	return l.take(id, amount.minus(entry.Returned), limit, Entry{Amount: amount, Phase: Confirmed})
}

// Release gives a promise back for good: a confirmation that comes later changes nothing.
func (l *Ledger) Release(id string, fact Fact) {
	entry, there := l.Entries[id]
	switch {
	case there && entry.Phase == Released:
	case there && fact.Released: // a hold that came late, by a repeated call
		l.drop(id)
	case there:
		l.Used = l.Used.minus(entry.Amount)
		if entry.Phase == Held && fact.Confirmed != nil { // the same, beside what was confirmed
			l.Used = l.Used.minus(*fact.Confirmed)
		}
		l.put(id, Entry{Phase: Released})
	case fact.Released:
	default:
		if fact.Confirmed != nil {
			l.Used = l.Used.minus(*fact.Confirmed)
		}
		l.put(id, Entry{Phase: Released})
	}
}

// Abandon gives a hold back that was never booked. What is confirmed or released stays.
func (l *Ledger) Abandon(id string) {
	if l.Entries[id].Phase == Held {
		l.drop(id)
	}
}

// Expire gives back the holds that expired before now.
func (l *Ledger) Expire(now time.Time) {
	for id, e := range l.Entries {
		if e.Expired(now) {
			l.drop(id)
		}
	}
}

// Unsettled returns the entries that need a row of their own.
func (l *Ledger) Unsettled() map[string]Entry {
	unsettled := make(map[string]Entry)
	for id, e := range l.Entries {
		if e.Settles() {
			unsettled[id] = e
		}
	}
	return unsettled
}

// Forget removes an entry whose row is written, if it still is in the phase the row tells.
func (l *Ledger) Forget(id string, phase Phase) {
	if e, there := l.Entries[id]; there && e.Phase == phase && e.Settles() {
		delete(l.Entries, id)
	}
}

func (l *Ledger) take(id string, amount, limit Amount, entry Entry) error {
	if err := shortage(l.Free(limit), amount); err != nil {
		return err
	}
	l.Used = l.Used.plus(amount)
	l.put(id, entry)
	return nil
}

func (l *Ledger) put(id string, entry Entry) {
	if l.Entries == nil {
		l.Entries = make(map[string]Entry)
	}
	l.Entries[id] = entry
}

func (l *Ledger) drop(id string) {
	l.Used = l.Used.minus(l.Entries[id].Amount)
	delete(l.Entries, id)
}

// shortage says what of the amount is not free; nil when all of it is.
func shortage(free, amount Amount) error {
	var short []*failure.Error
	if amount.Containers > free.Containers {
		short = append(short, failure.Short(failure.ShortOfCapacity, "containers",
			"%d wanted, %d free", amount.Containers, max(free.Containers, 0)))
	}
	if amount.Weight > free.Weight {
		short = append(short, failure.Short(failure.ShortOfWeight, "weight",
			"%d kg wanted, %d kg free", amount.Weight, max(free.Weight, 0)))
	}
	return failure.All(short...)
}
