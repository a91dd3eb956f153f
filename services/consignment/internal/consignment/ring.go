package consignment

import "slices"

// ring holds the newest entries of a log, as many as its bounds let it.
type ring struct {
	start   Position // of the oldest entry that is held
	end     Position // behind the newest
	entries []Entry
	first   int64 // how many entries have left the ring
	size    int   // of the entries, see sizeOf
}

// Bounds of a ring, and with it of the memory of a tail: some 20 MB at worst.
const (
	ringEntries = 1024
	ringSize    = 50_000
)

// sizeOf is how large an entry is: mostly it is its containers.
func sizeOf(e Entry) int {
	if e.Consignment == nil {
		return 1
	}
	return 1 + len(e.Consignment.Containers)
}

// begin makes it an empty ring at a position.
func (r *ring) begin(at Position) { r.start, r.end = slices.Clone(at), slices.Clone(at) }

// add adds entries that follow the end.
func (r *ring) add(entries []Entry) {
	for _, e := range entries {
		r.entries = append(r.entries, e)
		r.size += sizeOf(e)
		r.end[e.Chain] = e.Number + 1
	}
	gone := 0
	for len(r.entries)-gone > ringEntries || r.size > ringSize {
		e := r.entries[gone]
		r.start[e.Chain] = e.Number + 1
		r.size -= sizeOf(e)
		gone++
	}
	clear(r.entries[:gone]) // what has left is not kept alive by the array behind
	r.entries = r.entries[gone:]
	r.first += int64(gone)
}

// from returns some entries from one on, which is counted from the first that ever was in the ring. It
// returns false if that has left the ring.
func (r *ring) from(n int64, most int) (entries []Entry, ok bool) {
	if n < r.first {
		return nil, false
	}
	some := r.entries[n-r.first:]
	return slices.Clone(some[:min(len(some), most)]), true
}
