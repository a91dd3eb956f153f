package consignment

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// pace is the shortest time between two readings of a tail: what happens meanwhile is read together.
	pace = 20 * time.Millisecond
	// pollEvery is how often the tail of all consignments looks for what other replicas did. It wakes those
	// of customers.
	pollEvery = 250 * time.Millisecond
	// lookEvery is how often a tail looks that is woken by that of all.
	lookEvery = 30 * time.Second
	// waitFor is how long it takes, about, until something certain has happened.
	waitFor = 100 * time.Millisecond
	// longestPause is between two attempts to read a log that cannot be read.
	longestPause = 2 * time.Second
)

// tail reads a log as it grows, while somebody watches it, and keeps the newest entries for all of them.
type tail struct {
	log      Log
	customer string
	every    time.Duration // it looks at least so often
	report   *slog.Logger
	tell     func([]Entry) // is told what was read; nil for nobody

	watchers int // guarded by the mutex of Watches
	stop     context.CancelFunc
	woken    chan struct{} // holds one token
	ready    chan struct{} // closed once the ring has begun

	mu    sync.Mutex
	ring  ring
	grown chan struct{} // closed when the ring has grown, and replaced
}

// wake has the tail look at once.
func (t *tail) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// run reads until ctx ends. It begins after another tail is ready, by which it is woken.
func (t *tail) run(ctx context.Context, after <-chan struct{}) {
	select {
	case <-after:
	case <-ctx.Done():
		return
	}
	var at Position
	t.insist(ctx, func() (err error) {
		at, err = t.log.End(ctx, t.customer)
		return err
	})
	if ctx.Err() != nil {
		return
	}
	t.ring.begin(at)
	close(t.ready)
	for ctx.Err() == nil {
		t.rest(ctx, t.look(ctx))
	}
}

// look reads what is new and returns how long it is to rest then at most.
func (t *tail) look(ctx context.Context) time.Duration {
	var reading Reading
	t.insist(ctx, func() (err error) {
		reading, err = t.log.Read(ctx, t.customer, t.ring.end) // which nobody else changes
		return err
	})
	if len(reading.Entries) > 0 {
		t.add(reading.Entries)
	}
	switch {
	case reading.More:
		return 0
	case reading.Waiting:
		return waitFor
	}
	return t.every
}

func (t *tail) add(entries []Entry) {
	t.mu.Lock()
	t.ring.add(entries)
	close(t.grown)
	t.grown = make(chan struct{})
	t.mu.Unlock()
	if t.tell != nil {
		t.tell(entries)
	}
}

// rest waits until the tail is woken, for so long at most; after less than the pace it is not.
func (t *tail) rest(ctx context.Context, atMost time.Duration) {
	sleep(ctx, min(pace, atMost))
	select {
	case <-t.woken:
	case <-time.After(atMost - min(pace, atMost)):
	case <-ctx.Done():
	}
}

// insist does something until it succeeds or ctx ends.
func (t *tail) insist(ctx context.Context, do func() error) {
	for pause := 50 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, longestPause) {
		err := do()
		if err == nil || ctx.Err() != nil {
			return
		}
		t.report.Warn("the log of consignments not read; will be tried again", "error", err)
		sleep(ctx, pause)
	}
}

// view is what a watcher sees of a tail.
type view struct {
	entries []Entry
	next    int64           // counts on from entries
	ahead   int64           // where something has left the ring: how many entries follow
	grown   <-chan struct{} // closed when there is more
}

// viewed is how many entries a watcher takes at once.
const viewed = 64

// from returns what follows a position in the ring; next is where the last view ended, or -1. It returns
// false if something between has left the ring.
func (t *tail) from(at Position, next int64) (v view, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v.grown = t.grown
	if v.entries, ok = t.ring.from(next, viewed); !ok {
		if next = t.ring.first; !at.covers(t.ring.start) {
			v.ahead = at.until(t.ring.end)
			return v, false
		}
		v.entries, ok = t.ring.from(next, viewed)
	}
	v.next = next + int64(len(v.entries))
	return v, ok
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
