// Package outbox makes state and events agree. What is to be stored and what is to be announced
// go into the store in one transaction; from then on the events are applied and published, now or
// by another replica after a crash, at least once.
//
// Each process is an owner with a fixed number of slots, keys of its own that nobody else writes:
// "outbox/<owner>/<slot>". A slot holds the events of one commit until the broker took them. Since
// the keys are known beforehand, a replica can read all that a dead owner left in one call. Owners
// are listed in the document "outbox/owners" and show that they live by a beat on a key of their
// own; whose beat stands still for a lease is dead, by the watcher's own clock.
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

	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/document"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
)

// slots is how many commits may wait for the broker at once. A commit that finds none free waits.
const slots = 512

// State is what an [Outbox] needs of a state store.
type State interface {
	document.State
	Transact(ctx context.Context, upserts []sidecar.Item, deletes []string) error
}

// Publisher sends events to the broker.
type Publisher interface {
	Publish(ctx context.Context, topic string, events []sidecar.Event) error
}

var (
	_ State     = (*sidecar.State)(nil)
	_ Publisher = (*sidecar.Publisher)(nil)
)

// Config says how an outbox works.
type Config struct {
	State     State
	Publisher Publisher
	// Apply carries out what an event entails in this service's own state before it is
	// published. It runs after the commit; again is true when it may have run before.
	Apply func(ctx context.Context, events []sidecar.Event, again bool) error
	Lease time.Duration // after which a silent owner is dead; 0 means 15 s
	Log   *slog.Logger
}

// Outbox commits and publishes. Use [New], then [Outbox.Run].
type Outbox struct {
	cfg    Config
	owners *document.Store[owners]

	commits *batch.Batcher[commit, *stored]
	applies *batch.Batcher[sidecar.Event, struct{}]

	mu       sync.Mutex
	owner    string    // this process, until it loses its lease
	lastBeat time.Time // when the owner last showed that it lives

	free    chan int     // slots not in use
	publish chan *stored // commits that were applied
	wake    chan struct{}
	pending atomic.Int64 // commits not yet published
}

// owners is the document that lists the owners.
type owners struct {
	Since map[string]time.Time `json:"since"`
}

type commit struct {
	items  []sidecar.Item
	events []sidecar.Event
}

// stored is a commit that is in the store, as it is in its slot.
type stored struct {
	Events []sidecar.Event `json:"events"`

	key  string
	slot int

	retrying atomic.Bool // somebody applies all events again

	mu        sync.Mutex
	unapplied int
}

// New returns an outbox. Until Run has begun, commits wait.
func New(cfg Config) *Outbox {
	if cfg.Lease <= 0 {
		cfg.Lease = 15 * time.Second
	}
	o := &Outbox{
		cfg:     cfg,
		owners:  document.NewStore[owners](cfg.State, "outbox/"),
		free:    make(chan int, slots),
		publish: make(chan *stored, slots),
		wake:    make(chan struct{}, 1),
	}
	for slot := range slots {
		o.free <- slot
	}
	o.commits = batch.New(batch.Config{Max: 128, Timeout: min(commitTimeout, cfg.Lease/4)}, o.commitMany)
	o.applies = batch.New(batch.Config{Max: 256}, o.applyMany)
	return o
}

// commitTimeout bounds how long a commit is tried; a quarter of the lease does too, so that a
// commit is never written after another replica took its owner for dead.
const commitTimeout = 4 * time.Second

// Commit stores items and events together, applies the events, and returns; they are published
// soon after. The items' keys must be fresh. After an error it may be stored all the same.
func (o *Outbox) Commit(ctx context.Context, items []sidecar.Item, events ...sidecar.Event) error {
	entry, err := o.commits.Do(ctx, commit{items: items, events: events})
	if err != nil {
		return failure.Unavailable(err, "it could not be stored now; try again")
	}
	for _, event := range events {
		if _, err := o.applies.Do(ctx, event); err != nil {
			// What is stored is stored: the relay applies and publishes it later.
			o.cfg.Log.Warn("event not applied yet; will be tried again", "event", event.ID, "error", err)
			if entry.retrying.CompareAndSwap(false, true) {
				go o.reapply(entry)
			}
			return nil
		}
	}
	o.applied(entry, len(events))
	return nil
}

// commitMany stores the commits of many callers in one transaction.
func (o *Outbox) commitMany(ctx context.Context, commits []commit) []batch.Result[*stored] {
	owner, err := o.living(ctx)
	if err != nil {
		return batch.Fail[*stored](len(commits), err)
	}
	var slot int
	select {
	case slot = <-o.free:
	case <-ctx.Done():
		return batch.Fail[*stored](len(commits), errors.New("too many events wait for the broker"))
	}
	entry := &stored{key: slotKey(owner, slot), slot: slot}
	var items []sidecar.Item
	for _, c := range commits {
		items = append(items, c.items...)
		entry.Events = append(entry.Events, c.events...)
	}
	entry.unapplied = len(entry.Events)
	row, err := json.Marshal(entry)
	if err != nil {
		o.free <- slot
		return batch.Fail[*stored](len(commits), fmt.Errorf("encode events: %w", err))
	}
	items = append(items, sidecar.Item{Key: entry.key, Data: row})

	o.pending.Add(1)
	if err := o.cfg.State.Transact(ctx, items, nil); err != nil {
		// It may be stored all the same. Whoever asked is told to try again; the slot stays taken
		// until the store says what is in it.
		go o.resolve(entry)
		return batch.Fail[*stored](len(commits), err)
	}
	results := make([]batch.Result[*stored], len(commits))
	for i := range results {
		results[i].Answer = entry
	}
	return results
}

// resolve finds out whether a commit whose answer was lost is in the store.
func (o *Outbox) resolve(entry *stored) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		value, err := o.cfg.State.Get(ctx, entry.key)
		cancel()
		switch {
		case err != nil:
			time.Sleep(500 * time.Millisecond)
			continue
		case value.Missing():
			o.free <- entry.slot
			o.pending.Add(-1)
		default:
			o.reapply(entry)
		}
		return
	}
}

// reapply applies all events of a commit until it succeeds, and has them published.
func (o *Outbox) reapply(entry *stored) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := o.cfg.Apply(ctx, entry.Events, true)
		cancel()
		if err == nil {
			o.applied(entry, len(entry.Events))
			return
		}
		o.cfg.Log.Warn("events not applied; will be tried again", "events", len(entry.Events), "error", err)
		time.Sleep(500 * time.Millisecond)
	}
}

func (o *Outbox) applyMany(ctx context.Context, events []sidecar.Event) []batch.Result[struct{}] {
	if err := o.cfg.Apply(ctx, events, false); err != nil {
		return batch.Fail[struct{}](len(events), err)
	}
	return make([]batch.Result[struct{}], len(events))
}

// applied counts down the events of a commit and passes it on when all are applied.
func (o *Outbox) applied(entry *stored, n int) {
	entry.mu.Lock()
	before := entry.unapplied
	entry.unapplied -= n
	last := before > 0 && entry.unapplied <= 0
	entry.mu.Unlock()
	if last {
		o.publish <- entry
	}
}

// Run keeps the owner alive, publishes, and takes over what dead owners left, until ctx ends;
// then it publishes what is left, for a few seconds at most.
func (o *Outbox) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	relay, stopRelay := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { o.relay(relay) })
	wg.Go(func() { o.keepAlive(ctx) })
	<-ctx.Done()

	if o.drained(3 * time.Second) {
		o.leave(relay)
	} else {
		o.cfg.Log.Warn("events are left in the outbox; another replica, or the next start, publishes them")
	}
	stopRelay()
	wg.Wait()
	return nil
}

// drained waits until every commit is published, for so long at most.
func (o *Outbox) drained(atMost time.Duration) bool {
	for deadline := time.Now().Add(atMost); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if o.pending.Load() == 0 {
			return true
		}
	}
	return false
}

// relay publishes commits in their order and frees their slots.
func (o *Outbox) relay(ctx context.Context) {
	for {
		var entries []*stored
		select {
		case entry := <-o.publish:
			entries = append(entries, entry)
		case <-ctx.Done():
			return
		}
		for more := true; more && len(entries) < 64; {
			select {
			case entry := <-o.publish:
				entries = append(entries, entry)
			default:
				more = false
			}
		}
		o.publishUntilTaken(ctx, entries)
		if ctx.Err() != nil {
			return // what was not taken stays for the next owner
		}
		for _, entry := range entries {
			o.free <- entry.slot
		}
		o.pending.Add(int64(-len(entries)))
	}
}

// publishUntilTaken publishes events and deletes their rows, however long it takes, unless ctx
// ends.
func (o *Outbox) publishUntilTaken(ctx context.Context, entries []*stored) {
	byTopic := make(map[string][]sidecar.Event)
	keys := make([]string, 0, len(entries))
	for _, entry := range entries {
		keys = append(keys, entry.key)
		for _, event := range entry.Events {
			byTopic[event.Topic] = append(byTopic[event.Topic], event)
		}
	}
	for topic, events := range byTopic {
		for chunk := range slices.Chunk(events, 256) {
			o.insist(ctx, "events not published", func(ctx context.Context) error {
				return o.cfg.Publisher.Publish(ctx, topic, unique(chunk))
			})
		}
	}
	o.insist(ctx, "outbox rows not deleted", func(ctx context.Context) error {
		return o.cfg.State.Transact(ctx, nil, keys)
	})
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

// unique drops repeats of an event: the broker's side wants distinct ids within a call.
func unique(events []sidecar.Event) []sidecar.Event {
	seen := make(map[string]bool, len(events))
	return slices.DeleteFunc(slices.Clone(events), func(e sidecar.Event) bool {
		repeated := seen[e.ID]
		seen[e.ID] = true
		return repeated
	})
}

func slotKey(owner string, slot int) string { return "outbox/" + owner + "/" + strconv.Itoa(slot) }
func beatKey(owner string) string           { return "outbox/" + owner + "/beat" }
