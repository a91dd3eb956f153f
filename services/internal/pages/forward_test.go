package pages_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// readOn reads forwards from a position until nothing is left, some at a time, and returns the ids and the
// position it came to. It wants each entry to stand at the position of its chain.
func readOn(t *testing.T, scope pages.Scope, at pages.Position, most int) (ids []string, _ pages.Position) {
	t.Helper()
	for {
		snapshot, err := scope.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		entries, more, err := snapshot.After(t.Context(), at, most)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > most || more && len(entries) == 0 {
			t.Fatalf("read %d entries of %d, more %t", len(entries), most, more)
		}
		for _, e := range entries {
			if e.Number != at[e.Chain] {
				t.Fatalf("%s is number %d of chain %d, want %d", e.ID, e.Number, e.Chain, at[e.Chain])
			}
			at[e.Chain]++
			ids = append(ids, e.ID)
		}
		if !more {
			if at != snapshot.End() {
				t.Errorf("came to %v, the end is %v", at, snapshot.End())
			}
			return ids, at
		}
	}
}

// From any position on exactly the rest is read, in the order in which it was added.
func TestForwardFromAnywhere(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 24, 65} {
		fake := sidecartest.New()
		w := newWriter(t, fake, 3)
		for some := range slices.Chunk(numbered(0, n), 5) {
			w.mustAdd(t, noon, some...)
		}
		scope := scopeOf(t, fake)
		for from := range n + 1 {
			for _, most := range []int{7, 8, 200} {
				var at pages.Position
				at[3] = int64(from)
				got, _ := readOn(t, scope, at, most)
				wantIDs(t, fmt.Sprintf("%d of %d on, %d at a time", from, n, most), got, numbered(from, n))
			}
		}
	}
}

// Several seats' chains are read as one list, the oldest first, whatever was read of which.
func TestForwardByTime(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	fake := sidecartest.New()
	writers := []*writer{newWriter(t, fake, 0), newWriter(t, fake, 5), newWriter(t, fake, 31)}
	ids := numbered(0, 300)
	for i, id := range ids {
		// One seat was busy long ago, the others are now.
		writers[max(min(i/100, 1), random.IntN(3)*min(i/100, 1))].mustAdd(t, noon.Add(time.Duration(i)*time.Second), id)
	}
	for _, most := range []int{1, 10, 64} {
		got, _ := readOn(t, scopeOf(t, fake), pages.Position{}, most)
		wantIDs(t, fmt.Sprintf("%d at a time", most), got, ids)
	}
}

// Who reads while others write misses nothing and reads nothing twice.
func TestForwardWhileWritten(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	const seats, each = 4, 150
	var writing sync.WaitGroup
	for n := range seats {
		w := newWriter(t, fake, n*7)
		writing.Go(func() {
			for i := 0; i < each; {
				some := min(1+rand.IntN(20), each-i)
				var ids []string
				for k := range some {
					ids = append(ids, fmt.Sprintf("s%d-%03d", n, i+k))
				}
				if err := w.add(t.Context(), time.Now(), ids, "all"); err != nil {
					t.Errorf("adding: %v", err)
					return
				}
				i += some
			}
		})
	}
	written := make(chan struct{})
	go func() { writing.Wait(); close(written) }()
	var all []string
	var at pages.Position
	for done := false; !done; {
		select {
		case <-written:
			done = true // and once more
		default:
		}
		var some []string
		some, at = readOn(t, scopeOf(t, fake), at, 30)
		all = append(all, some...)
	}
	for n := range seats {
		var own, want []string
		for _, id := range all {
			if strings.HasPrefix(id, fmt.Sprintf("s%d-", n)) {
				own = append(own, id)
			}
		}
		for i := range each {
			want = append(want, fmt.Sprintf("s%d-%03d", n, i))
		}
		wantIDs(t, fmt.Sprintf("seat %d", n), own, want)
	}
	if len(all) != seats*each {
		t.Errorf("%d are read, want %d", len(all), seats*each)
	}
}

// A step costs two reads of a bounded number of keys, however long the list is.
func TestCostOfAStep(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	most := 0
	fake.Inject(sidecartest.Fault{Op: sidecartest.GetMany, Before: func(_ context.Context, c sidecartest.Call) error {
		most = max(most, len(c.Keys))
		return nil
	}})
	for n := range 3 {
		newWriter(t, fake, n).mustAdd(t, noon, numbered(0, 3000)...)
	}
	snapshot, err := scopeOf(t, fake).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := fake.Count(sidecartest.GetMany)
	entries, more, err := snapshot.After(t.Context(), pages.Position{}, 128)
	if calls := fake.Count(sidecartest.GetMany) - before; err != nil || !more || len(entries) < 3 || calls != 1 || most > seat.Count {
		t.Errorf("%d entries, more %t, %v, by %d reads of up to %d keys", len(entries), more, err, calls, most)
	}
	// What is at the end is in the heads.
	before = fake.Count(sidecartest.GetMany)
	if entries, more, err := snapshot.After(t.Context(), snapshot.End(), 128); err != nil || more || len(entries) > 0 || fake.Count(sidecartest.GetMany) != before {
		t.Errorf("behind the end: %d entries, more %t, %v", len(entries), more, err)
	}
}

// A mark says its positions to the same lists, and nothing to others.
func TestMarks(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	one, other := pages.New(fake.State(t), "one"), pages.New(fake.State(t), "other")
	lists := []pages.Scope{one.Scope("all"), other.Scope("all")}
	var positions [2]pages.Position
	for range 20 {
		positions[rand.IntN(2)][rand.IntN(seat.Count)] = rand.Int64()
	}
	mark := pages.Mark(lists, positions[:])
	if got, ok := pages.ParseMark(lists, mark); !ok || !slices.Equal(got, positions[:]) {
		t.Errorf("the mark says %v, %t; want %v", got, ok, positions)
	}
	var full [2]pages.Position
	for i := range full {
		for n := range full[i] {
			full[i][n] = 1 << 62
		}
	}
	if got, ok := pages.ParseMark(lists, pages.Mark(lists, full[:])); !ok || !slices.Equal(got, full[:]) {
		t.Errorf("the longest mark says %v, %t", got, ok)
	}
	_, token, err := one.Page(t.Context(), "all", 1, "")
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		lists []pages.Scope
		mark  string
	}{
		"of another scope":   {[]pages.Scope{one.Scope("customer.a"), other.Scope("customer.a")}, mark},
		"of other lists":     {[]pages.Scope{other.Scope("all"), one.Scope("all")}, mark},
		"of one of them":     {lists[:1], mark},
		"cut off":            {lists, mark[:len(mark)-1]},
		"longer":             {lists, mark + "AA"},
		"a page token":       {lists, token},
		"nothing":            {lists, ""},
		"no base 64":         {lists, "é"},
		"longer than it may": {lists, strings.Repeat("A", 1<<20)},
	} {
		if got, ok := pages.ParseMark(c.lists, c.mark); ok {
			t.Errorf("a mark that is %s says %v", what, got)
		}
	}
}
