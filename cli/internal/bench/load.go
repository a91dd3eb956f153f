package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"seaport.example/cli/internal/latency"
)

// call makes one call for a caller. Its error means that the call does not count as done.
type call func(ctx context.Context, caller int) error

// answerWithin is how long an answer may take.
const answerWithin = 30 * time.Second

// failurePause keeps callers whose calls fail at once from doing nothing but fail.
const failurePause = 10 * time.Millisecond

// load is what one kind of call did for one row.
type load struct {
	took     [][]time.Duration // by caller, of the calls that succeeded
	elapsed  time.Duration     // of the slices, until the last answer of each
	failures *tally
	failed   int
}

func newLoad(callers int, failures *tally) *load {
	l := &load{took: make([][]time.Duration, callers), failures: failures}
	for i := range l.took {
		l.took[i] = make([]time.Duration, 0, 4096)
	}
	return l
}

// slice lets every caller call, one call after the other, until the quota is used up, and waits
// for the last answer. What each of them did is added to l. It returns how many calls succeeded
// and how many failed. When ctx ends it returns early and adds no failures for that.
func (l *load) slice(ctx context.Context, q quota, do call) (succeeded, failed int) {
	var (
		callers   sync.WaitGroup
		left      atomic.Int64
		ok, wrong atomic.Int64
	)
	left.Store(int64(q.calls))
	begin := time.Now()
	more := func(now time.Time) bool {
		if q.length > 0 {
			return now.Sub(begin) < q.length
		}
		return left.Add(-1) >= 0
	}
	for caller := range l.took {
		callers.Go(func() {
			took := l.took[caller]
			for now := begin; more(now); {
				start := time.Now()
				err := within(ctx, answerWithin, func(ctx context.Context) error { return do(ctx, caller) })
				now = time.Now()
				switch {
				case err == nil:
					took = append(took, now.Sub(start))
					ok.Add(1)
				case ctx.Err() != nil:
					l.took[caller] = took
					return
				default:
					wrong.Add(1)
					l.failures.add(err)
					time.Sleep(failurePause)
					now = time.Now()
				}
			}
			l.took[caller] = took
		})
	}
	callers.Wait()
	l.elapsed += time.Since(begin)
	l.failed += int(wrong.Load())
	return int(ok.Load()), int(wrong.Load())
}

// within calls do with a context that ends after the limit.
func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return do(ctx)
}

// Figures is what came of one kind of call in one row.
type Figures struct {
	Calls     int // that succeeded
	Failed    int
	Elapsed   time.Duration
	PerSecond float64 // calls that succeeded
	Latency   latency.Spread
}

func (l *load) figures() Figures {
	var all []time.Duration
	for _, took := range l.took {
		all = append(all, took...)
	}
	f := Figures{Calls: len(all), Failed: l.failed, Elapsed: l.elapsed, Latency: latency.SpreadOf(all)}
	if l.elapsed > 0 {
		f.PerSecond = float64(len(all)) / l.elapsed.Seconds()
	}
	return f
}
