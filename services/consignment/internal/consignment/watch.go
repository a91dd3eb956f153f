package consignment

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/normalize"
)

// Watches tells watchers what happens to consignments.
//
// Who is watched by many is read once: each customer who is watched has a tail, which reads the log as it
// grows, and so have all together ("") while anybody is watched. A watcher takes from the tail at its own
// speed. What has left the tail before the watcher came to it, because the watcher is slow or goes on after
// a break, it reads from the log. Whatever way an entry comes, it is told if it stands at the watcher's
// own position, which then moves behind it: so nothing is told twice, and nothing is missed.
type Watches struct {
	stopping context.Context
	log      Log
	report   *slog.Logger

	mu    sync.Mutex
	tails map[string]*tail // by customer
}

// NewWatches returns the watches of a log. Once stopping ends so do they.
func NewWatches(stopping context.Context, log Log, report *slog.Logger) *Watches {
	w := &Watches{stopping: stopping, log: log, report: report, tails: make(map[string]*tail)}
	log.Notify(func() { w.wake("") })
	return w
}

// Notice is one thing that a watcher is told. One that says nothing else is a sign of life.
type Notice struct {
	At      string       // the mark of where the watch has come to
	Started bool         // it begins; the first notice
	Changed *Consignment // this was booked, or cancelled; see [Entry]
	Behind  int64        // so many changes, about, are ahead of the watcher
}

// lifeEvery is how often a watcher hears at least: whoever does not can tell that the connection is gone.
const lifeEvery = 15 * time.Second

// Watch tells what happens to a customer's consignments, or to all for "", after a mark, or from now on
// for "", until ctx ends or tell fails. It returns why. Each call of tell may take its time. Errors:
// INVALID_ARGUMENT; UNAVAILABLE when this process stops or the log cannot be read.
func (w *Watches) Watch(ctx context.Context, customer, mark string, tell func(Notice) error) error {
	if customer != "" {
		customer = normalize.Name(customer)
		if err := failure.Text("customer_id", customer, maxName); err != nil {
			return err
		}
	}
	stops := failure.Unavailable(nil, "the service stops; watch again with the last event_id")
	if w.stopping.Err() != nil {
		return stops
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(w.stopping, func() { cancel(stops) })()
	at, err := w.begin(ctx, customer, mark)
	if err != nil {
		return causeOf(ctx, err)
	}
	one := &watcher{log: w.log, customer: customer, tail: w.follow(customer), at: at, tell: tell}
	defer w.leave(customer)
	return causeOf(ctx, one.run(ctx))
}

// begin returns the position at which a watch begins.
func (w *Watches) begin(ctx context.Context, customer, mark string) (Position, error) {
	at, ok := w.log.ParseMark(customer, mark)
	if mark != "" && !ok {
		return nil, failure.Invalid("last_event_id", "is not from a watch of these consignments; leave it out to watch from now on")
	}
	end, err := w.log.End(ctx, customer)
	if err != nil {
		return nil, failure.Unavailable(err, "the watch could not begin now; try again")
	}
	if mark == "" {
		return end, nil
	}
	if !end.covers(at) {
		return nil, failure.Invalid("last_event_id", "is beyond what has happened; leave it out to watch from now on")
	}
	return at, nil
}

// causeOf returns why ctx has ended; if it has not, err.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// follow returns the tail of a customer, which reads until the last who follows it leaves.
func (w *Watches) follow(customer string) *tail {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.hold("", pollEvery, nil)
	if customer == "" {
		return all
	}
	return w.hold(customer, lookEvery, all)
}

// hold counts one more who follows a tail, which wakes another.
func (w *Watches) hold(customer string, every time.Duration, waker *tail) *tail {
	t, there := w.tails[customer]
	if !there {
		ctx, stop := context.WithCancel(context.Background())
		t = &tail{
			log: w.log, customer: customer, every: every, report: w.report, stop: stop,
			woken: make(chan struct{}, 1), ready: make(chan struct{}), grown: make(chan struct{}),
		}
		w.tails[customer] = t
		after := make(chan struct{})
		if waker == nil {
			t.tell = w.wakeCustomers
			close(after)
		} else {
			after = waker.ready
		}
		go t.run(ctx, after)
	}
	t.watchers++
	return t
}

// leave undoes follow.
func (w *Watches) leave(customer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.release("")
	if customer != "" {
		w.release(customer)
	}
}

func (w *Watches) release(customer string) {
	t := w.tails[customer]
	if t.watchers--; t.watchers == 0 {
		t.stop()
		delete(w.tails, customer)
	}
}

func (w *Watches) wake(customer string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, followed := w.tails[customer]; followed {
		t.wake()
	}
}

// wakeCustomers wakes the tails of those whom entries of all concern. Their own logs have them by now.
func (w *Watches) wakeCustomers(entries []Entry) {
	for _, e := range entries {
		if e.Consignment != nil {
			w.wake(e.Consignment.Customer)
		}
	}
}

// watcher is one watch.
type watcher struct {
	log      Log
	customer string
	tail     *tail
	at       Position
	behind   bool // and was told so
	tell     func(Notice) error
}

// run tells until ctx ends or telling fails.
func (w *watcher) run(ctx context.Context) error {
	w.at = slices.Clone(w.at)
	if err := w.notice(Notice{Started: true}); err != nil {
		return err
	}
	select {
	case <-w.tail.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	for next := int64(-1); ctx.Err() == nil; {
		seen, ok := w.tail.from(w.at, next)
		var err error
		switch {
		case !ok:
			// Whoever goes on after a break is not called slow for it, unless much has happened meanwhile.
			w.behind, err = w.catchUp(ctx, seen.ahead, next >= 0 || seen.ahead > ringEntries)
			next = -1
		case len(seen.entries) == 0:
			next, w.behind, err = seen.next, false, w.wait(ctx, seen.grown)
		default:
			next, err = seen.next, w.pass(ctx, seen.entries)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// wait waits until the tail has grown, and gives signs of life meanwhile.
func (w *watcher) wait(ctx context.Context, grown <-chan struct{}) error {
	idle := time.NewTimer(lifeEvery)
	defer idle.Stop()
	select {
	case <-grown:
	case <-ctx.Done():
	case <-idle.C:
		return w.notice(Notice{})
	}
	return nil
}

// catchUp tells some of what has left the tail; before that, once, that the watcher fell behind, if it is
// slow. It returns whether the watcher was told so.
func (w *watcher) catchUp(ctx context.Context, ahead int64, slow bool) (told bool, err error) {
	if slow && !w.behind {
		if err := w.notice(Notice{Behind: ahead}); err != nil {
			return true, err
		}
	}
	told = w.behind || slow
	reading, err := w.log.Read(ctx, w.customer, w.at)
	if err != nil {
		return told, failure.Unavailable(err, "what happened could not be read now; watch again with the last event_id")
	}
	if len(reading.Entries) == 0 {
		sleep(ctx, waitFor)
	}
	return told, w.pass(ctx, reading.Entries)
}

// pass tells entries, but those that the watcher has passed already.
func (w *watcher) pass(ctx context.Context, entries []Entry) error {
	for _, e := range entries {
		if e.Number < w.at[e.Chain] {
			continue
		}
		w.at[e.Chain] = e.Number + 1
		if e.Consignment == nil {
			continue
		}
		if err := w.notice(Notice{Changed: e.Consignment}); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) notice(n Notice) error {
	n.At = w.log.Mark(w.customer, w.at)
	return w.tell(n)
}
