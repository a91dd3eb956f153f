package importing

import (
	"slices"

	"seaport.example/cli/internal/orderfile"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// Bounds of what is under way.
const (
	windowLines  = 8000
	windowBytes  = 16 << 20 // in memory, about
	messageLines = 250
	messageBytes = 256 << 10
)

// entry is a line on its way.
type entry struct {
	line    orderfile.Line
	order   *consignmentv1.CreateConsignmentRequest // nil: the line is none
	size    int                                     // of the order, in bytes as sent
	tries   int                                     // answers that it is worth a retry
	again   *Refusal                                // the last of these
	outcome *outcome                                // nil: not known yet
}

// room is about what an entry takes of memory, in bytes.
func (e *entry) room() int {
	const fixed, perContainer = 1 << 10, 128 // what the structs take
	return fixed + len(e.line.Text) + 2*e.size + perContainer*len(e.order.GetContainers())
}

// outcome is what came of a line for good.
type outcome struct {
	refusal *Refusal // nil: it is booked
}

// window is the lines that were read and whose results are not handed on, in the order of the file. Those that have an
// outcome wait in it for the ones before them.
type window struct {
	entries []*entry
	room    int
	unsent  []*entry // on the present stream, in order
	awaited []*entry // sent on the present stream, without an answer, in order
}

// full says that no more lines are to be read.
func (w *window) full() bool { return len(w.entries) >= windowLines || w.room >= windowBytes }

// add takes the next line of the file.
func (w *window) add(e *entry) {
	w.entries = append(w.entries, e)
	w.room += e.room()
	if e.outcome == nil {
		w.unsent = append(w.unsent, e)
	}
}

// rewind makes every line without an outcome one that is to be sent on a new stream.
func (w *window) rewind() {
	w.unsent, w.awaited = nil, nil
	for _, e := range w.entries {
		if e.outcome == nil {
			w.unsent = append(w.unsent, e)
		}
	}
}

// waiting returns the lines that were answered with UNAVAILABLE.
func (w *window) waiting() (all []*entry) {
	for _, e := range w.entries {
		if e.outcome == nil && e.tries > 0 {
			all = append(all, e)
		}
	}
	return all
}

// message returns how many of the unsent lines the next message takes, and whether they fill it.
func (w *window) message() (n int, filled bool) {
	size := 0
	for n < len(w.unsent) {
		if size += w.unsent[n].size; size > messageBytes && n > 0 {
			return n, true
		}
		n++
		if n == messageLines {
			return n, true
		}
	}
	return n, size >= messageBytes
}

// sent notes that the first n of the unsent lines are on their way.
func (w *window) sent(n int) {
	w.awaited = append(w.awaited, w.unsent[:n]...)
	w.unsent = slices.Delete(w.unsent, 0, n)
}

// pop returns the first line if it has an outcome, and lets go of it.
func (w *window) pop() *entry {
	if len(w.entries) == 0 || w.entries[0].outcome == nil {
		return nil
	}
	e := w.entries[0]
	w.entries[0] = nil
	w.entries = w.entries[1:]
	w.room -= e.room()
	return e
}
