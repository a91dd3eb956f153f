// Package outbox makes state and events agree. What is to be stored and what is to be announced
// go into the store in one transaction; from then on the events are applied and published, now or
// by another replica after a crash, at least once.
//
// A replica has a fixed number of slots, keys that nobody else writes: "outbox/<term>/<slot>",
// where the term is that of its seat. A slot holds the events of one commit until the broker took
// them. Since the keys are known beforehand, all that a dead replica left is read in one call.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
)

// slots is how many commits may wait for the broker at once. A commit that finds none free waits.
const slots = 512

// State is what an [Outbox] needs of a state store.
type State interface {
	Get(ctx context.Context, key string) (sidecar.Value, error)
	GetMany(ctx context.Context, keys []string) (map[string]sidecar.Value, error)
	Transact(ctx context.Context, upserts []sidecar.Item, deletes []string) error
}

// Publisher sends events to the broker.
type Publisher interface {
	Publish(ctx context.Context, topic string, events []sidecar.Event) error
}

// DeadLetters keeps events that the broker refuses, for people to look at and to publish again.
type DeadLetters interface {
	// KeepUnpublished keeps an event, with why the broker refused it and how often. Twice is as good as once.
	KeepUnpublished(ctx context.Context, e sidecar.Event, reason error, attempts int) error
}

var (
	_ State     = (*sidecar.State)(nil)
	_ Publisher = (*sidecar.Publisher)(nil)
)

// Config says how an outbox works.
type Config struct {
	State     State
	Publisher Publisher
	// Apply carries out what events entail in this service's own state, between their commit and
	// their publication. After a crash it may run again.
	Apply func(ctx context.Context, events []sidecar.Event) error
	// Apart publishes each commit by itself, all of them at once and in no order, so that none waits for
	// another that takes long. The Publisher then has no time limit and should try until it succeeds.
	Apart bool
	// DeadLetters keeps events that the broker refuses for good; nil to try them for ever.
	DeadLetters DeadLetters
	// Doubt is how long the slot of a commit is out of use whose write failed and is not in the store: the store may
	// still carry it out, over whatever is in the slot by then. 0 means 15 s.
	Doubt time.Duration
	Log   *slog.Logger
}

// Outbox commits and publishes. Use [New], then [Outbox.Run].
type Outbox struct {
	cfg     Config
	free    chan int     // slots not in use
	publish chan *stored // commits that were applied
	pending atomic.Int64 // commits whose rows are in the store

	mu        sync.Mutex
	published []*stored     // their rows are to be deleted
	returned  chan struct{} // there are rows to be deleted that nobody waits for
}

// publishTogether is how many commits' events one message has at most.
const publishTogether = 64

// stored is a commit that is in the store, as it is in its slot.
type stored struct {
	Events []sidecar.Event `json:"events"`

	key  string
	slot int
}

// New returns an outbox. Until Run has begun nothing is published.
func New(cfg Config) *Outbox {
	if cfg.Doubt <= 0 {
		cfg.Doubt = 15 * time.Second
	}
	o := &Outbox{cfg: cfg, free: make(chan int, slots), publish: make(chan *stored, slots), returned: make(chan struct{}, 1)}
	for slot := range slots {
		o.free <- slot
	}
	return o
}

// ErrUncertain says that a commit may be stored, now or in a moment, or not.
var ErrUncertain = errors.New("it is not known whether it was stored")

// Commit stores items and events in one transaction and applies the events; they are published
// soon after. The items' keys must be fresh or belong to the seat. Unless the error is
// [ErrUncertain] nothing is stored.
func (o *Outbox) Commit(ctx context.Context, held seat.Held, items []sidecar.Item, events []sidecar.Event) error {
	return o.commit(ctx, held, items, nil, events)
}

// commit is Commit that deletes keys as well.
func (o *Outbox) commit(ctx context.Context, held seat.Held, items []sidecar.Item, deletes []string, events []sidecar.Event) error {
	var slot int
	select {
	case slot = <-o.free:
	case <-ctx.Done():
		return errors.New("too many events wait for the broker")
	}
	entry := &stored{Events: events, key: slotKey(held.Term, slot), slot: slot}
	row, err := json.Marshal(entry)
	if err != nil {
		o.free <- slot
		return fmt.Errorf("encode events: %w", err)
	}
	o.pending.Add(1)
	// Rows that were published go with the next commit, at no cost of their own.
	gone := o.takePublished()
	err = o.cfg.State.Transact(ctx, append(slices.Clone(items), sidecar.Item{Key: entry.key, Data: row}), append(keysOf(gone), deletes...))
	if err == nil {
		o.release(gone...)
	} else {
		o.giveBack(gone)
		if sidecar.Refused(err) || sidecar.NotSent(err) {
			o.release(entry)
			return err
		}
		if found, known := o.look(ctx, entry); !found || !known {
			go o.resolve(entry)
			return errors.Join(ErrUncertain, err)
		}
	}
	if err := o.cfg.Apply(ctx, events); err != nil {
		// What is stored is stored: it will be applied, and published after that.
		o.cfg.Log.Warn("events not applied yet; will be tried again", "events", len(events), "error", err)
		go o.apply(entry)
		return nil
	}
	o.publish <- entry
	return nil
}

// look finds out whether a commit whose answer was lost is in the store by now, and whether that is known.
func (o *Outbox) look(ctx context.Context, entry *stored) (found, known bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	time.Sleep(50 * time.Millisecond) // what was on its way has arrived
	value, err := o.cfg.State.Get(ctx, entry.key)
	return err == nil && !value.Missing(), err == nil
}

// resolve looks for a commit until it is in the store, or would be there by now.
func (o *Outbox) resolve(entry *stored) {
	for began := time.Now(); ; time.Sleep(250 * time.Millisecond) {
		switch found, known := o.look(context.Background(), entry); {
		case found:
			o.apply(entry)
			return
		case known && time.Since(began) >= o.cfg.Doubt:
			o.release(entry)
			return
		}
	}
}

// apply applies the events of a commit until it succeeds and has them published.
func (o *Outbox) apply(entry *stored) {
	o.insist(context.Background(), "events not applied", func(ctx context.Context) error {
		return o.cfg.Apply(ctx, entry.Events)
	})
	o.publish <- entry
}

// release frees the slots of commits whose rows are gone.
func (o *Outbox) release(entries ...*stored) {
	for _, entry := range entries {
		o.free <- entry.slot
	}
	o.pending.Add(int64(-len(entries)))
}

// deleteAfter is how long the rows of published commits wait for a commit to go with.
const deleteAfter = 200 * time.Millisecond

// deleteFull is how many rows wait at most.
const deleteFull = 128

// Run publishes commits and has their rows deleted, until ctx ends. The events of a topic are published in the order
// of their commits; topics do not wait for each other. A commit after a quiet time is published at once.
func (o *Outbox) Run(ctx context.Context) error {
	var publishing sync.WaitGroup
	defer publishing.Wait()
	topics := make(map[string]chan batch)
	idle := time.NewTimer(deleteAfter)
	defer idle.Stop()
	for {
		select {
		case entry := <-o.publish:
			if o.cfg.Apart {
				publishing.Go(func() { o.publishApart(ctx, entry) })
				continue
			}
			for topic, part := range o.split(entry) {
				queue, there := topics[topic]
				if !there {
					queue = make(chan batch, slots)
					topics[topic] = queue
					publishing.Go(func() { o.publishTopic(ctx, topic, queue) })
				}
				queue <- part
			}
			continue
		case <-o.returned:
			if o.keepPublished(nil) < deleteFull {
				idle.Reset(deleteAfter)
				continue
			}
		case <-idle.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		gone := o.takePublished()
		o.deleteRows(ctx, gone)
		o.release(gone...)
	}
}

func (o *Outbox) takePublished() []*stored {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken := o.published
	o.published = nil
	return taken
}

// keepPublished notes commits whose rows are to be deleted and returns how many there are.
func (o *Outbox) keepPublished(entries []*stored) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.published = append(o.published, entries...)
	return len(o.published)
}

// giveBack is keepPublished for whoever does not see to it that the rows are deleted.
func (o *Outbox) giveBack(entries []*stored) {
	o.keepPublished(entries)
	select {
	case o.returned <- struct{}{}:
	default:
	}
}

func keysOf(entries []*stored) []string {
	keys := make([]string, len(entries))
	for i, entry := range entries {
		keys[i] = entry.key
	}
	return keys
}

func (o *Outbox) deleteRows(ctx context.Context, entries []*stored) {
	o.insist(ctx, "outbox rows not deleted", func(ctx context.Context) error {
		return o.cfg.State.Transact(ctx, nil, keysOf(entries))
	})
}

// RunSeated keeps a replica's seat and publishes under it until ctx ends; then it publishes what is left, for a
// few seconds at most, and if that succeeds leaves the seat after a last act under it.
func (o *Outbox) RunSeated(ctx context.Context, s *seat.Seat, last func(ctx context.Context, held seat.Held) error) error {
	var wg sync.WaitGroup
	after, stop := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { _ = o.Run(after) })
	wg.Go(func() { _ = s.Run(ctx) })
	<-ctx.Done()
	if o.Drained(3 * time.Second) {
		leaving, cancel := context.WithTimeout(after, time.Second)
		s.Leave(leaving, last)
		cancel()
	}
	stop()
	wg.Wait()
	return ctx.Err()
}

// Drained waits until every commit is published, for so long at most, and says whether it is.
func (o *Outbox) Drained(atMost time.Duration) bool {
	for deadline := time.Now().Add(atMost); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if o.pending.Load() == 0 {
			return true
		}
	}
	return false
}

// Adopt makes all that a dead replica left this replica's own, to be published in the background: for events
// that take longer than a seat may wait for [Outbox.Finish].
func (o *Outbox) Adopt(ctx context.Context, own, dead seat.Held) error {
	left, err := o.left(ctx, dead)
	if err != nil || len(left) == 0 {
		return err
	}
	o.cfg.Log.Info("taking over what a dead replica left", "commits", len(left))
	for some := range slices.Chunk(left, adoptTogether) {
		var events []sidecar.Event
		for _, entry := range some {
			events = append(events, entry.Events...)
		}
		if err := o.commit(ctx, own, nil, keysOf(some), events); err != nil {
			return err
		}
	}
	return nil
}

// adoptTogether is how many commits of a dead replica become one.
const adoptTogether = 16

// Finish applies and publishes all that a dead replica left in its slots.
func (o *Outbox) Finish(ctx context.Context, dead seat.Held) error {
	left, err := o.left(ctx, dead)
	if err != nil || len(left) == 0 {
		return err
	}
	byTopic := make(map[string][]sidecar.Event)
	for _, entry := range left {
		if err := o.cfg.Apply(ctx, entry.Events); err != nil {
			return err
		}
		for _, event := range entry.Events {
			byTopic[event.Topic] = append(byTopic[event.Topic], event)
		}
	}
	o.cfg.Log.Info("publishing what a dead replica left", "commits", len(left))
	var publishing sync.WaitGroup
	for topic, events := range byTopic {
		publishing.Go(func() { o.publishUntilTaken(ctx, topic, events) })
	}
	publishing.Wait()
	if ctx.Err() == nil {
		o.deleteRows(ctx, left)
	}
	return ctx.Err()
}

// left reads the commits in a dead replica's slots.
func (o *Outbox) left(ctx context.Context, dead seat.Held) ([]*stored, error) {
	keys := make([]string, slots)
	for slot := range slots {
		keys[slot] = slotKey(dead.Term, slot)
	}
	values, err := o.cfg.State.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	var left []*stored
	for _, key := range keys {
		if values[key].Missing() {
			continue
		}
		entry := &stored{key: key}
		if err := json.Unmarshal(values[key].Data, entry); err != nil {
			return nil, fmt.Errorf("decode %q: %w", key, err)
		}
		left = append(left, entry)
	}
	return left, nil
}

// insist does something until it succeeds or ctx ends.
func (o *Outbox) insist(ctx context.Context, failed string, do func(context.Context) error) {
	for pause := 50 * time.Millisecond; ctx.Err() == nil; pause = min(2*pause, 2*time.Second) {
		try, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := do(try)
		cancel()
		if err == nil {
			return
		}
		o.cfg.Log.Warn(failed+"; will be tried again", "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

func slotKey(term string, slot int) string { return "outbox/" + term + "/" + strconv.Itoa(slot) }
