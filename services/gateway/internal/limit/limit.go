// Package limit says who asks too often. What is counted has a key, such as an address; each key has
// a bucket of its own that so many may be taken from at once and that fills up again by the time.
//
// A table of buckets is bounded, and its bound is no way round it: while it is full, a new key takes
// the place of that bucket, of a few, which was taken from the least. So it takes a flood of keys that
// each ask as often as allowed to make the table forget one that asked too often, and a new key always
// finds a place.
package limit

import (
	"sync"
	"time"
)

// Rate is how often a key may ask: Burst times at once, and once more after each Every.
type Rate struct {
	Burst int
	Every time.Duration
}

const (
	// DefaultKeys is how many keys a table knows at most: some 20 MB.
	DefaultKeys = 100_000
	// looked is how many buckets are looked at when a key is new.
	looked = 8
)

// Table is the buckets of one kind of key. Use [New].
type Table struct {
	rate Rate
	most int

	mu sync.Mutex
	// full is when the bucket of a key is full again. One that is full says no more than one that
	// is not there.
	full map[string]time.Time
}

// New returns a table of at most so many keys.
func New(rate Rate, most int) *Table {
	return &Table{rate: rate, most: most, full: make(map[string]time.Time)}
}

// Take takes n, at most the burst, from the bucket of a key and returns 0; or it takes nothing and
// returns after how long there will be enough.
func (t *Table) Take(key string, n int, now time.Time) time.Duration {
	n = min(n, t.rate.Burst)
	t.mu.Lock()
	defer t.mu.Unlock()
	full, known := t.full[key]
	if !known {
		t.makeRoom(now)
	}
	if full.Before(now) {
		full = now
	}
	full = full.Add(time.Duration(n) * t.rate.Every)
	empty := now.Add(time.Duration(t.rate.Burst) * t.rate.Every)
	if wait := full.Sub(empty); wait > 0 {
		return wait
	}
	t.full[key] = full
	return 0
}

// give puts n back.
func (t *Table) give(key string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if full, known := t.full[key]; known {
		t.full[key] = full.Add(-time.Duration(min(n, t.rate.Burst)) * t.rate.Every)
	}
}

// makeRoom forgets buckets that are full; and while there are too many, one that nearly is.
func (t *Table) makeRoom(now time.Time) {
	var nearest string
	seen := 0
	for key, full := range t.full { // which are the first ones is left to chance
		if !full.After(now) {
			delete(t.full, key)
		} else if nearest == "" || full.Before(t.full[nearest]) {
			nearest = key
		}
		if seen++; seen == looked {
			break
		}
	}
	if len(t.full) >= t.most {
		delete(t.full, nearest)
	}
}

// Len returns how many keys the table knows.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.full)
}

// Claim is one of a table's buckets.
type Claim struct {
	Table *Table
	Key   string
}

// All takes one from every bucket and returns 0; or from none, and returns after how long it is worth
// asking again.
func All(now time.Time, claims ...Claim) time.Duration {
	for i, c := range claims {
		wait := c.Table.Take(c.Key, 1, now)
		if wait == 0 {
			continue
		}
		for _, taken := range claims[:i] {
			taken.Table.give(taken.Key, 1)
		}
		return wait
	}
	return 0
}
