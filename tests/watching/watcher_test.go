package watching

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/platform"
)

// watcher is somebody who watches. When the watch breaks off it goes on after the last event.
type watcher struct {
	name   string
	listen func(ctx context.Context, last string, told func(event)) error // until the watch ends

	mu      sync.Mutex
	last    string   // event_id
	changes []string // "<id> booked" or "<id> cancelled"
	started chan struct{}
	breaks  int
	err     error // after which it did not go on
}

// event is one thing that a watcher is told, however it came.
type event struct {
	id     string
	what   string // started, booked, cancelled, behind
	change *consignmentv1.ConsignmentChange
}

// watch begins a watch that lasts until the test ends; when it returns it has begun.
func watch(t *testing.T, name string, listen func(ctx context.Context, last string, told func(event)) error) *watcher {
	t.Helper()
	w := &watcher{name: name, listen: listen, started: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	select {
	case <-w.started:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: the watch does not begin: %v", name, w.problem())
	}
	return w
}

func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.mu.Lock()
		last := w.last
		w.mu.Unlock()
		err := w.listen(ctx, last, w.take)
		code := status.Code(err)
		w.mu.Lock()
		if w.breaks++; code != codes.Unavailable && code != codes.OK && ctx.Err() == nil {
			w.err = err
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		time.Sleep(50 * time.Millisecond) // as a client that does not want to be a burden
	}
}

func (w *watcher) take(e event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.what == "started" && w.last == "" {
		close(w.started)
	}
	w.last = e.id
	if e.change != nil {
		w.changes = append(w.changes, e.change.GetConsignment().GetId()+" "+e.what)
	}
}

func (w *watcher) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.changes)
}

func (w *watcher) problem() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// names is what changes are called.
var names = map[consignmentv1.ConsignmentChangeType]string{
	consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_BOOKED:    "booked",
	consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_CANCELLED: "cancelled",
}

// overGRPC watches a customer's consignments, or for "" all that the caller may see.
func overGRPC(c *platform.Client, customer string) func(ctx context.Context, last string, told func(event)) error {
	return func(ctx context.Context, last string, told func(event)) error {
		stream, err := c.WatchConsignments(ctx, &consignmentv1.WatchConsignmentsRequest{CustomerId: customer, LastEventId: last})
		if err != nil {
			return err
		}
		for {
			answer, err := stream.Recv()
			if err != nil {
				return err
			}
			switch what := answer.GetWhat().(type) {
			case *consignmentv1.WatchConsignmentsResponse_Started:
				told(event{id: answer.GetEventId(), what: "started"})
			case *consignmentv1.WatchConsignmentsResponse_Change:
				told(event{id: answer.GetEventId(), what: names[what.Change.GetType()], change: what.Change})
			case *consignmentv1.WatchConsignmentsResponse_FellBehind:
				told(event{id: answer.GetEventId(), what: "behind"})
			default:
				return fmt.Errorf("an answer that tells nothing: %v", answer)
			}
		}
	}
}

// wantChanges waits until a watcher was told as many changes as are wanted, and wants them to be these, each
// once, and a cancellation after its booking.
func (w *watcher) wantChanges(t *testing.T, want []string) {
	t.Helper()
	platform.Wait(t, time.Minute, func() error {
		if err := w.problem(); err != nil {
			return nil
		}
		if got := len(w.told()); got < len(want) {
			return fmt.Errorf("%s was told %d changes of %d", w.name, got, len(want))
		}
		return nil
	})
	if err := w.problem(); err != nil {
		t.Fatalf("%s: the watch ended with %v", w.name, err)
	}
	seen := make(map[string]bool)
	for _, change := range w.told() {
		if seen[change] {
			t.Errorf("%s: %s is told twice", w.name, change)
		}
		seen[change] = true
		if id, cancelled := strings.CutSuffix(change, " cancelled"); cancelled && !seen[id+" booked"] {
			t.Errorf("%s: %s is told before its booking", w.name, change)
		}
		if !slices.Contains(want, change) {
			t.Errorf("%s: %s is told and is not stored", w.name, change)
		}
	}
	for _, change := range want {
		if !seen[change] {
			t.Errorf("%s: %s is not told", w.name, change)
		}
	}
}

// stored returns what has happened to a customer's consignments, or to all, as it shows in the end.
func stored(t *testing.T, c *platform.Client, customer string) (changes []string) {
	t.Helper()
	for token, first := "", true; first || token != ""; first = false {
		page, err := c.ListConsignments(t.Context(), &consignmentv1.ListConsignmentsRequest{CustomerId: customer, PageSize: 200, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.GetConsignments() {
			changes = append(changes, one.GetId()+" booked")
			if one.GetStatus() == consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED {
				changes = append(changes, one.GetId()+" cancelled")
			}
		}
		token = page.GetNextPageToken()
	}
	return changes
}
