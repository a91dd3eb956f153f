package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/consignment/internal/consignment"
)

// watches are the watches of a replica, which end with the test.
func (r *replica) watches(t *testing.T) *consignment.Watches {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return consignment.NewWatches(ctx, r.Store, slog.New(slog.NewTextHandler(t.Output(), nil)))
}

// reader is somebody who watches and notes what is told.
type reader struct {
	mu      sync.Mutex
	notices []consignment.Notice
	leave   context.CancelFunc
	ended   chan error
}

// read begins a watch that lasts until it is left, or the test ends.
func read(t *testing.T, w *consignment.Watches, customer, mark string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &reader{leave: cancel, ended: make(chan error, 1)}
	go func() {
		r.ended <- w.Watch(ctx, customer, mark, func(n consignment.Notice) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.notices = append(r.notices, n)
			return nil
		})
	}()
	t.Cleanup(cancel)
	eventually(t, "the watch begins", func() bool { return len(r.told()) > 0 })
	if first := r.told()[0]; !first.Started || first.At == "" {
		t.Fatalf("a watch begins with %+v", first)
	}
	return r
}

func (r *reader) told() []consignment.Notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notices)
}

// changes returns the changes told: "<id> <status>".
func (r *reader) changes() (all []string) {
	for _, n := range r.told() {
		if n.Changed != nil {
			all = append(all, n.Changed.ID+" "+string(n.Changed.Status))
		}
	}
	return all
}

// sea is replicas that book and cancel at random, and what came of it.
type sea struct {
	*memory

	replicas []*replica
	turns    []chan struct{} // to commit: a bubble's time stands still while somebody waits for a mutex
}

func (s sea) commit(t *testing.T, c *consignment.Consignment) bool {
	n := rand.N(len(s.replicas))
	s.turns[n] <- struct{}{}
	defer func() { <-s.turns[n] }()
	err := s.replicas[n].Commit(t.Context(), inTime, alone(c))
	if err != nil {
		t.Errorf("Commit: %v", err)
	}
	return err == nil
}

// stored returns what has happened to a customer's consignments, as it shows in the end.
func (s sea) stored(t *testing.T, customer string) (want []string) {
	t.Helper()
	for token, first := "", true; first || token != ""; first = false {
		ids, next, err := s.replicas[0].Page(t.Context(), customer, 200, token)
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.replicas[0].GetMany(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		for id, c := range found {
			want = append(want, id+" booked")
			if c.Status == consignment.Cancelled {
				want = append(want, id+" cancelled")
			}
		}
		token = next
	}
	slices.Sort(want)
	return want
}

// storm books so many consignments of customers, and cancels most of them, each several times at once.
func (s sea) storm(t *testing.T, prefix string, count int, customers ...string) {
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			time.Sleep(rand.N(2 * time.Second))
			c := booked(fmt.Sprintf("%s%03d", prefix, i), customers[i%len(customers)])
			if !s.commit(t, c) || i%4 == 0 {
				return
			}
			time.Sleep(rand.N(300 * time.Millisecond))
			for n := range 1 + rand.N(3) {
				wg.Go(func() {
					if err := s.replicas[rand.N(len(s.replicas))].Cancel(t.Context(), c, fmt.Sprint("reason ", n)); err != nil {
						t.Errorf("Cancel: %v", err)
					}
				})
			}
		})
	}
	wg.Wait()
}

// wantSequence wants changes to be those that are wanted, each once, and a cancellation after its booking.
func wantSequence(t *testing.T, what string, got, want []string) {
	t.Helper()
	seen := make(map[string]bool)
	for _, change := range got {
		if seen[change] {
			t.Errorf("%s: %s is told twice", what, change)
		}
		seen[change] = true
		if id, cancelled := strings.CutSuffix(change, " cancelled"); cancelled && !seen[id+" booked"] && slices.Contains(want, id+" booked") {
			t.Errorf("%s: %s is told before its booking", what, change)
		}
	}
	if sorted := slices.Sorted(maps.Keys(seen)); !slices.Equal(sorted, slices.Sorted(slices.Values(want))) {
		t.Errorf("%s: %d changes are told, want %d", what, len(sorted), len(want))
	}
}

// Whoever watches is told every change once, on whatever replica; and from any change on, exactly the rest.
func TestWatchersAreToldEachChangeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		s := sea{memory: m}
		var watches []*consignment.Watches
		for range 3 {
			r := start(t, m, b)
			s.replicas, watches = append(s.replicas, r), append(watches, r.watches(t))
			s.turns = append(s.turns, make(chan struct{}, 1))
		}
		customers := []string{"cust001", "a/b", "ü %"}
		readers := make(map[string][]*reader)
		for _, customer := range append(customers, "") {
			for _, w := range watches {
				readers[customer] = append(readers[customer], read(t, w, customer, ""))
			}
		}
		s.storm(t, "c", 120, customers...)
		for customer, all := range readers {
			want := s.stored(t, customer)
			for n, r := range all {
				what := fmt.Sprintf("replica %d, customer %q", n, customer)
				eventually(t, what+" is told everything", func() bool { return len(r.changes()) >= len(want) })
				wantSequence(t, what, r.changes(), want)
			}
			first := all[0].told()
			for range 8 { // goes on elsewhere
				k := rand.N(len(first))
				var passed []string
				for _, n := range first[:k+1] {
					if n.Changed != nil {
						passed = append(passed, n.Changed.ID+" "+string(n.Changed.Status))
					}
				}
				rest := slices.DeleteFunc(slices.Clone(want), func(change string) bool { return slices.Contains(passed, change) })
				again := read(t, watches[rand.N(3)], customer, first[k].At)
				eventually(t, "the rest is told", func() bool { return len(again.changes()) >= len(rest) })
				wantSequence(t, fmt.Sprintf("customer %q, after %d changes", customer, len(passed)), again.changes(), rest)
				again.leave()
			}
		}
	})
}

// A booking is told as it was, whatever has become of it; a cancellation with its reason.
func TestChangesAreToldAsTheyWere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		w := r.watches(t)
		before := read(t, w, "", "")
		mark := before.told()[0].At
		before.leave()
		c := booked("c1", "cust001")
		if err := r.Commit(t.Context(), inTime, alone(c)); err != nil {
			t.Fatal(err)
		}
		if err := r.Cancel(t.Context(), c, "the quay is closed"); err != nil {
			t.Fatal(err)
		}
		late := read(t, w, "", mark)
		eventually(t, "both are told", func() bool { return len(late.changes()) == 2 })
		told := late.told()
		if got := told[1].Changed; got.Status != consignment.Booked || got.StatusReason != "" || !got.UpdateTime.Equal(c.CreateTime) {
			t.Errorf("the booking is told as %+v", got)
		}
		if got := told[2].Changed; got.StatusReason != "the quay is closed" || !got.UpdateTime.After(c.CreateTime) {
			t.Errorf("the cancellation is told as %+v", got)
		}
	})
}

// What this replica does is told at once, and not when it is looked for.
func TestOwnChangesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		one := read(t, r.watches(t), "cust001", "")
		soon := func(what string, changes int) {
			t.Helper()
			began := time.Now()
			eventually(t, "it is told", func() bool { return len(one.changes()) == changes })
			if took := time.Since(began); took > 60*time.Millisecond {
				t.Errorf("%s is told after %s", what, took)
			}
		}
		for n := range 5 {
			time.Sleep(time.Second + time.Duration(n)*50*time.Millisecond)
			c := booked(fmt.Sprint("c", n), "cust001")
			if err := r.Commit(t.Context(), inTime, alone(c)); err != nil {
				t.Fatal(err)
			}
			soon("a booking", 2*n+1)
			time.Sleep(time.Second)
			if err := r.Cancel(t.Context(), c, "reason"); err != nil {
				t.Fatal(err)
			}
			soon("a cancellation", 2*n+2)
		}
	})
}

// What is booked and cancelled between the reads of the two lists is not read as cancelled alone.
func TestBookedAndCancelledWhileRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r, other := start(t, m, b), start(t, m, b)
		from, err := r.End(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		c := booked("c1", "cust001")
		between := sync.OnceFunc(func() {
			if err := other.Commit(t.Context(), inTime, alone(c)); err != nil {
				t.Error(err)
			}
			if err := other.Cancel(t.Context(), c, "reason"); err != nil {
				t.Error(err)
			}
		})
		r.line.fault(nil, func(op string, keys []string) error {
			if op == "get" && strings.HasPrefix(keys[0], "list/") {
				between()
			}
			return nil
		})
		reading, err := r.Read(t.Context(), "", from)
		if err != nil || len(reading.Entries) != 1 || reading.Entries[0].Consignment.ID != c.ID || reading.Entries[0].Consignment.Status != consignment.Booked {
			t.Errorf("read is %+v, %v; want the booking", reading, err)
		}
	})
}

// A mark of another customer, one that is beyond what happened, and rubbish are refused.
func TestMarksOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		w := r.watches(t)
		marks := make(map[string]string)
		for _, customer := range []string{"", "cust001", "cust002"} {
			if err := r.Commit(t.Context(), inTime, alone(booked("c-"+customer, "cust00"+fmt.Sprint(len(marks))))); err != nil {
				t.Fatal(err)
			}
			one := read(t, w, customer, "")
			marks[customer] = one.told()[0].At
			one.leave()
		}
		end, err := r.End(t.Context(), "cust001")
		if err != nil {
			t.Fatal(err)
		}
		end[0] += 2
		for what, mark := range map[string]string{
			"of another": marks["cust002"], "of all": marks[""], "beyond": r.Mark("cust001", end), "rubbish": "rubbish", "long": strings.Repeat("A", 1<<20),
			"changed": marks["cust001"] + "AA", "page token": "AAAAAAAAAAA",
		} {
			err := w.Watch(t.Context(), "cust001", mark, func(consignment.Notice) error { return nil })
			if code(err) != "InvalidArgument" || !strings.HasPrefix(err.Error(), "last_event_id: ") {
				t.Errorf("a mark that is %s: %v", what, err)
			}
		}
		if err := w.Watch(t.Context(), "a||b", "", nil); code(err) != "InvalidArgument" {
			t.Errorf("a customer that cannot be: %v", err)
		}
	})
}

// While an attempt to cancel is stored and not applied, its replica being dead, nobody passes it by; when
// another replica has applied it, it is told, and what stands behind it.
func TestCancellationThatIsNotApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		doomed, heir := start(t, m, b), start(t, m, b)
		one := read(t, heir.watches(t), "cust001", "")
		c := booked("c1", "cust001")
		if err := doomed.Commit(t.Context(), inTime, alone(c)); err != nil {
			t.Fatal(err)
		}
		doomed.line.fault(nil, func(op string, keys []string) error {
			if op == "transact" && strings.HasPrefix(keys[0], "list/cancellation/") {
				doomed.die()
			}
			return nil
		})
		if err := doomed.Cancel(t.Context(), c, "crash"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := one.changes(); !slices.Equal(got, []string{"c1 booked"}) {
			t.Errorf("told is %q before it is cancelled", got)
		}
		other := booked("c2", "cust001")
		if err := heir.Commit(t.Context(), inTime, alone(other)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a booking is told meanwhile", func() bool { return slices.Contains(one.changes(), "c2 booked") })
		eventually(t, "the cancellation is told", func() bool { return slices.Contains(one.changes(), "c1 cancelled") })
		wantSequence(t, "in the end", one.changes(), []string{"c1 booked", "c2 booked", "c1 cancelled"})
	})
}

// Nobody watches, nothing is read; and a watch costs the same however long the log is.
func TestCostOfWatching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		w := r.watches(t)
		var all []*consignment.Consignment
		for i := range 2000 {
			all = append(all, booked(fmt.Sprintf("c%04d", i), "cust001"))
		}
		if err := r.Commit(t.Context(), inTime, alone(all[:1]...)); err != nil {
			t.Fatal(err)
		}
		one := read(t, w, "cust001", "")
		mark := one.told()[0].At
		one.leave()
		if err := r.Commit(t.Context(), inTime, alone(all[1:]...)); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		lists, most := 0, 0
		r.line.fault(func(op string, keys []string) error {
			if op == "get" {
				mu.Lock()
				defer mu.Unlock()
				most = max(most, len(keys))
				if strings.HasPrefix(keys[0], "list/") {
					lists++
				}
			}
			return nil
		}, nil)
		time.Sleep(time.Minute)
		if lists > 0 {
			t.Errorf("without watchers lists are read %d times", lists)
		}
		again := read(t, w, "cust001", mark)
		eventually(t, "all is told", func() bool { return len(again.changes()) == 1999 })
		if mu.Lock(); most > 200 {
			t.Errorf("%d keys are read at once", most)
		}
		mu.Unlock()
	})
}

// What does not fit into a message is read in parts.
func TestLargeConsignments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		one := read(t, r.watches(t), "", "")
		r.line.fault(func(op string, keys []string) error {
			if op == "get" && strings.HasPrefix(keys[0], "consignment/") && len(keys) > 3 {
				return fmt.Errorf("get: %w", errTooLarge)
			}
			return nil
		}, nil)
		var all []*consignment.Consignment
		for i := range 40 {
			all = append(all, booked(fmt.Sprintf("c%02d", i), "cust001"))
		}
		if err := r.Commit(t.Context(), inTime, alone(all...)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all is told", func() bool { return len(one.changes()) == 40 })
	})
}

var errTooLarge = status.Error(codes.ResourceExhausted, "grpc: received message larger than max")
