package pages_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// writer writes lists as a replica does, under its seat.
type writer struct {
	*pages.Writer
	state *sidecar.State
	held  seat.Held
}

func newWriter(t *testing.T, fake *sidecartest.Fake, number int) *writer {
	state := fake.State(t)
	return &writer{pages.New(state, "cargo").Writer(), state, seat.Held{Number: number, Term: fmt.Sprint("term", number)}}
}

// add adds ids to scopes, in one transaction, and says what came of it.
func (w *writer) add(ctx context.Context, at time.Time, ids []string, scopes ...string) error {
	entries := make(map[string][]pages.Entry)
	for _, scope := range scopes {
		for _, id := range ids {
			entries[scope] = append(entries[scope], pages.Entry{ID: id, Added: at.UnixMilli()})
		}
	}
	items, err := w.Stage(ctx, w.held, entries)
	if err == nil {
		err = w.state.Transact(ctx, items, nil)
	}
	w.Done(err == nil)
	return err
}

func (w *writer) mustAdd(t *testing.T, at time.Time, ids ...string) {
	t.Helper()
	if err := w.add(t.Context(), at, ids, "all"); err != nil {
		t.Fatal(err)
	}
}

// numbered returns ids [from, to), in the order of their numbers.
func numbered(from, to int) (ids []string) {
	for n := from; n < to; n++ {
		ids = append(ids, fmt.Sprintf("c%05d", n))
	}
	return ids
}

func reversed(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

// readAll reads a list to its end in pages of a size.
func readAll(t *testing.T, scope pages.Scope, size int32, token string) (all []string) {
	t.Helper()
	for {
		ids, next, err := scope.Page(t.Context(), size, token)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) > int(size) || next != "" && len(ids) < int(size) {
			t.Fatalf("a page of %d has %d, next %q", size, len(ids), next)
		}
		all = append(all, ids...)
		if next == "" {
			return all
		}
		token = next
	}
}

func wantIDs(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: %d ids, want %d; the first difference is at %d: %q, want %q", what, len(got), len(want), i,
				got[min(i, len(got)):min(i+3, len(got))], want[min(i, len(want)):min(i+3, len(want))])
			return
		}
	}
}

func scopeOf(t *testing.T, fake *sidecartest.Fake) pages.Scope {
	return pages.New(fake.State(t), "cargo").Scope("all")
}

func TestNewestFirstWithoutGapOrRepeat(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, 8, 9, 15, 16, 17, 24, 65} {
		for _, batch := range []int{1, 40} {
			t.Run(fmt.Sprintf("%d in batches of %d", n, batch), func(t *testing.T) {
				t.Parallel()
				fake := sidecartest.New()
				w := newWriter(t, fake, 3)
				for some := range slices.Chunk(numbered(0, n), batch) {
					w.mustAdd(t, noon, some...)
				}
				scope := scopeOf(t, fake)
				for _, size := range []int32{1, 8, 50, pages.MaxSize} {
					wantIDs(t, fmt.Sprintf("pages of %d", size), readAll(t, scope, size, ""), reversed(numbered(0, n)))
				}
			})
		}
	}
}

// A page costs the same however long the list is.
func TestCostOfAPage(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	w := newWriter(t, fake, 0)
	w.mustAdd(t, noon, numbered(0, 3000)...)
	scope := scopeOf(t, fake)
	token := ""
	for page := range 5 {
		before := fake.Count(sidecartest.GetMany)
		_, next, err := scope.Page(t.Context(), 50, token)
		if err != nil {
			t.Fatal(err)
		}
		if calls := fake.Count(sidecartest.GetMany) - before; calls > 2 || fake.Count(sidecartest.Get) != 0 {
			t.Errorf("page %d took %d calls", page, calls)
		}
		token = next
	}
}

// What a write costs does not grow with the list either.
func TestSizeOfAHead(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	w := newWriter(t, fake, 0)
	for _, id := range numbered(0, 100) {
		w.mustAdd(t, noon, id)
		if size := len(fake.Value("list/cargo/all/0")); size > 2000 {
			t.Fatalf("the head has %d bytes", size)
		}
	}
}

// Two seats' chains are one list, by time.
func TestSeatsAreMergedByTime(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	fake := sidecartest.New()
	writers := []*writer{newWriter(t, fake, 0), newWriter(t, fake, 5), newWriter(t, fake, 31)}
	ids := numbered(0, 60)
	for i, id := range ids {
		writers[random.IntN(3)].mustAdd(t, noon.Add(time.Duration(i)*time.Second), id)
	}
	for _, size := range []int32{2, 7, 50, 200} {
		wantIDs(t, fmt.Sprintf("pages of %d", size), readAll(t, scopeOf(t, fake), size, ""), reversed(ids))
	}
}

// Clocks and batches are not exact: whatever the times are, each id comes once.
func TestTimesInAnyOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 2))
	fake := sidecartest.New()
	writers := []*writer{newWriter(t, fake, 0), newWriter(t, fake, 1)}
	ids := numbered(0, 60)
	for _, id := range ids {
		writers[random.IntN(2)].mustAdd(t, noon.Add(time.Duration(random.IntN(5))*time.Second), id)
	}
	got := readAll(t, scopeOf(t, fake), 9, "")
	slices.Sort(got)
	wantIDs(t, "sorted", got, ids)
}

// Who reads page by page gets what was there at the first, whatever is added meanwhile.
func TestAddedWhileRead(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	writers := []*writer{newWriter(t, fake, 0), newWriter(t, fake, 1)}
	for i, id := range numbered(0, 60) {
		writers[i%2].mustAdd(t, noon.Add(time.Duration(i)*time.Second), id)
	}
	writers = append(writers, newWriter(t, fake, 2)) // a replica that comes later
	scope := scopeOf(t, fake)
	var got []string
	token, added := "", 60
	for {
		ids, next, err := scope.Page(t.Context(), 7, token)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ids...)
		if token = next; token == "" {
			break
		}
		for _, w := range writers {
			for range 6 { // seals pages, too
				w.mustAdd(t, noon.Add(time.Duration(added)*time.Second), numbered(added, added+1)...)
				added++
			}
		}
	}
	wantIDs(t, "read while adding", got, reversed(numbered(0, 60)))
	wantIDs(t, "read afterwards", readAll(t, scope, 50, ""), reversed(numbered(0, added)))
}

func TestScopesAndNamesAreApart(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	w := newWriter(t, fake, 0)
	ids := numbered(0, 50)
	for i := range 25 {
		if err := w.add(t.Context(), noon, ids[2*i:2*i+1], "all", "even"); err != nil {
			t.Fatal(err)
		}
		if err := w.add(t.Context(), noon, ids[2*i+1:2*i+2], "all"); err != nil {
			t.Fatal(err)
		}
	}
	list := pages.New(fake.State(t), "cargo")
	if got := readAll(t, list.Scope("even"), 50, ""); len(got) != 25 || got[0] != ids[48] {
		t.Errorf("the scope has %d, newest %q", len(got), got[:1])
	}
	wantIDs(t, "all", readAll(t, list.Scope("all"), 50, ""), reversed(ids))
	for _, other := range []pages.Scope{list.Scope("odd"), list.Scope("al"), pages.New(fake.State(t), "ships").Scope("all")} {
		if got := readAll(t, other, 50, ""); len(got) != 0 {
			t.Errorf("another list has %q", got)
		}
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	newWriter(t, fake, 4).mustAdd(t, noon, numbered(0, 450)...)
	scope := scopeOf(t, fake)
	var got []string
	visits := 0
	if err := scope.All(t.Context(), func(ids []string) error { visits++; got = append(got, ids...); return nil }); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "all", got, reversed(numbered(0, 450)))
	if visits != 3 {
		t.Errorf("%d visits for 450 ids", visits)
	}
	stop := errors.New("stop")
	if err := scope.All(t.Context(), func([]string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("All = %v, want the visitor's error", err)
	}
}

func TestWriterAfterAFailure(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sidecartest.Fault{
		"not stored":             {Op: sidecartest.Transact, Before: sidecartest.Away, Times: 1},
		"stored and answer lost": {Op: sidecartest.Transact, After: sidecartest.Away, Times: 1},
		"head not read":          {Op: sidecartest.GetMany, Before: sidecartest.Away, Times: 1},
	} {
		for _, at := range []int{0, 3, 15, 20} { // 15: the entry that seals a page
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				t.Parallel()
				fake := sidecartest.New()
				w := newWriter(t, fake, 0)
				for _, id := range numbered(0, at) {
					w.mustAdd(t, noon, id)
				}
				want := numbered(0, at)
				if fault.Op == sidecartest.GetMany {
					w.held.Term = "next" // so that the head is read
				}
				fake.Inject(fault)
				if err := w.add(t.Context(), noon, []string{"fails"}, "all"); err == nil {
					t.Fatal("it did not fail")
				}
				if fault.After != nil {
					want = append(want, "fails")
				}
				for _, id := range numbered(at, 40) {
					w.mustAdd(t, noon, id)
					want = append(want, id)
				}
				wantIDs(t, "afterwards", readAll(t, scopeOf(t, fake), 50, ""), reversed(want))
			})
		}
	}
}

// A seat that was another replica's goes on with the other's chain.
func TestNewTermReadsTheHead(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	first, second := newWriter(t, fake, 0), newWriter(t, fake, 0)
	second.held.Term = "second"
	first.mustAdd(t, noon, numbered(0, 10)...)
	second.mustAdd(t, noon, numbered(10, 20)...)
	first.held.Term = "third" // the seat comes back to the first replica
	first.mustAdd(t, noon, numbered(20, 40)...)
	wantIDs(t, "three terms", readAll(t, scopeOf(t, fake), 50, ""), reversed(numbered(0, 40)))
}

func TestAddIsOnce(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	ids := numbered(0, 40) // more than a head holds
	var wg sync.WaitGroup
	for range 3 {
		scope := scopeOf(t, fake)
		wg.Go(func() {
			for _, id := range ids {
				if err := scope.Add(t.Context(), id, noon); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	scope := scopeOf(t, fake)
	if err := scope.Add(t.Context(), ids[0], noon); err != nil { // long sealed
		t.Error(err)
	}
	got := readAll(t, scope, 50, "")
	slices.Sort(got)
	wantIDs(t, "each once", got, ids)
}

// Whatever write fails, before it or with its answer lost, what was added is listed, once.
func TestAddWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	for at := 13; at < 25; at++ { // two pages are sealed meanwhile
		for name, fault := range map[string]sidecartest.Fault{
			"before": {Op: sidecartest.Put, Before: sidecartest.Away}, "after": {Op: sidecartest.Put, After: sidecartest.Away},
		} {
			t.Run(fmt.Sprintf("write %d, %s", at, name), func(t *testing.T) {
				t.Parallel()
				fake := sidecartest.New()
				scope := scopeOf(t, fake)
				failed := 0
				for _, id := range numbered(0, 30) {
					if n := fake.Count(sidecartest.Put); n >= at && failed == 0 {
						fault.Times = 1
						remove := fake.Inject(fault)
						if scope.Add(t.Context(), id, noon) != nil {
							failed++
						}
						remove()
					}
					if err := scope.Add(t.Context(), id, noon); err != nil {
						t.Fatal(err)
					}
				}
				if failed != 1 {
					t.Errorf("%d writes failed", failed)
				}
				wantIDs(t, "afterwards", readAll(t, scope, 50, ""), reversed(numbered(0, 30)))
			})
		}
	}
}

// wantInvalid demands INVALID_ARGUMENT about a field.
func wantInvalid(t *testing.T, what string, err error, field string) {
	t.Helper()
	e, ok := errors.AsType[*failure.Error](err)
	if !ok || e.Code() != codes.InvalidArgument || len(e.Violations()) != 1 || e.Violations()[0].Field != field {
		t.Errorf("%s: %v, want INVALID_ARGUMENT of %s", what, err, field)
	}
}

func TestSizeOutOfRange(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	newWriter(t, fake, 0).mustAdd(t, noon, numbered(0, 300)...)
	scope := scopeOf(t, fake)
	for _, size := range []int32{-1, pages.MaxSize + 1} {
		_, _, err := scope.Page(t.Context(), size, "")
		wantInvalid(t, fmt.Sprint(size), err, "page_size")
	}
	if ids, _, err := scope.Page(t.Context(), 0, ""); err != nil || len(ids) != pages.DefaultSize {
		t.Errorf("size 0 gave %d, %v", len(ids), err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	newWriter(t, fake, 0).mustAdd(t, noon, numbered(0, 100)...)
	newWriter(t, fake, 9).mustAdd(t, noon, numbered(100, 300)...)
	scope := scopeOf(t, fake)
	_, token, err := scope.Page(t.Context(), 50, "")
	if err != nil || token == "" {
		t.Fatalf("token %q, %v", token, err)
	}
	if ids, _, err := scope.Page(t.Context(), 50, token); err != nil || ids[0] != "c00249" {
		t.Errorf("the token leads to %q, %v", ids[:1], err)
	}

	wrong := map[string]string{
		"words": "the next one", "number": "2", "cut": token[:len(token)-1], "longer": token + "A", "twice": token + token,
		"padded": token + "=", "space": token + " ", "a sum of nothing else": "AAAAAAAAAAA", "long": string(make([]byte, 1<<16)),
	}
	for i := range token {
		for _, c := range []byte{'A', 'B', '_'} {
			if token[i] != c {
				changed := []byte(token)
				changed[i] = c
				wrong[fmt.Sprintf("%c at %d", c, i)] = string(changed)
			}
		}
	}
	for name, token := range wrong {
		_, _, err := scope.Page(t.Context(), 50, token)
		wantInvalid(t, name, err, "page_token")
	}

	for seat, n := range map[int]int{0: 100, 9: 200} { // as long as the first one
		if err := newWriter(t, fake, seat).add(t.Context(), noon, numbered(0, n), "other"); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = pages.New(fake.State(t), "cargo").Scope("other").Page(t.Context(), 50, token)
	wantInvalid(t, "of another scope", err, "page_token")
	shorter := sidecartest.New() // a store that was started anew
	newWriter(t, shorter, 0).mustAdd(t, noon, numbered(0, 100)...)
	newWriter(t, shorter, 9).mustAdd(t, noon, numbered(100, 120)...)
	_, _, err = scopeOf(t, shorter).Page(t.Context(), 50, token)
	wantInvalid(t, "beyond the list", err, "page_token")
}

func TestBrokenPageIsAnError(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"list/cargo/all/0", "list/cargo/all/0:1"} {
		fake := sidecartest.New()
		newWriter(t, fake, 0).mustAdd(t, noon, numbered(0, 40)...)
		if fake.Value(key) == nil {
			t.Fatalf("there is no %s", key)
		}
		fake.Set(key, []byte("{"))
		if ids, _, err := scopeOf(t, fake).Page(t.Context(), 50, ""); err == nil {
			t.Errorf("%s is broken and the page has %d ids", key, len(ids))
		}
	}
}
