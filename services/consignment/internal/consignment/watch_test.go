package consignment_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/consignment/internal/consignment"
)

// diary is a log of one chain a customer, in memory. Reading takes a millisecond.
type diary struct {
	mu      sync.Mutex
	entries map[string][]consignment.Entry // by customer
	reads   map[string]int                 // by customer
	err     error                          // of every reading
	notify  func()
}

var _ consignment.Log = (*diary)(nil)

func newDiary() *diary {
	return &diary{entries: make(map[string][]consignment.Entry), reads: make(map[string]int)}
}

// write books so many consignments of a customer, each of so many containers, here or on another replica.
func (d *diary) write(customer string, count, containers int, here bool) {
	d.mu.Lock()
	for range count {
		c := &consignment.Consignment{
			ID: customer + "-" + strconv.Itoa(len(d.entries[customer])), Customer: customer, Status: consignment.Booked,
			Containers: make([]consignment.Container, containers),
		}
		for _, scope := range []string{"", customer} {
			d.entries[scope] = append(d.entries[scope], consignment.Entry{Number: int64(len(d.entries[scope])), Consignment: c})
		}
	}
	d.mu.Unlock()
	if here {
		d.notify()
	}
}

func (d *diary) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *diary) readsOf(customer string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reads[customer]
}

func (d *diary) End(_ context.Context, customer string) (consignment.Position, error) {
	time.Sleep(time.Millisecond)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads[customer]++
	return consignment.Position{int64(len(d.entries[customer]))}, d.err
}

func (d *diary) Read(_ context.Context, customer string, from consignment.Position) (consignment.Reading, error) {
	time.Sleep(time.Millisecond)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads[customer]++
	rest := d.entries[customer][from[0]:]
	some := slices.Clone(rest[:min(len(rest), 100)])
	return consignment.Reading{Entries: some, More: len(some) < len(rest)}, d.err
}

func (d *diary) Mark(customer string, at consignment.Position) string {
	return fmt.Sprint(customer, "@", at[0])
}

func (d *diary) ParseMark(customer, mark string) (at consignment.Position, ok bool) {
	at = consignment.Position{0}
	n, err := fmt.Sscanf(mark, customer+"@%d", &at[0])
	return at, n == 1 && err == nil
}

func (d *diary) Notify(f func()) { d.notify = f }

// watcher is somebody who watches.
type watcher struct {
	mu    sync.Mutex
	told  []consignment.Notice
	hold  chan struct{} // what is told from now on waits for it to be closed; nil: for nothing
	err   error         // of telling
	leave context.CancelFunc
	ended chan error
}

// watch begins a watch; when it returns the watch has begun.
func watch(t *testing.T, w *consignment.Watches, customer, mark string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	one := &watcher{leave: cancel, ended: make(chan error, 1)}
	go func() { one.ended <- w.Watch(ctx, customer, mark, one.take) }()
	synctest.Wait()
	time.Sleep(100 * time.Millisecond)
	return one
}

func (w *watcher) take(n consignment.Notice) error {
	w.mu.Lock()
	w.told = append(w.told, n)
	hold, err := w.hold, w.err
	w.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return err
}

func (w *watcher) set(hold chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold, w.err = hold, err
}

// counts returns how many notices were told of each kind, and wants changes to come in their order.
func (w *watcher) counts(t *testing.T) (changes, behind, life int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	next := make(map[string]int)
	for i, n := range w.told {
		switch {
		case n.Started != (i == 0):
			t.Errorf("notice %d is %+v", i, n)
		case n.Changed != nil:
			customer := n.Changed.Customer
			if want := customer + "-" + strconv.Itoa(next[customer]); n.Changed.ID != want && next[customer] > 0 {
				t.Fatalf("told is %s, want %s", n.Changed.ID, want)
			}
			if _, err := fmt.Sscanf(n.Changed.ID, customer+"-%d", new(int)); err != nil {
				t.Fatal(err)
			}
			number, _ := strconv.Atoi(n.Changed.ID[len(customer)+1:])
			next[customer] = number + 1
			changes++
		case n.Behind > 0:
			behind++
		case i > 0:
			life++
		}
	}
	return changes, behind, life
}

func inBubble(t *testing.T, test func(t *testing.T, d *diary, w *consignment.Watches, stop context.CancelFunc)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		ctx, stop := context.WithCancel(t.Context())
		test(t, d, consignment.NewWatches(ctx, d, slog.New(slog.NewTextHandler(t.Output(), nil))), stop)
		stop()
		synctest.Wait()
	})
}

// What happens here is told at once, what another replica does a moment later; to customers only what is
// theirs.
func TestWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, d *diary, w *consignment.Watches, _ context.CancelFunc) {
		d.write("one", 3, 1, false) // before anybody watches
		all, one, other := watch(t, w, "", ""), watch(t, w, "one", ""), watch(t, w, "other", "")
		for i, here := range []bool{true, false, true} {
			d.write("one", 1, 1, here)
			wait := time.Second
			if here {
				wait = 50 * time.Millisecond
			}
			time.Sleep(wait)
			for name, c := range map[string]struct {
				watcher *watcher
				want    int
			}{"all": {all, i + 1}, "one": {one, i + 1}, "other": {other, 0}} {
				if got, behind, _ := c.watcher.counts(t); got != c.want || behind != 0 {
					t.Errorf("%s is told %d changes, want %d", name, got, c.want)
				}
			}
		}
	})
}

// Whoever does not take what is told holds up nobody, is told of it once, and gets everything in the end.
func TestSlowWatcher(t *testing.T) {
	inBubble(t, func(t *testing.T, d *diary, w *consignment.Watches, _ context.CancelFunc) {
		slow, quick := watch(t, w, "one", ""), watch(t, w, "one", "")
		hold := make(chan struct{})
		slow.set(hold, nil)
		for n := range 50 {
			d.write("one", 100, 1, true)
			time.Sleep(200 * time.Millisecond)
			if got, behind, _ := quick.counts(t); got != 100*(n+1) || behind != 0 {
				t.Fatalf("the quick one is told %d changes of %d, and %d times that it fell behind", got, 100*(n+1), behind)
			}
		}
		if got, _, _ := slow.counts(t); got != 1 {
			t.Fatalf("the slow one was told %d changes", got)
		}
		slow.set(nil, nil)
		close(hold)
		time.Sleep(2 * time.Second)
		if got, behind, _ := slow.counts(t); got != 5000 || behind != 1 {
			t.Errorf("the slow one is told %d changes of 5000, and %d times that it fell behind", got, behind)
		}
	})
}

// Of large consignments fewer are kept for those who are slow.
func TestLargeConsignmentsAreNotKept(t *testing.T) {
	inBubble(t, func(t *testing.T, d *diary, w *consignment.Watches, _ context.CancelFunc) {
		slow := watch(t, w, "", "")
		hold := make(chan struct{})
		slow.set(hold, nil)
		d.write("one", 200, 1000, true)
		time.Sleep(time.Second)
		before := d.readsOf("")
		slow.set(nil, nil)
		close(hold)
		time.Sleep(100 * time.Millisecond)
		if got, behind, _ := slow.counts(t); got != 200 || behind != 1 || d.readsOf("") == before {
			t.Errorf("told are %d changes, %d times that it fell behind, after %d readings", got, behind, d.readsOf("")-before)
		}
	})
}

// Whoever goes on after a break is told what it missed; that this was much only if it was.
func TestWatchGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, d *diary, w *consignment.Watches, _ context.CancelFunc) {
		d.write("one", 5000, 1, false)
		for from, behind := range map[int]int{0: 1, 10: 1, 4500: 0, 5000: 0} {
			one := watch(t, w, "one", "one@"+strconv.Itoa(from))
			if got, told, _ := one.counts(t); got != 5000-from || told != behind {
				t.Errorf("after %d: told are %d changes, and %d times that it fell behind", from, got, told)
			}
			one.leave()
		}
	})
}

// A quiet watch gives signs of life; where nobody watches, nothing is read, and little for one who watches.
func TestQuietWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, d *diary, w *consignment.Watches, _ context.CancelFunc) {
		one := watch(t, w, "one", "")
		all, own := d.readsOf(""), d.readsOf("one")
		time.Sleep(time.Minute)
		if got, _, life := one.counts(t); got != 0 || life < 3 || life > 4 {
			t.Errorf("in a minute: %d changes, %d signs of life", got, life)
		}
		if all, own = d.readsOf("")-all, d.readsOf("one")-own; all > 240 || own > 3 {
			t.Errorf("in a minute the log of all was read %d times, that of the customer %d times", all, own)
		}
		one.leave()
		synctest.Wait()
		all, own = d.readsOf(""), d.readsOf("one")
		d.write("one", 1, 1, true)
		time.Sleep(time.Hour)
		if all, own = d.readsOf("")-all, d.readsOf("one")-own; all+own > 0 {
			t.Errorf("without watchers the log was read %d times", all+own)
		}
	})
}

// While the log cannot be read a watch waits, and misses nothing.
func TestLogAway(t *testing.T) {
	inBubble(t, func(t *testing.T, d *diary, w *consignment.Watches, _ context.CancelFunc) {
		one := watch(t, w, "one", "")
		d.fail(errors.New("away"))
		if err := w.Watch(t.Context(), "one", "", one.take); code(err) != "Unavailable" {
			t.Errorf("a watch begins: %v", err)
		}
		d.write("one", 10, 1, true)
		time.Sleep(time.Minute)
		if got, _, _ := one.counts(t); got != 0 {
			t.Errorf("told are %d changes that could not be read", got)
		}
		d.fail(nil)
		time.Sleep(3 * time.Second)
		if got, _, _ := one.counts(t); got != 10 {
			t.Errorf("told are %d changes of 10", got)
		}
	})
}

// A watch says why it ends, at once.
func TestWatchEnds(t *testing.T) {
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		end  func(d *diary, one *watcher, stop context.CancelFunc)
		want func(err error) bool
	}{
		"the service stops": {func(_ *diary, _ *watcher, stop context.CancelFunc) { stop() }, func(err error) bool { return code(err) == "Unavailable" }},
		"the watcher leaves": {func(_ *diary, one *watcher, _ context.CancelFunc) { one.leave() }, func(err error) bool {
			return errors.Is(err, context.Canceled)
		}},
		"telling fails": {func(d *diary, one *watcher, _ context.CancelFunc) {
			one.set(nil, gone)
			d.write("one", 1, 1, true)
		}, func(err error) bool { return errors.Is(err, gone) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, d *diary, w *consignment.Watches, stop context.CancelFunc) {
				one := watch(t, w, "one", "")
				began := time.Now()
				c.end(d, one, stop)
				if err := <-one.ended; !c.want(err) || time.Since(began) > 100*time.Millisecond {
					t.Errorf("ended after %s with %v", time.Since(began), err)
				}
			})
		})
	}
	t.Run("the service has stopped", func(t *testing.T) {
		inBubble(t, func(t *testing.T, _ *diary, w *consignment.Watches, stop context.CancelFunc) {
			stop()
			if err := w.Watch(t.Context(), "", "", nil); code(err) != "Unavailable" {
				t.Errorf("a watch begins: %v", err)
			}
		})
	})
}
