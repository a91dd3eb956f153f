package consignment

import "context"

// Log is everything that happened to consignments, written down in chains: each is only added to, and
// what is added later stands behind. Whose consignments it is about is a customer's id, or "" for all.
type Log interface {
	// End returns the position behind all that has happened.
	End(ctx context.Context, customer string) (Position, error)
	// Read returns what happened from a position on: a few hundred entries at most, those of a chain one
	// by one, and a cancellation behind its booking. Every reader is told the same of an entry.
	Read(ctx context.Context, customer string, from Position) (Reading, error)
	// Mark returns a position as a text that ParseMark reads for the same customer only.
	Mark(customer string, at Position) string
	ParseMark(customer, mark string) (at Position, ok bool)
	// Notify has f called, which must not block, whenever this process has added to the log.
	Notify(f func())
}

// Position is how far a log is read: for each chain, the number of its next entry.
type Position []int64

// Entry is what stands at one place of the log: a consignment as it was right after it was booked, or
// cancelled, as its status says.
type Entry struct {
	Chain  int
	Number int64
	// Consignment is shared and must not be changed. It is nil where nothing came of what is written there,
	// such as the second of two attempts to cancel at once.
	Consignment *Consignment
}

// Reading is what one step of reading a log brought.
type Reading struct {
	Entries []Entry
	More    bool // there is more to read at once
	Waiting bool // what comes next is certain to happen and has not happened yet
}

// covers says whether everything before another position is before this one, too.
func (p Position) covers(other Position) bool {
	for n, next := range other {
		if p[n] < next {
			return false
		}
	}
	return true
}

// until returns how many entries there are from this position on to another.
func (p Position) until(end Position) (entries int64) {
	for n, next := range end {
		entries += max(next-p[n], 0)
	}
	return entries
}

// AsBooked returns the consignment as it was right after it was booked.
func (c *Consignment) AsBooked() *Consignment {
	booked := *c
	booked.Status, booked.StatusReason, booked.UpdateTime = Booked, "", c.CreateTime
	return &booked
}
