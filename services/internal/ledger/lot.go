package ledger

import "seaport.example/services/internal/failure"

// A lot is many consignments that share one promise. It is held and abandoned as any other. What differs:
//
//	(none) --ConfirmLot--> confirmed, or released where there is too little left
//	(none) --Return-->     awaited --ConfirmLot--> the same, less what was returned
//	held   --Return-->     confirmed, less what was returned
//
// A confirmed lot is never released as a whole: its parts are returned, one by one, and only they
// know what has come back. Each part has an entry and a row of its own, under its own id, which
// say that it was returned. The lot's entry and row keep the whole amount, so that what is written
// once never changes: a lot has its amount in use less that of its returned parts.

// ConfirmLot makes the promise to a lot final. A refusal is final too: the lot is released in the same
// move, so that nothing of it is ever in use, and parts that are returned later give nothing back.
// Whoever is refused once is refused always. The amount is that of all parts, as it was held.
// Errors: FAILED_PRECONDITION when the hold expired and there is too little left.
func (l *Ledger) ConfirmLot(id string, amount, limit Amount, fact Fact) error {
	if fact.Released || l.Entries[id].Phase == Released {
		l.Release(id, fact) // drops a hold that came late
		return failure.Short(failure.ShortOfCapacity, "containers", "the hold of lot %s was lost before", id)
	}
	err := l.Confirm(id, amount, limit, fact)
	if err != nil {
		l.Release(id, fact)
	}
	return err
}

// Return gives back the part of a lot that one consignment has, for good and once. Only what is booked
// can be cancelled, so the lot is booked too: its hold expires no more. A return before the lot is
// confirmed counts when it is.
func (l *Ledger) Return(part string, amount Amount, fact Fact, lot string, lotFact Fact) {
	again := fact.Released || l.Entries[part].Phase == Released
	l.Release(part, fact) // also what an earlier attempt holds for the consignment alone
	if again {
		return
	}
	entry := l.Entries[lot]
	switch {
	case lotFact.Released || entry.Phase == Released: // it got nothing
	case lotFact.Confirmed != nil || entry.Phase == Confirmed:
		l.Used = l.Used.minus(amount)
	case entry.Phase == Held:
		l.put(lot, Entry{Amount: entry.Amount, Phase: Confirmed})
		l.Used = l.Used.minus(amount)
	default:
		l.put(lot, Entry{Phase: Awaited, Returned: entry.Returned.plus(amount)})
	}
}
