package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// A commit whose answer is lost is looked for, until it is known whether it is stored.
func TestLostAnswerOfTheStore(t *testing.T) {
	for name, test := range map[string]struct {
		fault sidecartest.Fault // of the transaction
		away  bool              // the store cannot be asked either, for a while
		want  error             // nil: it is stored; errors.ErrUnsupported: it is not
	}{
		"stored":                            {fault: sidecartest.Fault{After: sidecartest.Away}},
		"not stored":                        {fault: sidecartest.Fault{Before: sidecartest.Away}, want: outbox.ErrUncertain},
		"refused":                           {fault: sidecartest.Fault{Before: tooLarge}, want: errRefused},
		"never sent":                        {fault: sidecartest.Fault{Before: sidecartest.NotSent}, want: errRefused},
		"stored, and the store goes away":   {fault: sidecartest.Fault{After: sidecartest.Away}, away: true, want: outbox.ErrUncertain},
		"not stored, and the store is away": {fault: sidecartest.Fault{Before: sidecartest.Away}, away: true, want: outbox.ErrUncertain},
		"stored after its time":             {fault: sidecartest.Fault{After: sidecartest.Delay(time.Minute)}},
		"not stored, told after its time":   {fault: sidecartest.Fault{Before: sidecartest.Delay(time.Minute)}, want: outbox.ErrUncertain},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				r := newReplica(t, fake, nil)
				test.fault.Op, test.fault.Times = sidecartest.Transact, 1
				fake.Inject(test.fault)
				back := func() {}
				if test.away {
					back = fake.Inject(sidecartest.Fault{Op: sidecartest.Get, Before: sidecartest.Away})
				}
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				err := r.commit(ctx, "a")
				switch {
				case test.want == nil && err != nil,
					errors.Is(test.want, errRefused) && (err == nil || errors.Is(err, outbox.ErrUncertain)),
					errors.Is(test.want, outbox.ErrUncertain) && !errors.Is(err, outbox.ErrUncertain):
					t.Errorf("Commit = %v, want %v", err, test.want)
				}
				if test.away && r.Drained(time.Second) {
					t.Error("drained, with a commit that may be stored")
				}
				back()
				time.Sleep(quiet)
				stored := test.fault.After != nil
				if (fake.Value("item/a") != nil) != stored {
					t.Fatalf("the test is wrong: item stored %v", !stored)
				}
				if got := published(fake); slices.Contains(got, "a") != stored {
					t.Errorf("stored: %v, published: %q", stored, got)
				}
				if len(rows(fake)) != 0 || !r.Drained(time.Second) {
					t.Errorf("left are %q, drained %v", rows(fake), r.Drained(time.Second))
				}
			})
		})
	}
}

var errRefused = errors.New("refused for certain")

func tooLarge(context.Context, sidecartest.Call) error {
	return status.Error(codes.InvalidArgument, "too large")
}

// Rows whose deletion was part of a transaction that failed are deleted all the same, without
// another commit having to come.
func TestRowsOfAFailedCommitAreDeleted(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		r.mustCommit(t, "a")
		synctest.Wait() // a is published; its row waits for company
		// The commit takes so long to fail that the row misses the time at which it would have gone alone.
		fake.Inject(sidecartest.Fault{Op: sidecartest.Transact, Times: 1, Before: func(ctx context.Context, call sidecartest.Call) error {
			_ = sidecartest.Delay(time.Second)(ctx, call)
			return sidecartest.Away(ctx, call)
		}})
		if err := r.commit(t.Context(), "b"); err == nil {
			t.Fatal("the commit did not fail")
		}
		time.Sleep(quiet)
		if got := rows(fake); len(got) != 0 {
			t.Errorf("left are %q", got)
		}
		if !r.Drained(time.Second) {
			t.Error("not drained: the slot is not free")
		}
	})
}

// Whatever fails and whoever dies, in the end exactly that is announced which is stored.
func TestStateAndEventsAgree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) { agree(t, fake, seed) })
		})
	}
}

func agree(t *testing.T, fake *sidecartest.Fake, seed uint64) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 2)) // a seed that can be repeated
	sometimes := func(ctx context.Context, call sidecartest.Call) error {
		mu.Lock()
		fails, late := random.IntN(8) == 0, time.Duration(random.IntN(30))*time.Millisecond
		mu.Unlock()
		if err := sidecartest.Delay(late)(ctx, call); err != nil {
			return err
		}
		if fails {
			return sidecartest.Away(ctx, call)
		}
		return nil
	}
	calm := fake.Inject(sidecartest.Fault{Before: sometimes, After: sometimes})
	r := newReplica(t, fake, nil)
	var wg sync.WaitGroup
	acknowledged := make([]bool, 50)
	refused := make([]bool, 50)
	for i := range acknowledged {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * 15 * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			err := r.commit(ctx, fmt.Sprint(i))
			acknowledged[i], refused[i] = err == nil, err != nil && !errors.Is(err, outbox.ErrUncertain)
		})
	}
	death := func() {}
	if seed%2 == 0 { // half of them die in the middle
		time.Sleep(time.Duration(seed) * 80 * time.Millisecond)
		death = fake.Inject(sidecartest.Fault{Sidecar: r.of, Before: sidecartest.Away})
	}
	wg.Wait()
	calm()
	time.Sleep(quiet)
	if seed%2 == 0 {
		r.stop()
		if err := newReplica(t, fake, nil).Finish(t.Context(), here); err != nil {
			t.Fatal(err)
		}
	}
	announced := published(fake)
	death() // or it would look for its commits for ever
	time.Sleep(quiet)
	for i := range acknowledged {
		name := fmt.Sprint(i)
		stored := fake.Value("item/"+name) != nil
		if stored != slices.Contains(announced, name) {
			t.Errorf("%s: stored %v, announced %v", name, stored, !stored)
		}
		if acknowledged[i] && !stored || refused[i] && stored {
			t.Errorf("%s: acknowledged %v, refused %v, stored %v", name, acknowledged[i], refused[i], stored)
		}
	}
	if len(rows(fake)) != 0 {
		t.Errorf("left are %q", rows(fake))
	}
}

// A transaction that arrives a moment after its caller was told that it failed is found.
func TestTransactionArrivesLate(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		fake.Inject(sidecartest.Fault{Op: sidecartest.Transact, Times: 1, Before: func(ctx context.Context, call sidecartest.Call) error {
			go func() {
				time.Sleep(20 * time.Millisecond)
				fake.Set("outbox/term-1/0", []byte(`{"events":[{"specversion":"1.0","id":"a","topic":"harbour.bell"}]}`))
				fake.Set("item/a", []byte(`"a"`))
			}()
			return sidecartest.Away(ctx, call)
		}})
		if err := r.commit(t.Context(), "a"); err != nil {
			t.Errorf("Commit = %v, want nil: it is stored", err)
		}
		time.Sleep(quiet)
		if got := published(fake); !slices.Equal(got, []string{"a"}) || len(rows(fake)) != 0 {
			t.Errorf("published %q, rows left %q", got, rows(fake))
		}
	})
}

// A transaction that arrives seconds after its caller was told that it failed overwrites no event of a commit that
// was stored meanwhile, and its own is published.
func TestTransactionArrivesMuchLater(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := newReplica(t, fake, nil)
		var late sync.WaitGroup
		fake.Inject(sidecartest.Fault{Op: sidecartest.Transact, Times: 1, Before: func(ctx context.Context, call sidecartest.Call) error {
			late.Go(func() {
				time.Sleep(3 * time.Second)
				fake.Set("outbox/term-1/0", []byte(`{"events":[{"specversion":"1.0","id":"late","topic":"harbour.bell"}]}`))
			})
			return sidecartest.Away(ctx, call)
		}})
		if err := r.commit(t.Context(), "late"); !errors.Is(err, outbox.ErrUncertain) {
			t.Fatalf("Commit = %v, want %v", err, outbox.ErrUncertain)
		}
		// The broker takes nothing, so the events of these commits stay in their slots, as many as there are slots left.
		back := fake.Inject(sidecartest.Fault{Op: sidecartest.Publish, Before: sidecartest.Away})
		want := []string{"late"}
		for i := range slots - 1 {
			name := fmt.Sprint(i)
			r.mustCommit(t, name)
			want = append(want, name)
		}
		// One more has no slot but that of the write that is to come.
		waiting, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := r.commit(waiting, "last"); err == nil {
			want = append(want, "last")
		}
		late.Wait()
		r.stop() // and dies: what is published is what is in the store
		back()
		if err := newReplica(t, fake, nil).Finish(t.Context(), here); err != nil {
			t.Fatal(err)
		}
		got := published(fake)
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s was stored and not published", name)
			}
		}
	})
}
