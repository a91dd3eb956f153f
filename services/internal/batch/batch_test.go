package batch_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/batch"
)

func TestLoneCallerGoesAtOnce(t *testing.T) {
	b := batch.New(batch.Config{}, func(_ context.Context, asks []int) []batch.Result[string] {
		return []batch.Result[string]{{Answer: strconv.Itoa(asks[0])}}
	})
	got, err := b.Do(t.Context(), 7)
	if err != nil || got != "7" {
		t.Fatalf("Do(7) = %q, %v", got, err)
	}
}

// While the first call is held, everybody else waits; then they go together.
func TestThoseWhoWaitShareTheNextCall(t *testing.T) {
	const callers = 50
	var sizes []int
	entered, release := make(chan struct{}), make(chan struct{})
	b := batch.New(batch.Config{Max: 40}, func(_ context.Context, asks []int) []batch.Result[int] {
		sizes = append(sizes, len(asks)) // one call in flight: no race
		if len(sizes) == 1 {
			close(entered)
			<-release
		}
		results := make([]batch.Result[int], len(asks))
		for i, ask := range asks {
			results[i].Answer = ask * 2
			if ask%7 == 0 {
				results[i].Err = errors.New("seven")
			}
		}
		return results
	})

	var wg sync.WaitGroup
	var queued atomic.Int32
	ask := func(i int) {
		queued.Add(1)
		got, err := b.Do(context.Background(), i)
		if i%7 == 0 {
			if err == nil {
				t.Errorf("Do(%d) gave no error", i)
			}
		} else if err != nil || got != 2*i {
			t.Errorf("Do(%d) = %d, %v", i, got, err)
		}
	}
	wg.Go(func() { ask(1) })
	<-entered
	for i := 2; i <= callers; i++ {
		wg.Go(func() { ask(i) })
	}
	for b.Waiting() < callers-1 {
	}
	close(release)
	wg.Wait()

	if len(sizes) != 3 || sizes[0] != 1 || sizes[1] != 40 || sizes[2] != 9 {
		t.Errorf("calls carried %v requests, want 1, 40 and 9", sizes)
	}
}

func TestCallerWhoLeavesHoldsUpNobody(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	b := batch.New(batch.Config{}, func(_ context.Context, asks []int) []batch.Result[int] {
		close(entered)
		<-release
		return make([]batch.Result[int], len(asks))
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := b.Do(ctx, 1)
		done <- err
	}()
	<-entered
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Do returned %v, want context.Canceled", err)
	}
	close(release)
}

func TestShortAnswerIsAnError(t *testing.T) {
	b := batch.New(batch.Config{}, func(context.Context, []int) []batch.Result[int] { return nil })
	if _, err := b.Do(t.Context(), 1); err == nil {
		t.Error("a request without an answer gave no error")
	}
}

func TestFail(t *testing.T) {
	boom := errors.New("boom")
	results := batch.Fail[int](2, boom)
	if len(results) != 2 || !errors.Is(results[0].Err, boom) || !errors.Is(results[1].Err, boom) {
		t.Errorf("Fail = %v", results)
	}
}

// calls records what a Batcher calls: how many requests each call carries, when, and how many calls
// there were at once. Each takes a second, in the time of a bubble.
type calls struct {
	mu       sync.Mutex
	sizes    []int
	at       []time.Duration
	began    time.Time
	inFlight int
	most     int
	// partial is how many calls began beside another one without being full.
	partial int
	full    int
}

func (c *calls) call(_ context.Context, asks []int) []batch.Result[int] {
	c.mu.Lock()
	c.sizes, c.at = append(c.sizes, len(asks)), append(c.at, time.Since(c.began))
	c.inFlight++
	c.most = max(c.most, c.inFlight)
	if c.inFlight > 1 && len(asks) < c.full {
		c.partial++
	}
	c.mu.Unlock()
	time.Sleep(time.Second)
	c.mu.Lock()
	c.inFlight--
	c.mu.Unlock()
	results := make([]batch.Result[int], len(asks))
	for i, ask := range asks {
		results[i].Answer = 2 * ask
	}
	return results
}

// Those who were answered and ask again share the next call with those who waited meanwhile: two
// groups that take turns would have each caller wait for two calls.
func TestCallersDoNotPartIntoGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers, rounds = 20, 5
		c := &calls{began: time.Now()}
		b := batch.New(batch.Config{}, c.call)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				if i >= callers/2 {
					time.Sleep(500 * time.Millisecond) // while the first call is in flight
				}
				for range rounds {
					if got, err := b.Do(t.Context(), i); err != nil || got != 2*i {
						t.Errorf("Do(%d) = %d, %v", i, got, err)
					}
					time.Sleep(10 * time.Millisecond) // before it asks again
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Minute) // the last call is waited for no longer
		// The first call carries one or a few; by the third all are together.
		for _, n := range c.sizes[3 : len(c.sizes)-2] {
			if n != callers {
				t.Errorf("calls carried %v requests: the %d callers are not together", c.sizes, callers)
				break
			}
		}
	})
}

// The next call is held back for a fraction of the last one's time at most, and not for one caller.
func TestLingersForAFraction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &calls{began: time.Now()}
		b := batch.New(batch.Config{}, c.call)
		var wg sync.WaitGroup
		ask := func(after time.Duration) {
			wg.Go(func() {
				time.Sleep(after)
				if _, err := b.Do(t.Context(), 1); err != nil {
					t.Error(err)
				}
			})
		}
		ask(0)
		ask(100 * time.Millisecond) // two wait for the first call
		ask(200 * time.Millisecond)
		ask(1500 * time.Millisecond) // one waits for theirs
		wg.Wait()
		ask(3 * time.Second)
		wg.Wait()
		time.Sleep(time.Minute)
		if len(c.at) != 4 || c.at[0] != 0 || c.at[1] != time.Second {
			t.Fatalf("calls at %v with %v requests, want the second right after the first, which was for one", c.at, c.sizes)
		}
		if held := c.at[2] - 2*time.Second; held <= 0 || held > 125*time.Millisecond {
			t.Errorf("the call after one for two was held back %v, want up to an eighth of a second", held)
		}
		if late := c.at[3] - c.at[2] - time.Second - 3*time.Second; late != 0 {
			t.Errorf("a lone caller waited %v", late)
		}
	})
}

// Beside a call in flight only a full one goes.
func TestInFlight(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 4} {
		synctest.Test(t, func(t *testing.T) {
			const most, callers = 8, 60
			c := &calls{began: time.Now(), full: most}
			b := batch.New(batch.Config{Max: most, InFlight: limit}, c.call)
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 37 * time.Millisecond)
					for n := range 10 {
						if got, err := b.Do(t.Context(), i); err != nil || got != 2*i {
							t.Errorf("Do(%d) = %d, %v", i, got, err)
						}
						time.Sleep(time.Duration((7*i+n)%13) * 31 * time.Millisecond)
					}
				})
			}
			wg.Wait()
			time.Sleep(time.Minute)
			if c.most != limit {
				t.Errorf("%d calls at once, want %d", c.most, limit)
			}
			if c.partial != 0 {
				t.Errorf("with %d in flight at most, %d of %d calls began beside another without being full", limit, c.partial, len(c.sizes))
			}
			for _, n := range c.sizes {
				if n < 1 || n > most {
					t.Errorf("a call carried %d requests", n)
				}
			}
		})
	}
}

// Every request is answered, once and with its own answer, whoever leaves meanwhile.
func TestNoRequestIsLost(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 3} {
		var carried atomic.Int64
		b := batch.New(batch.Config{Max: 16, InFlight: limit}, func(_ context.Context, asks []int) []batch.Result[int] {
			carried.Add(int64(len(asks)))
			results := make([]batch.Result[int], len(asks))
			for i, ask := range asks {
				results[i].Answer = -ask
			}
			return results
		})
		const callers, each = 64, 100
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for n := range each {
					ctx, ask := t.Context(), c*each+n
					if n%10 == 9 {
						ended, cancel := context.WithCancel(ctx)
						cancel()
						if got, err := b.Do(ended, ask); err == nil && got != -ask || err != nil && !errors.Is(err, context.Canceled) {
							t.Errorf("Do(%d) = %d, %v", ask, got, err)
						}
						continue
					}
					if got, err := b.Do(ctx, ask); err != nil || got != -ask {
						t.Errorf("Do(%d) = %d, %v", ask, got, err)
					}
				}
			})
		}
		wg.Wait()
		for carried.Load() < callers*each && t.Context().Err() == nil { // those who left are answered, too
			time.Sleep(time.Millisecond)
		}
		if n := carried.Load(); n != callers*each {
			t.Errorf("%d requests were carried, want %d", n, callers*each)
		}
	}
}

func TestCallHasATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := batch.New(batch.Config{Timeout: 3 * time.Second}, func(ctx context.Context, asks []int) []batch.Result[int] {
			<-ctx.Done()
			return batch.Fail[int](len(asks), ctx.Err())
		})
		began := time.Now()
		if _, err := b.Do(t.Context(), 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("Do = %v after %v", err, time.Since(began))
		}
	})
}
