// Package batch lets many callers that want the same thing at once share one call. While a call
// is in flight, the requests that arrive meanwhile form the next one; when nothing is in flight
// a request goes at once, so a lone caller waits for nobody. There is no timer to tune.
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
	InFlight int           // calls in flight at most; 0 means 1
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
	if b.inFlight < b.cfg.InFlight {
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
		// Let those who are about to ask do so first: it costs a lone caller a microsecond and
		// spares a burst the batch of one at its head.
		runtime.Gosched()

		b.mu.Lock()
		n := min(len(b.waiting), b.cfg.Max)
		if n == 0 {
			b.inFlight--
			b.mu.Unlock()
			return
		}
		taken := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		b.mu.Unlock()

		b.answer(taken)
	}
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
