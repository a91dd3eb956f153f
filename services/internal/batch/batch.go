// Package batch lets many callers that want the same thing at once share one call. While a call
// is in flight, the requests that arrive meanwhile form the next one; when nothing is in flight
// a request goes at once, so a lone caller waits for nobody.
//
// Callers who were answered tend to ask again. So after a call for many, the next one is held back
// until they are back among those who waited meanwhile, for a fraction of the time the call took at
// most: else the callers would part into groups that wait for each other. There is nothing to tune.
package batch

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Result is what came of one request of a batch.
type Result[A any] struct {
	Answer A
	Err    error
}

// Config bounds a [Batcher].
type Config struct {
	Max      int           // requests a call carries at most; 0 means 256
	InFlight int           // calls in flight at most; 0 means 1. Beyond the first only full ones go
	Timeout  time.Duration // time a call may take; 0 means 10 s
}

// Call answers a batch: one result a request, in their order. Its context belongs to the batch,
// not to any caller.
type Call[Q, A any] func(ctx context.Context, requests []Q) []Result[A]

// Batcher gathers requests into calls. Use [New].
type Batcher[Q, A any] struct {
	call Call[Q, A]
	cfg  Config

	mu       sync.Mutex
	waiting  []request[Q, A]
	inFlight int
	wanted   int           // how many must wait for full to be closed
	full     chan struct{} // nil while nobody lingers
}

type request[Q, A any] struct {
	ask    Q
	answer chan Result[A] // holds one result, so that a caller who left holds up nobody
}

// New returns a Batcher that answers requests with call.
func New[Q, A any](cfg Config, call Call[Q, A]) *Batcher[Q, A] {
	if cfg.Max <= 0 {
		cfg.Max = 256
	}
	if cfg.InFlight <= 0 {
		cfg.InFlight = 1
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	return &Batcher[Q, A]{call: call, cfg: cfg}
}

// Do has the request answered together with others. When ctx ends first, Do returns its error
// and the request may still be carried out.
func (b *Batcher[Q, A]) Do(ctx context.Context, ask Q) (A, error) {
	r := request[Q, A]{ask: ask, answer: make(chan Result[A], 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, r)
	if b.full != nil && len(b.waiting) >= b.wanted {
		close(b.full)
		b.full = nil
	}
	if b.inFlight == 0 || b.inFlight < b.cfg.InFlight && len(b.waiting) >= b.cfg.Max {
		b.inFlight++
		go b.run()
	}
	b.mu.Unlock()

	select {
	case result := <-r.answer:
		return result.Answer, result.Err
	case <-ctx.Done():
		var none A
		return none, ctx.Err()
	}
}

// run makes calls until nothing is waiting.
func (b *Batcher[Q, A]) run() {
	for {
		taken := b.take()
		if len(taken) == 0 {
			if b.rest() {
				return
			}
			continue
		}
		began := time.Now()
		b.answer(taken)
		if len(taken) > 1 {
			b.linger(len(taken), time.Since(began)/lingerFraction)
		}
	}
}

// lingerFraction is which part of a call's time the next one is held back at most.
const lingerFraction = 8

// take takes the next requests, as many as a call carries; none if they are for another run.
func (b *Batcher[Q, A]) take() []request[Q, A] {
	// Let those who are about to ask do so first: it costs a lone caller a microsecond.
	runtime.Gosched()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.due() {
		return nil
	}
	n := min(len(b.waiting), b.cfg.Max)
	taken := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return taken
}

// due says whether this run has a call to make: beside another run only a full one.
func (b *Batcher[Q, A]) due() bool {
	return len(b.waiting) >= b.cfg.Max || b.inFlight == 1 && len(b.waiting) > 0
}

// rest ends a run, unless somebody is waiting for it.
func (b *Batcher[Q, A]) rest() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.due() {
		return false
	}
	b.inFlight--
	return true
}

// linger waits until n more requests are waiting, or a full call's, for a while at most.
func (b *Batcher[Q, A]) linger(n int, atMost time.Duration) {
	b.mu.Lock()
	full := make(chan struct{})
	b.wanted, b.full = min(len(b.waiting)+n, b.cfg.Max), full
	if len(b.waiting) >= b.wanted {
		close(full)
		b.full = nil
	}
	b.mu.Unlock()

	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-full:
	case <-timer.C:
	}
	b.mu.Lock()
	if b.full == full {
		b.full = nil
	}
	b.mu.Unlock()
}

func (b *Batcher[Q, A]) answer(taken []request[Q, A]) {
	ctx, cancel := context.WithTimeout(context.Background(), b.cfg.Timeout)
	defer cancel()

	asks := make([]Q, len(taken))
	for i, r := range taken {
		asks[i] = r.ask
	}
	results := b.call(ctx, asks)
	for i, r := range taken {
		if i < len(results) {
			r.answer <- results[i]
		} else {
			r.answer <- Result[A]{Err: fmt.Errorf("batch of %d got %d answers", len(taken), len(results))}
		}
	}
}

// Fail answers n requests with one error, for a call that failed as a whole.
func Fail[A any](n int, err error) []Result[A] {
	results := make([]Result[A], n)
	for i := range results {
		results[i].Err = err
	}
	return results
}
