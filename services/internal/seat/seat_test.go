package seat_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// lease is in the time of a bubble, like all here.
const lease = 2 * time.Second

// replica is a seat that is run, on its own sidecar.
type replica struct {
	*seat.Seat
	of  *sidecar.Sidecar
	die func() // without leaving
}

// finished records what was asked to be finished.
type finished struct {
	mu    sync.Mutex
	calls []seat.Held
	do    func(context.Context, seat.Held) error
}

// will says what finishing does from now on; nil: nothing.
func (f *finished) will(do func(context.Context, seat.Held) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.do = do
}

func (f *finished) finish(ctx context.Context, dead seat.Held) error {
	f.mu.Lock()
	f.calls = append(f.calls, dead)
	do := f.do
	f.mu.Unlock()
	if do != nil {
		return do(ctx, dead)
	}
	return nil
}

func (f *finished) all() []seat.Held {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func start(t *testing.T, fake *sidecartest.Fake, f *finished) *replica {
	t.Helper()
	s := fake.Sidecar(t)
	r := &replica{of: s, Seat: seat.New(seat.Config{
		State: s.State(sidecartest.StateStore), Lease: lease, Finish: f.finish, Log: slog.New(slog.DiscardHandler),
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	r.die = func() { cancel(); <-done }
	t.Cleanup(r.die)
	return r
}

// current returns the seat, which must be there within a lease.
func (r *replica) current(t *testing.T) seat.Held {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lease)
	defer cancel()
	held, err := r.Current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if held.Term == "" || held.Number < 0 || held.Number >= seat.Count {
		t.Fatalf("the seat is %+v", held)
	}
	return held
}

func (r *replica) hasNone(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lease)
	defer cancel()
	if held, err := r.Current(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got seat %+v, %v, want none", held, err)
	}
	if r.Ready(t.Context()) == nil {
		t.Error("ready without a seat")
	}
}

func bubble(t *testing.T, test func(t *testing.T, fake *sidecartest.Fake, f *finished)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, sidecartest.New(), &finished{}) })
}

func TestReplicasHaveDifferentSeats(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		var replicas []*replica
		var first []seat.Held
		for range 5 { // at once
			replicas = append(replicas, start(t, fake, f))
		}
		numbers := make(map[int]bool)
		for _, r := range replicas {
			held := r.current(t)
			first, numbers[held.Number] = append(first, held), true
			if err := r.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if len(numbers) != 5 {
			t.Errorf("five replicas have %v", first)
		}
		time.Sleep(6 * lease)
		for i, r := range replicas {
			if held := r.current(t); held != first[i] {
				t.Errorf("seat %+v became %+v", first[i], held)
			}
		}
		if calls := f.all(); len(calls) != 0 {
			t.Errorf("the living were finished: %v", calls)
		}
	})
}

func TestSeatOfTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		dead, living := start(t, fake, f), start(t, fake, f)
		held, others := dead.current(t), living.current(t)
		dead.die()
		time.Sleep(lease * 9 / 10)
		if calls := f.all(); len(calls) != 0 {
			t.Errorf("before its lease ran out: %v", calls)
		}
		time.Sleep(lease)
		if calls := f.all(); !slices.Equal(calls, []seat.Held{held}) {
			t.Errorf("finished %v, want %v once", calls, held)
		}
		if now := living.current(t); now != others {
			t.Errorf("the heir's own seat became %+v", now)
		}
		next := start(t, fake, f).current(t)
		if next.Number != held.Number || next.Term == held.Term {
			t.Errorf("the next replica has %+v, want the freed number of %+v in a new term", next, held)
		}
		time.Sleep(5 * lease)
		if calls := f.all(); len(calls) != 1 {
			t.Errorf("finished again: %v", calls)
		}
	})
}

// What cannot be finished now is finished later, and nobody has the seat until then.
func TestFinishIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		dead, living := start(t, fake, f), start(t, fake, f)
		held := dead.current(t)
		living.current(t)
		var left atomic.Int64
		left.Store(3)
		f.will(func(context.Context, seat.Held) error {
			if left.Add(-1) >= 0 {
				return errors.New("not now")
			}
			return nil
		})
		dead.die()
		time.Sleep(3 * lease)
		if next := start(t, fake, f).current(t); next.Number == held.Number {
			t.Error("a seat was given away before it was finished")
		}
		time.Sleep(6 * lease)
		calls := f.all()
		if len(calls) < 4 || slices.ContainsFunc(calls, func(h seat.Held) bool { return h != held }) {
			t.Errorf("finished %v, want %v four times", calls, held)
		}
		if next := start(t, fake, f).current(t); next.Number != held.Number {
			t.Errorf("the finished seat is not free: the next replica has %+v", next)
		}
	})
}

// An heir that dies over it is inherited from.
func TestHeirDies(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		dead, heir := start(t, fake, f), start(t, fake, f)
		held, heirs := dead.current(t), heir.current(t)
		f.will(func(ctx context.Context, _ seat.Held) error { <-ctx.Done(); return ctx.Err() })
		dead.die()
		sidecartest.Await(t, "the heir is about to finish", func() bool { return len(f.all()) == 1 })
		heir.die()
		f.will(nil)
		start(t, fake, f).current(t)
		time.Sleep(5 * lease)
		calls := f.all()
		if !slices.Contains(calls[1:], held) || !slices.Contains(calls[1:], heirs) {
			t.Errorf("finished %v, want %+v and %+v after the heir's death", calls, held, heirs)
		}
	})
}

// While the store is away there is no writing under a seat; afterwards it goes on under the same.
func TestStoreAwayForAMoment(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		r := start(t, fake, f)
		before := r.current(t)
		back := fake.Inject(sidecartest.Fault{Before: sidecartest.Away})
		if now := r.current(t); now != before {
			t.Errorf("the seat became %+v though its beat is young", now)
		}
		time.Sleep(lease / 2)
		r.hasNone(t)
		back()
		if now := r.current(t); now != before {
			t.Errorf("seat %+v became %+v, with nobody there to take it", before, now)
		}
	})
}

// A replica that is cut off finds its seat gone, and takes another in a new term.
func TestCutOff(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		cut, living := start(t, fake, f), start(t, fake, f)
		before, others := cut.current(t), living.current(t)
		back := fake.Inject(sidecartest.Fault{Sidecar: cut.of, Before: sidecartest.Away})
		time.Sleep(3 * lease)
		cut.hasNone(t)
		if calls := f.all(); !slices.Equal(calls, []seat.Held{before}) {
			t.Errorf("finished %v, want %+v", calls, before)
		}
		back()
		if now := cut.current(t); now.Term == before.Term || now.Number == others.Number {
			t.Errorf("after %+v it has %+v beside %+v", before, now, others)
		}
	})
}

// One whose seat is being taken over does not write under it any more, finished or not.
func TestSeatBeingTakenOver(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		cut, living := start(t, fake, f), start(t, fake, f)
		before := cut.current(t)
		living.current(t)
		release := make(chan struct{})
		f.will(func(context.Context, seat.Held) error { <-release; return nil })
		back := fake.Inject(sidecartest.Fault{Sidecar: cut.of, Before: sidecartest.Away})
		sidecartest.Await(t, "the seat is being taken over", func() bool { return len(f.all()) == 1 })
		back()
		if now := cut.current(t); now.Term == before.Term || now.Number == before.Number {
			t.Errorf("it writes under %+v while %+v is taken over", now, before)
		}
		close(release)
	})
}

// One that shows that it lives at the very last moment keeps its seat.
func TestLivesAfterAll(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		slow, living := start(t, fake, f), start(t, fake, f)
		held := slow.current(t)
		living.current(t)
		slow.die()
		// Who watches reads the seats for its beat and, when it is about to take one over, at once again.
		var last time.Time
		var beats atomic.Int64
		fake.Inject(sidecartest.Fault{Sidecar: living.of, Op: sidecartest.Get, Before: func(context.Context, sidecartest.Call) error {
			if time.Now().Equal(last) {
				beats.Add(1)
				beat(t, fake, held.Number)
			}
			last = time.Now()
			return nil
		}})
		time.Sleep(5 * lease)
		if calls := f.all(); len(calls) != 0 || beats.Load() < 3 {
			t.Errorf("finished %v, in spite of %d beats just before", calls, beats.Load())
		}
	})
}

// beat beats for another replica.
func beat(t *testing.T, fake *sidecartest.Fake, number int) {
	t.Helper()
	var doc struct {
		Taken map[string]map[string]any `json:"taken"`
	}
	if err := json.Unmarshal(fake.Value("seats"), &doc); err != nil {
		t.Error(err)
		return
	}
	mine := doc.Taken[strconv.Itoa(number)]
	was, _ := mine["beat"].(float64)
	mine["beat"] = was + 1
	data, err := json.Marshal(doc)
	if err != nil {
		t.Error(err)
	}
	fake.Set("seats", data)
}

// A successor that is cut off while it finishes does not free the seat of who has its number by then.
func TestSlowSuccessor(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		dead := start(t, fake, f)
		held := dead.current(t)
		first := &finished{}
		release := make(chan struct{})
		first.will(func(context.Context, seat.Held) error { <-release; return nil })
		slow := start(t, fake, first)
		slow.current(t)
		dead.die()
		sidecartest.Await(t, "the first successor is finishing", func() bool { return len(first.all()) == 1 })
		back := fake.Inject(sidecartest.Fault{Sidecar: slow.of, Before: sidecartest.Away})
		start(t, fake, f).current(t)
		time.Sleep(4 * lease)
		next := start(t, fake, f)
		before := next.current(t)
		if before.Number != held.Number {
			t.Fatalf("the next replica has %+v, want the number of %+v", before, held)
		}
		back()
		close(release)
		time.Sleep(4 * lease)
		if now := next.current(t); now != before {
			t.Errorf("its seat %+v became %+v", before, now)
		}
	})
}

// A takeover lasts as long as the broker is away. Meanwhile the successor keeps its own seat, and nobody else takes
// the dead one's over.
func TestLongTakeover(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		dead, successor, other := start(t, fake, f), start(t, fake, f), start(t, fake, f)
		held, own, others := dead.current(t), successor.current(t), other.current(t)
		release := make(chan struct{})
		f.will(func(context.Context, seat.Held) error { <-release; return nil })
		dead.die()
		sidecartest.Await(t, "the seat is being taken over", func() bool { return len(f.all()) == 1 })
		for range 40 {
			time.Sleep(lease / 4)
			if successor.Ready(t.Context()) != nil || other.Ready(t.Context()) != nil {
				t.Fatal("a replica has no seat while a dead one is taken over")
			}
		}
		if successor.current(t) != own || other.current(t) != others {
			t.Error("a replica lost its seat over it")
		}
		if calls := f.all(); len(calls) != 1 {
			t.Errorf("finished %v, want once", calls)
		}
		close(release)
		time.Sleep(lease)
		if next := start(t, fake, f).current(t); next.Number != held.Number {
			t.Errorf("the next replica has %+v, want the number of %+v", next, held)
		}
	})
}

// heldBack is a state whose next write is told only once it is let go, whatever becomes of its caller.
type heldBack struct {
	document.State
	next  atomic.Bool
	wrote chan struct{}
	letGo chan struct{}
}

func (h *heldBack) Put(ctx context.Context, writes ...sidecar.Write) error {
	err := h.State.Put(ctx, writes...)
	if h.next.CompareAndSwap(true, false) {
		close(h.wrote)
		<-h.letGo
	}
	return err
}

// A replica that leaves while a beat of its own is on its way back from the store has no seat afterwards.
func TestLeaveDuringABeat(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		s := fake.Sidecar(t)
		state := &heldBack{State: s.State(sidecartest.StateStore), wrote: make(chan struct{}), letGo: make(chan struct{})}
		r := &replica{of: s, Seat: seat.New(seat.Config{State: state, Lease: lease, Finish: f.finish, Log: slog.New(slog.DiscardHandler)})}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = r.Run(ctx) })
		r.current(t)
		state.next.Store(true)
		<-state.wrote
		cancel()
		running.Go(func() { r.Leave(t.Context(), nothing) })
		time.Sleep(lease / 10)
		close(state.letGo)
		running.Wait()
		if r.Ready(t.Context()) == nil {
			t.Error("it has a seat after it left")
		}
		if taken := string(fake.Value("seats")); taken != `{"taken":{}}` {
			t.Errorf("after it left the seats are %s", taken)
		}
	})
}

func TestLeave(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		r, living := start(t, fake, f), start(t, fake, f)
		held := r.current(t)
		living.current(t)
		r.die()
		var under []seat.Held
		r.Leave(t.Context(), func(_ context.Context, held seat.Held) error { under = append(under, held); return nil })
		if !slices.Equal(under, []seat.Held{held}) {
			t.Errorf("its last act was under %v, want %+v", under, held)
		}
		if r.Ready(t.Context()) == nil {
			t.Error("ready after it left")
		}
		r.Leave(t.Context(), nothing) // again does no harm
		if next := start(t, fake, f).current(t); next.Number != held.Number || next.Term == held.Term {
			t.Errorf("the next replica has %+v, want the number of %+v", next, held)
		}
		time.Sleep(5 * lease)
		if calls := f.all(); len(calls) != 0 {
			t.Errorf("finished %v though it had left", calls)
		}
	})
}

// A seat whose last act failed is left to be finished by others.
func TestLastActFails(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		r, living := start(t, fake, f), start(t, fake, f)
		held := r.current(t)
		living.current(t)
		r.die()
		r.Leave(t.Context(), func(context.Context, seat.Held) error { return errors.New("not now") })
		time.Sleep(3 * lease)
		if calls := f.all(); !slices.Equal(calls, []seat.Held{held}) {
			t.Errorf("finished %v, want %+v", calls, held)
		}
	})
}

func nothing(context.Context, seat.Held) error { return nil }

func TestAllSeatsTaken(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) {
		var replicas []*replica
		for range seat.Count {
			r := start(t, fake, f)
			r.current(t)
			replicas = append(replicas, r)
		}
		more := start(t, fake, f)
		more.hasNone(t)
		left := replicas[7].current(t)
		replicas[7].die()
		replicas[7].Leave(t.Context(), nothing)
		if held := more.current(t); held.Number != left.Number {
			t.Errorf("it has %+v, want the number of %+v", held, left)
		}
	})
}

// TestNoWriteAfterTheTakeover has replicas lose the store for random whiles and write as slowly as
// they may. A write that is carried out after its seat was taken over could undo what the heir did.
func TestNoWriteAfterTheTakeover(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run("", func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake, f *finished) { soak(t, fake, f, seed) })
		})
	}
}

func soak(t *testing.T, fake *sidecartest.Fake, f *finished, seed uint64) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 3)) // a seed that can be repeated
	pick := func(n time.Duration) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(random.Int64N(int64(n)))
	}
	gone := make(map[string]bool) // terms that were taken over
	writes, late := 0, 0
	f.will(func(_ context.Context, dead seat.Held) error {
		mu.Lock()
		defer mu.Unlock()
		gone[dead.Term] = true
		return nil
	})
	ctx, stop := context.WithTimeout(t.Context(), 12*lease)
	defer stop()
	var wg sync.WaitGroup
	for range 4 {
		r := start(t, fake, f)
		wg.Go(func() { // its store comes and goes
			for ctx.Err() == nil {
				time.Sleep(pick(2 * lease))
				back := fake.Inject(sidecartest.Fault{Sidecar: r.of, Before: sidecartest.Away})
				time.Sleep(pick(2 * lease))
				back()
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				held, err := r.Current(ctx)
				if err != nil {
					return
				}
				time.Sleep(pick(r.Timeout())) // the write, for as long as it may take
				mu.Lock()
				writes++
				if gone[held.Term] {
					late++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if late > 0 {
		t.Errorf("%d of %d writes were under a seat that had been taken over", late, writes)
	}
	if writes < 15 || len(gone) < 2 {
		t.Errorf("%d writes, %d seats taken over: the test sees too little", writes, len(gone))
	}
}
