package document_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// tally is a document that counts, up to a limit.
type tally struct {
	N    int      `json:"n"`
	Seen []string `json:"seen,omitempty"`
}

var errFull = errors.New("full")

func increment(doc *tally) error { doc.N++; return nil }

// replica returns the documents as one more replica sees them.
func replica(t *testing.T, fake *sidecartest.Fake) *document.Store[tally] {
	return document.NewStore[tally](fake.State(t), "tally/")
}

// remembering has a store remember document "a", as 3.
func remembering(t *testing.T, fake *sidecartest.Fake, store *document.Store[tally]) {
	t.Helper()
	reads := fake.Count(sidecartest.Get)
	if _, err := store.UpdateReading(t.Context(), "a", nil, func(doc *tally, _ map[string]sidecar.Value) error {
		doc.N = 3
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// The next change waits for the second read to be through.
	sidecartest.Await(t, "the document is read, and once more to be remembered", func() bool {
		return fake.Count(sidecartest.Get) == reads+2
	})
}

func TestReadAndWrite(t *testing.T) {
	t.Parallel()
	store := replica(t, sidecartest.New())
	ctx := t.Context()
	if doc, err := store.Get(ctx, "a"); err != nil || doc.N != 0 {
		t.Errorf("a document that does not exist is %+v, %v", doc, err)
	}
	for want := 1; want <= 3; want++ {
		if doc, err := store.Update(ctx, "a", increment); err != nil || doc.N != want {
			t.Fatalf("Update = %+v, %v, want %d", doc, err, want)
		}
	}
	if doc, err := store.Get(ctx, "a"); err != nil || doc.N != 3 {
		t.Errorf("Get = %+v, %v, want 3", doc, err)
	}
	docs, err := store.GetMany(ctx, []string{"none", "a"})
	if err != nil || len(docs) != 1 || docs["a"].N != 3 {
		t.Errorf("GetMany = %v, %v, want a only", docs, err)
	}
}

func TestRefusedChangeWritesNothing(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	store := replica(t, fake)
	if _, err := store.Update(t.Context(), "a", func(doc *tally) error { doc.N = 9; return errFull }); !errors.Is(err, errFull) {
		t.Errorf("Update = %v, want the change's own error", err)
	}
	if _, err := store.UpdateReading(t.Context(), "a", []string{"x"}, func(doc *tally, _ map[string]sidecar.Value) error {
		doc.N = 9
		return errFull
	}); !errors.Is(err, errFull) {
		t.Errorf("UpdateReading = %v, want the change's own error", err)
	}
	if fake.Count(sidecartest.Put) != 0 {
		t.Error("a refused change was written")
	}
}

func TestChangeOfNothingIsNotWritten(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	store := replica(t, fake)
	if _, err := store.Update(t.Context(), "a", increment); err != nil {
		t.Fatal(err)
	}
	doc, err := store.Update(t.Context(), "a", func(*tally) error { return nil })
	if err != nil || doc.N != 1 || fake.Count(sidecartest.Put) != 1 {
		t.Errorf("Update = %+v, %v after %d writes, want 1 after 1", doc, err, fake.Count(sidecartest.Put))
	}
}

func TestBrokenDocument(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	fake.Set("tally/a", []byte(`{"n":"many"}`))
	store := replica(t, fake)
	ctx := t.Context()
	if _, err := store.Get(ctx, "a"); err == nil {
		t.Error("Get decoded it")
	}
	if _, err := store.GetMany(ctx, []string{"a"}); err == nil {
		t.Error("GetMany decoded it")
	}
	if _, err := store.Update(ctx, "a", increment); err == nil {
		t.Error("Update decoded it")
	}
	if got := string(fake.Value("tally/a")); got != `{"n":"many"}` {
		t.Errorf("it was overwritten with %s", got)
	}
}

// Two replicas, many callers each, both ways to change: no change is lost, none is made twice.
func TestNoUpdateIsLost(t *testing.T) {
	t.Parallel()
	const callers, each = 6, 15
	fake := sidecartest.New()
	var wg sync.WaitGroup
	for r := range 2 {
		store := replica(t, fake)
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					name := fmt.Sprintf("%d/%d/%d", r, c, i)
					change := func(doc *tally) error {
						doc.N++
						doc.Seen = append(doc.Seen, name)
						return nil
					}
					var err error
					if (c+i)%3 == 0 {
						_, err = store.UpdateReading(t.Context(), "a", []string{"x"}, func(doc *tally, _ map[string]sidecar.Value) error { return change(doc) })
					} else {
						_, err = store.Update(t.Context(), "a", change)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	doc, err := replica(t, fake).Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	once := make(map[string]bool)
	for _, name := range doc.Seen {
		if once[name] {
			t.Errorf("change %s was made twice", name)
		}
		once[name] = true
	}
	if want := 2 * callers * each; doc.N != want || len(once) != want {
		t.Errorf("%d changes counted, %d seen, want %d", doc.N, len(once), want)
	}
}

// The memory saves reading, and only that: somebody else's write is seen by the answer.
func TestStaleMemory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		theirs string
		change func(doc *tally) error
		want   int
		err    error
	}{
		"a change is made to what is there": {`{"n":10}`, increment, 11, nil},
		"a refusal is asked about again": {`{"n":0}`, func(doc *tally) error {
			if doc.N >= 3 { // as remembered
				return errFull
			}
			return increment(doc)
		}, 1, nil},
		"a refusal that holds": {`{"n":10}`, func(doc *tally) error {
			if doc.N >= 3 {
				return errFull
			}
			return increment(doc)
		}, 10, errFull},
		"a change of nothing is asked about again": {`{"n":2}`, func(doc *tally) error {
			doc.N = 3
			return nil
		}, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			store := replica(t, fake)
			remembering(t, fake, store)
			fake.Set("tally/a", []byte(test.theirs))
			doc, err := store.Update(t.Context(), "a", test.change)
			if !errors.Is(err, test.err) || err == nil && doc.N != test.want {
				t.Errorf("Update = %+v, %v, want %d, %v", doc, err, test.want, test.err)
			}
			if stored, err := store.Get(t.Context(), "a"); err != nil || stored.N != test.want {
				t.Errorf("stored is %+v, %v, want %d", stored, err, test.want)
			}
		})
	}
}

func TestMemorySavesTheRead(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	store := replica(t, fake)
	remembering(t, fake, store)
	reads := fake.Count(sidecartest.Get) + fake.Count(sidecartest.GetMany)
	if _, err := store.Update(t.Context(), "a", increment); err != nil {
		t.Fatal(err)
	}
	if more := fake.Count(sidecartest.Get) + fake.Count(sidecartest.GetMany) - reads; more != 0 {
		t.Errorf("the change of a remembered document read %d times", more)
	}
}

// Who never gets a word in is told so, and how to go on.
func TestContention(t *testing.T) {
	t.Parallel()
	for name, update := range map[string]func(context.Context, *document.Store[tally]) error{
		"Update": func(ctx context.Context, store *document.Store[tally]) error {
			_, err := store.Update(ctx, "a", increment)
			return err
		},
		"UpdateReading": func(ctx context.Context, store *document.Store[tally]) error {
			_, err := store.UpdateReading(ctx, "a", []string{"x"}, func(doc *tally, _ map[string]sidecar.Value) error { return increment(doc) })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			n := 0
			remove := fake.Inject(sidecartest.Fault{Op: sidecartest.Put, Before: func(context.Context, sidecartest.Call) error {
				n++ // one call at a time
				fake.Set("tally/a", []byte(`{"n":`+strconv.Itoa(100*n)+`}`))
				return nil
			}})
			store := replica(t, fake)
			err := update(t.Context(), store)
			if e, ok := errors.AsType[*failure.Error](err); !ok || e.Code() != codes.Unavailable {
				t.Errorf("got %v, want UNAVAILABLE", err)
			}
			if n < 3 || n > 50 {
				t.Errorf("tried %d times", n)
			}
			remove()
			if err := update(t.Context(), store); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if doc, err := store.Get(t.Context(), "a"); err != nil || doc.N != 100*n+1 {
				t.Errorf("afterwards it is %+v, %v", doc, err)
			}
		})
	}
}

// A store that fails leaves nobody waiting for a turn.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	for _, op := range []sidecartest.Op{sidecartest.Get, sidecartest.GetMany, sidecartest.Put} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			store := replica(t, fake)
			remove := fake.Inject(sidecartest.Fault{Op: op, Before: sidecartest.Away})
			_, err1 := store.Update(t.Context(), "a", increment)
			_, err2 := store.UpdateReading(t.Context(), "a", []string{"x"}, func(doc *tally, _ map[string]sidecar.Value) error { return increment(doc) })
			if err1 == nil && err2 == nil {
				t.Error("both changes succeeded")
			}
			remove()
			before, err := store.Get(t.Context(), "a")
			if err != nil {
				t.Fatal(err)
			}
			for n := range 2 {
				if doc, err := store.Update(t.Context(), "a", increment); err != nil || doc.N != before.N+n+1 {
					t.Errorf("afterwards: %+v, %v", doc, err)
				}
			}
		})
	}
}

func TestWaitingForATurnEndsWithItsContext(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	store := replica(t, fake)
	entered, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := store.Update(t.Context(), "a", func(doc *tally) error {
			close(entered)
			<-release
			return increment(doc)
		}); err != nil {
			t.Error(err)
		}
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Update(ctx, "a", increment); !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if _, err := store.Update(t.Context(), "b", increment); err != nil {
		t.Errorf("another document had to wait: %v", err)
	}
	close(release)
	wg.Wait()
}
