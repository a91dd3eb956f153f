package pages

import (
	"context"
	"encoding/json"
	"fmt"

	"seaport.example/services/internal/seat"
)

// Position is how far a list is read forwards: for each chain, the number of its next entry. The zero
// Position is the beginning.
type Position [seat.Count]int64

// Numbered is an entry and where it stands.
type Numbered struct {
	Entry

	Chain  int
	Number int64
}

// Snapshot is a list as it was at one time: what is added later is not in it.
type Snapshot struct {
	scope Scope
	heads [seat.Count]page
}

// Snapshot reads the heads of a list. Of two lists whose entries are added in one transaction, the one
// whose heads are read later has all that the other has.
func (s Scope) Snapshot(ctx context.Context) (*Snapshot, error) {
	chains, err := s.list.chains(ctx, s.name)
	if err != nil {
		return nil, err
	}
	taken := &Snapshot{scope: s}
	for _, c := range chains {
		taken.heads[c.seat] = c.head
	}
	return taken, nil
}

// End returns the position behind the last entry.
func (s *Snapshot) End() (end Position) {
	for n, head := range s.heads {
		end[n] = head.First + int64(len(head.Entries))
	}
	return end
}

// After returns up to most entries from a position on, and whether there are more. Those of a chain come
// in the order in which they were added, one by one; among chains the older goes first, by the clocks of
// those who wrote them. The reads are bounded by most, however long the list is.
func (s *Snapshot) After(ctx context.Context, from Position, most int) (entries []Numbered, more bool, err error) {
	ahead, err := s.ahead(ctx, from, most)
	if err != nil {
		return nil, false, err
	}
	for {
		oldest := oldestOf(ahead)
		// Where entries are not read yet there may be an older one.
		if unread := anyUnread(ahead); oldest == nil || unread || len(entries) == most {
			return entries, unread || oldest != nil, nil
		}
		entries = append(entries, Numbered{Entry: oldest.read[0], Chain: oldest.chain, Number: oldest.next})
		oldest.read, oldest.next = oldest.read[1:], oldest.next+1
	}
}

// forward is a chain that has entries from a position on.
type forward struct {
	chain int
	next  int64   // number of the next entry
	end   int64   // behind the last one
	read  []Entry // from the next one on; fewer than there are, perhaps
}

// ahead returns the chains that have entries from a position on, each with the first of them.
func (s *Snapshot) ahead(ctx context.Context, from Position, most int) (ahead []*forward, err error) {
	for n, end := range s.End() {
		if from[n] < end {
			ahead = append(ahead, &forward{chain: n, next: from[n], end: end})
		}
	}
	if len(ahead) == 0 {
		return nil, nil
	}
	share := int64(max(most/len(ahead), perPage))
	var keys []string
	for _, f := range ahead {
		for n := range s.sealed(f, share) {
			keys = append(keys, s.sealedKey(f, n))
		}
	}
	values, err := s.scope.list.state.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, f := range ahead {
		for n := range s.sealed(f, share) {
			key := s.sealedKey(f, n)
			var p page
			if err := json.Unmarshal(values[key].Data, &p); err != nil {
				return nil, fmt.Errorf("decode %q: %w", key, err)
			}
			f.add(p)
		}
		if head := s.heads[f.chain]; f.next+int64(len(f.read)) >= head.First {
			f.add(head)
		}
	}
	return ahead, nil
}

// sealed yields the numbers of the sealed pages on which a chain's next so many entries are.
func (s *Snapshot) sealed(f *forward, share int64) func(yield func(n int64) bool) {
	return func(yield func(n int64) bool) {
		for n := f.next / perPage; n*perPage < min(s.heads[f.chain].First, f.next+share); n++ {
			if !yield(n) {
				return
			}
		}
	}
}

func (s *Snapshot) sealedKey(f *forward, n int64) string {
	return s.scope.list.sealedKey(s.scope.name, f.chain, n)
}

// add adds what is on a page from the next entry on.
func (f *forward) add(p page) {
	f.read = append(f.read, p.Entries[f.next+int64(len(f.read))-p.First:]...)
}

// oldestOf returns the chain whose next entry is the oldest; nil when nothing is left.
func oldestOf(ahead []*forward) (oldest *forward) {
	for _, f := range ahead {
		if len(f.read) > 0 && (oldest == nil || newer(oldest.read[0], f.read[0])) {
			oldest = f
		}
	}
	return oldest
}

// anyUnread says whether there is a chain of which all is used up that was read, and more is there.
func anyUnread(ahead []*forward) bool {
	for _, f := range ahead {
		if len(f.read) == 0 && f.next < f.end {
			return true
		}
	}
	return false
}
