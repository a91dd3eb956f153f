package batch_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

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
