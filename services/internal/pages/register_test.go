package pages_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/sidecar/sidecartest"
)

func mustAdd(t *testing.T, scope pages.Scope, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := scope.Add(t.Context(), id, noon); err != nil {
			t.Fatal(err)
		}
	}
}

func mustRemove(t *testing.T, scope pages.Scope, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := scope.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// wantList wants a list to have these ids, the newest first, whatever the size of pages.
func wantList(t *testing.T, what string, scope pages.Scope, want []string) {
	t.Helper()
	for _, size := range []int32{1, 8, pages.MaxSize} {
		wantIDs(t, fmt.Sprintf("%s, pages of %d", what, size), readAll(t, scope, size, ""), want)
	}
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(other string) bool { return other == id })
}

// Two replicas add, remove and add again, each what is there and what is not; calls fail before and after they were
// carried out, and are made again or not.
func TestRemoveWhateverFails(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, seed))
			fake := sidecartest.New()
			scopes := []pages.Scope{scopeOf(t, fake), scopeOf(t, fake)}
			// Seeds from 4 on have faults.
			fault := func(ctx context.Context, c sidecartest.Call) error {
				if seed >= 4 && random.IntN(12) == 0 {
					return sidecartest.Away(ctx, c)
				}
				return nil
			}
			var want []string // the oldest first
			for range 150 {
				id := fmt.Sprintf("c%02d", random.IntN(45))
				do := scopes[random.IntN(2)].Remove
				adding := random.IntN(100) < 55
				if adding {
					do = func(ctx context.Context, id string) error { return scopes[0].Add(ctx, id, noon) }
				}
				remove := fake.Inject(sidecartest.Fault{Before: fault, After: fault})
				err := do(t.Context(), id)
				for err != nil && random.IntN(2) == 0 { // else its caller has died
					err = do(t.Context(), id)
				}
				remove()
				switch got := readAll(t, scopes[1], 50, ""); {
				case err != nil: // it is done or not
					want = reversed(got)
				case adding && !slices.Contains(want, id):
					want = append(want, id)
				case !adding:
					want = without(want, id)
				}
				wantIDs(t, "meanwhile", readAll(t, scopes[1], 50, ""), reversed(want))
				if t.Failed() {
					return
				}
			}
			wantList(t, "afterwards", scopes[0], reversed(want))
			mustRemove(t, scopes[1], want...)
			wantList(t, "all removed", scopes[0], nil)
		})
	}
}

// What is removed leaves next to nothing behind, in whatever order it goes, and a long list is no slower to add to, to remove
// from and to read than a short one.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	const n = 150
	for name, order := range map[string]func(ids []string){
		"oldest first": func([]string) {},
		"newest first": slices.Reverse[[]string],
		"in any order": func(ids []string) {
			rand.New(rand.NewPCG(3, 3)).Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			scope := scopeOf(t, fake)
			ids := numbered(0, n)
			mustAdd(t, scope, ids...)
			order(ids)
			mustRemove(t, scope, ids[:n-1]...)
			wantList(t, "but one", scope, ids[n-1:])
			mustRemove(t, scope, ids[n-1:]...)
			wantList(t, "all", scope, nil)
			if keys := fake.Keys("list/"); len(keys) > 2 { // a sealed page has its last entry in the head
				t.Errorf("left are %q", keys)
			}
			if head := fake.Value("list/cargo/all/0"); len(head) > 1000 {
				t.Errorf("the head has %d bytes: %s", len(head), head)
			}
			mustAdd(t, scope, ids...)
			wantList(t, "added again", scope, reversed(ids))
		})
	}
}

// cost counts what is asked of the store.
func cost(fake *sidecartest.Fake, do func()) int {
	count := func() int {
		return fake.Count(sidecartest.Get) + fake.Count(sidecartest.GetMany) + fake.Count(sidecartest.Put) + fake.Count(sidecartest.Transact)
	}
	before := count()
	do()
	return count() - before
}

// Ten thousand entries make the next one no slower, nor do ten thousand that are gone.
func TestCostOfAddingAndRemoving(t *testing.T) {
	t.Parallel()
	measure := func(long int) (add, addAgain, remove, read int) {
		fake := sidecartest.New()
		newWriter(t, fake, 0).mustAdd(t, noon, numbered(0, long)...) // the same, and sooner
		scope := scopeOf(t, fake)
		ids := numbered(long, long+80)
		return cost(fake, func() { mustAdd(t, scope, ids...) }), cost(fake, func() { mustAdd(t, scope, ids...) }),
			cost(fake, func() { mustRemove(t, scope, ids...) }), cost(fake, func() { _, _, _ = scope.Page(t.Context(), 50, "") })
	}
	add, addAgain, remove, read := measure(80)
	longAdd, longAddAgain, longRemove, longRead := measure(10_000)
	if longAdd != add || longAddAgain != addAgain || longRemove != remove || longRead != read {
		t.Errorf("of 80 %d, %d, %d and %d calls; of 10,000 %d, %d, %d and %d", add, addAgain, remove, read, longAdd, longAddAgain, longRemove, longRead)
	}
	if add > 6*80 || read > 3 {
		t.Errorf("%d calls to add 80, %d to read 50", add, read)
	}
}

// Who reads page by page while others remove gets all that is left, once.
func TestRemovedWhileRead(t *testing.T) {
	t.Parallel()
	for _, newest := range []bool{true, false} { // which go first: those that were read, or those to come
		fake := sidecartest.New()
		scope := scopeOf(t, fake)
		mustAdd(t, scope, numbered(0, 200)...)
		goes := numbered(40, 160)
		if newest {
			slices.Reverse(goes)
		}
		seen := make(map[string]int)
		token := ""
		for {
			ids, next, err := scope.Page(t.Context(), 10, token)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				seen[id]++
			}
			if token = next; token == "" {
				break
			}
			some := min(20, len(goes))
			mustRemove(t, scope, goes[:some]...)
			goes = goes[some:]
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("%s came %d times", id, times)
			}
		}
		for _, id := range append(numbered(0, 40), numbered(160, 200)...) {
			if seen[id] != 1 {
				t.Errorf("%s came %d times, want once", id, seen[id])
			}
		}
	}
}

// A page that is deleted while the list is read, between its head and itself, is no error; one that is lost is.
func TestPageGoesWhileRead(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	scope, other := scopeOf(t, fake), scopeOf(t, fake)
	mustAdd(t, scope, numbered(0, 40)...)
	var once sync.Once
	fake.Inject(sidecartest.Fault{Op: sidecartest.GetMany, Key: "list/cargo/all/0", After: func(_ context.Context, c sidecartest.Call) error {
		if slices.Contains(c.Keys, "list/cargo/all/31") { // the heads
			once.Do(func() { mustRemove(t, other, numbered(8, 16)...) })
		}
		return nil
	}})
	ids, _, err := scope.Page(t.Context(), 50, "")
	if err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "read", ids, reversed(append(numbered(0, 8), numbered(16, 40)...)))
	if err := fake.State(t).Transact(t.Context(), nil, []string{"list/cargo/all/0:0"}); err != nil {
		t.Fatal(err)
	}
	if ids, _, err := scope.Page(t.Context(), 50, ""); err == nil || !strings.Contains(err.Error(), "all/0:0") {
		t.Errorf("a page is lost, and the list is %q, %v", ids, err)
	}
}

// Many replicas add and remove at once.
func TestRemoveAtOnce(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	var wg sync.WaitGroup
	var want []string
	for lane := range 3 {
		scope := scopeOf(t, fake)
		ids := numbered(100*lane, 100*lane+40)
		want = append(want, ids[30:]...)
		wg.Go(func() {
			for i, id := range ids {
				if err := insist(func() error { return scope.Add(t.Context(), id, noon) }); err != nil {
					t.Error(err)
				}
				if i < 10 {
					continue
				}
				if err := insist(func() error { return scope.Remove(t.Context(), ids[i-10]) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := readAll(t, scopeOf(t, fake), 50, "")
	slices.Sort(got)
	wantIDs(t, "left", got, want)
}

// insist tries again what others were in the way of.
func insist(do func() error) (err error) {
	for range 20 {
		if err = do(); err == nil {
			return nil
		}
	}
	return err
}

const (
	headKey   = "list/cargo/all/0"
	sealedKey = "list/cargo/all/0:0"
)

// cutting runs what is given when the oldest page is copied and marked and about to be cut off the head.
func cutting(t *testing.T, fake *sidecartest.Fake, do func(ctx context.Context, c sidecartest.Call) error) {
	t.Helper()
	var done atomic.Bool
	fake.Inject(sidecartest.Fault{Op: sidecartest.Put, Key: headKey, Before: func(ctx context.Context, c sidecartest.Call) error {
		if slices.Equal(c.Keys, []string{headKey}) && fake.Value(sealedKey) != nil && done.CompareAndSwap(false, true) {
			return do(ctx, c)
		}
		return nil
	}})
}

// A page that was copied and not cut off, since somebody died, is not there yet: the head decides.
func TestHalfSealed(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	scope := scopeOf(t, fake)
	ids := numbered(0, 16)
	mustAdd(t, scope, ids[:15]...)
	cutting(t, fake, sidecartest.Away)
	if scope.Add(t.Context(), ids[15], noon) == nil {
		t.Fatal("it is cut off")
	}
	mustRemove(t, scope, ids[3], ids[4])
	wantList(t, "removed", scope, reversed(slices.Concat(ids[:3], ids[5:])))
	mustAdd(t, scope, ids[3])
	want := slices.Concat(ids[:3], ids[5:], ids[3:4])
	wantList(t, "added again", scope, reversed(want))
	mustRemove(t, scope, ids[7])
	want = without(want, ids[7])
	more := numbered(16, 32) // which seals it, and the next
	mustAdd(t, scope, more...)
	want = append(want, more...)
	wantList(t, "sealed", scope, reversed(want))
	mustRemove(t, scope, ids[3])
	wantList(t, "removed again", scope, reversed(without(want, ids[3])))
}

// What is removed while its page is being sealed stays removed.
func TestRemovedWhileSealed(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	scope, other := scopeOf(t, fake), scopeOf(t, fake)
	ids := numbered(0, 16)
	mustAdd(t, scope, ids[:15]...)
	cutting(t, fake, func(context.Context, sidecartest.Call) error {
		mustRemove(t, other, ids[:8]...)
		return nil
	})
	mustAdd(t, scope, ids[15])
	wantList(t, "afterwards", scope, reversed(ids[8:]))
	if fake.Value(sealedKey) != nil {
		t.Error("an empty page is kept")
	}
}

// Who stood still while sealing a page goes on when it is sealed, and when it is gone, to no harm.
func TestSealedLate(t *testing.T) {
	t.Parallel()
	for _, gone := range []int{1, 8} { // so many of the page
		fake := sidecartest.New()
		scope, other := scopeOf(t, fake), scopeOf(t, fake)
		ids := numbered(0, 16)
		mustAdd(t, scope, ids[:15]...)
		var done atomic.Bool
		fake.Inject(sidecartest.Fault{Op: sidecartest.Get, Key: sealedKey, Before: func(context.Context, sidecartest.Call) error {
			if done.CompareAndSwap(false, true) {
				mustAdd(t, other, numbered(16, 24)...)
				mustRemove(t, other, ids[:gone]...)
			}
			return nil
		}})
		mustAdd(t, scope, ids[15])
		want := slices.Concat(ids[gone:], numbered(16, 24))
		wantList(t, fmt.Sprintf("%d gone", gone), scope, reversed(want))
		mustAdd(t, scope, ids[0])
		wantList(t, fmt.Sprintf("%d gone, one added again", gone), scope, reversed(append(want, ids[0])))
	}
}
