package pages

import (
	"cmp"
	"slices"
)

// run is a run of sealed pages, by their numbers, whose entries were all removed. That stays true: a sealed page gets
// no new entries. A head has at most one run more than there are sealed pages left.
type run struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// below says whether a sealed page is gone, and which is the next one below that is not; -1: none.
func (p *page) below(number int64) (next int64, gone bool) {
	i, found := p.search(number)
	switch {
	case found:
		return p.Gone[i].From - 1, true
	case i > 0 && p.Gone[i-1].To >= number:
		return p.Gone[i-1].From - 1, true
	}
	return number, false
}

// search returns the run that begins with a sealed page, or where it would be.
func (p *page) search(number int64) (int, bool) {
	return slices.BinarySearchFunc(p.Gone, number, func(r run, number int64) int { return cmp.Compare(r.From, number) })
}

// forget notes in a head that a sealed page is gone.
func (p *page) forget(number int64) {
	if _, gone := p.below(number); gone {
		return
	}
	i, _ := p.search(number)
	p.Gone = slices.Insert(p.Gone, i, run{From: number, To: number})
	if i+1 < len(p.Gone) && p.Gone[i+1].From == number+1 {
		p.Gone[i].To = p.Gone[i+1].To
		p.Gone = slices.Delete(p.Gone, i+1, i+2)
	}
	if i > 0 && p.Gone[i-1].To == number-1 {
		p.Gone[i-1].To = p.Gone[i].To
		p.Gone = slices.Delete(p.Gone, i, i+1)
	}
}

// index returns where an id is among the entries; -1 when it is not.
func (p *page) index(id string) int {
	return slices.IndexFunc(p.Entries, func(e Entry) bool { return e.ID == id })
}

// empty says that all entries were removed.
func (p *page) empty() bool {
	return !slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.ID != "" })
}
