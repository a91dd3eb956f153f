// Package deadletter keeps the events that a service could not handle, for people to look at, to try again and to
// discard.
//
// What the sidecar gave up comes back on the topic "<app-id>.dead". There it is tried once more: of a batch that
// came as a whole because of one event, the others are handled by now, and what fails says why. Only that is
// kept. Handling is idempotent, so trying again, then or later, does no harm. What a service gives up by itself
// ([Own]) comes on the same topic; it was tried enough, and is tried again only when somebody says so. Events of the
// service's own that the broker refuses ([Office.KeepUnpublished]) are kept here too.
//
// Keys: "dead/<id>" is a dead letter, by its event's id; "list/dead/all/0" lists them.
package deadletter

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/sidecar"
)

const (
	keyPrefix = "dead/"
	// maxReason bounds what is kept of an error, in bytes.
	maxReason = 2_000
	// maxIDs is how many dead letters one call may be about.
	maxIDs = 100
	// rememberAtMost bounds the memory of failures, in events.
	rememberAtMost = 10_000
)

// Topic returns where the sidecar of an app sends what it gave up: the deadLetterTopic in
// components/common/subscriptions.yaml.
func Topic(appID string) string { return appID + sidecar.DeadSuffix }

// Letter is an event that could not be handled.
type Letter struct {
	ID          string `json:"id"`
	Topic       string `json:"topic,omitempty"` // where it was published; empty when that cannot be told
	Type        string `json:"type,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Data        []byte `json:"data"`
	// Unpublished is set for an event of this service's own that the broker refused. To replay it is to publish it.
	Unpublished bool      `json:"unpublished,omitempty"`
	Reason      string    `json:"reason"`
	Attempts    int       `json:"attempts"` // that this service remembers, one at least
	CreateTime  time.Time `json:"create_time"`
	UpdateTime  time.Time `json:"update_time"`
}

// Exists says whether this is a dead letter at all: the zero Letter is not.
func (l *Letter) Exists() bool { return l.ID != "" }

func (l *Letter) event() sidecar.Event {
	return sidecar.Event{ID: l.ID, Topic: l.Topic, Type: l.Type, ContentType: l.ContentType, Data: l.Data}
}

// Publisher sends events to the broker.
type Publisher interface {
	Publish(ctx context.Context, topic string, events []sidecar.Event) error
}

// State is what an [Office] needs of a state store.
type State interface {
	document.State
	Transact(ctx context.Context, upserts []sidecar.Item, deletes []string) error
}

var _ State = (*sidecar.State)(nil)

// Config is what an [Office] works with.
type Config struct {
	App      string
	State    State
	Handlers map[string]sidecar.Handler // by topic
	Own      Own                        // may be nil
	// Publisher publishes again what the broker refused; nil for an office that replays nothing.
	Publisher Publisher
	Now       func() time.Time
	Log       *slog.Logger
}

// Office is the dead letters of a service. Use [New].
type Office struct {
	cfg     Config
	letters *document.Store[Letter]
	list    pages.Scope

	mu       sync.Mutex
	failures map[string]int // by event id: how often handling failed
}

// New returns the dead letters of a service.
func New(cfg Config) *Office {
	return &Office{
		cfg: cfg, letters: document.NewStore[Letter](cfg.State, keyPrefix), list: pages.New(cfg.State, "dead").Scope("all"),
		failures: make(map[string]int),
	}
}

// Handlers returns the service's handlers, whose failures are counted, and the one that takes what the
// sidecar gave up.
func (o *Office) Handlers() map[string]sidecar.Handler {
	handlers := make(map[string]sidecar.Handler)
	for topic := range o.cfg.Handlers {
		handlers[topic] = func(ctx context.Context, events []sidecar.Event) []error { return o.try(ctx, topic, events) }
	}
	handlers[Topic(o.cfg.App)] = o.take
	return handlers
}

// try has events handled, and counts those that fail.
func (o *Office) try(ctx context.Context, topic string, events []sidecar.Event) []error {
	errs := o.cfg.Handlers[topic](ctx, events)
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, err := range errs {
		if err == nil {
			delete(o.failures, events[i].ID)
			continue
		}
		if len(o.failures) >= rememberAtMost {
			clear(o.failures)
		}
		o.failures[events[i].ID]++
	}
	return errs
}

func (o *Office) failed(id string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failures[id]
}

func (o *Office) forget(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.failures, id)
}

// take tries events once more that the sidecar gave up, and keeps those that fail. Its errors say that one
// could not be kept.
func (o *Office) take(ctx context.Context, events []sidecar.Event) []error {
	errs := make([]error, len(events))
	for i, e := range events {
		e.Topic = o.topicOf(e)
		if o.isOwn(e) {
			errs[i] = o.takeOwn(ctx, e)
			continue
		}
		if reason := o.again(ctx, e); reason != nil {
			errs[i] = o.keep(ctx, e, reason.Error(), max(o.failed(e.ID), 1))
		}
	}
	return errs
}

// topicOf returns the topic an event was published to, which a batch tells of its events, and else their type.
func (o *Office) topicOf(e sidecar.Event) string {
	if _, ok := o.cfg.Handlers[e.Topic]; ok {
		return e.Topic
	}
	if o.isOwn(e) {
		return Topic(o.cfg.App)
	}
	return event.TopicOf(e.Type)
}

// again has one event handled and returns why it is not.
func (o *Office) again(ctx context.Context, e sidecar.Event) error {
	if o.isOwn(e) {
		return o.cfg.Own.Again(ctx, e)
	}
	if _, ok := o.cfg.Handlers[e.Topic]; !ok {
		return errors.New("this service does not handle such an event")
	}
	return o.try(ctx, e.Topic, []sidecar.Event{e})[0]
}

// KeepUnpublished keeps an event of this service's own that the broker refused, to be published again by a replay.
func (o *Office) KeepUnpublished(ctx context.Context, e sidecar.Event, reason error, attempts int) error {
	return o.store(ctx, e, reason.Error(), attempts, true)
}

// keep stores an event that could not be handled.
func (o *Office) keep(ctx context.Context, e sidecar.Event, reason string, attempts int) error {
	return o.store(ctx, e, reason, attempts, false)
}

// store stores a dead letter. One that is there already gets the new reason.
func (o *Office) store(ctx context.Context, e sidecar.Event, reason string, attempts int, unpublished bool) error {
	now := o.cfg.Now().UTC()
	stored, err := o.letters.Update(ctx, e.ID, func(l *Letter) error {
		if !l.Exists() {
			*l = Letter{ID: e.ID, Topic: e.Topic, Type: e.Type, ContentType: e.ContentType, Data: e.Data, CreateTime: now}
		}
		l.Reason, l.Attempts, l.UpdateTime = text(reason), max(l.Attempts, attempts), now
		l.Unpublished = l.Unpublished || unpublished
		return nil
	})
	if err != nil {
		return err
	}
	// Listed last, so that a listed id without a letter is one that is gone. Without a place in the list the
	// event is not taken from the broker, and comes again.
	if err = o.list.Add(ctx, e.ID, stored.CreateTime); err == nil {
		// Without the reason: it may name an address, and is with the letter.
		o.cfg.Log.Warn("an event is among the dead letters", "event", e.ID, "topic", e.Topic, "attempts", attempts)
	}
	return err
}

// text returns what is kept of a reason, which may quote anything.
func text(reason string) string {
	return strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "\uFFFD")
}

// Page returns a page of dead letters, the newest first. Errors: INVALID_ARGUMENT.
func (o *Office) Page(ctx context.Context, size int32, token string) (letters []Letter, next string, err error) {
	ids, next, err := o.list.Page(ctx, size, token)
	if err != nil {
		return nil, "", err
	}
	letters, err = o.Get(ctx, ids)
	if err == nil && len(letters) < len(ids) {
		o.clear(ctx, ids, letters)
	}
	return letters, next, err
}

// clear takes off the list what a crash has left there of letters that are gone.
func (o *Office) clear(ctx context.Context, ids []string, letters []Letter) {
	for _, id := range ids {
		if slices.ContainsFunc(letters, func(l Letter) bool { return l.ID == id }) {
			continue
		}
		if err := o.unlist(ctx, id); err != nil {
			o.cfg.Log.Info("a dead letter that is gone stays in the list", "event", id, "error", err)
			return
		}
	}
}

// Get returns dead letters; those that are gone are left out.
func (o *Office) Get(ctx context.Context, ids []string) ([]Letter, error) {
	found, err := o.letters.GetMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	var letters []Letter
	for _, id := range ids {
		if letter, ok := found[id]; ok {
			letters = append(letters, letter)
		}
	}
	return letters, nil
}

// Replay tries dead letters again and returns why each is still one, in their order; "" for what is handled, or
// gone. Errors: INVALID_ARGUMENT.
func (o *Office) Replay(ctx context.Context, ids []string) (reasons []string, err error) {
	letters, err := o.named(ctx, ids)
	if err != nil {
		return nil, err
	}
	reasons = make([]string, len(ids))
	for i, id := range ids {
		letter, there := letters[id]
		if !there {
			continue
		}
		if reason := o.replay(ctx, letter); reason != nil {
			reasons[i] = text(reason.Error())
			continue
		}
		delete(letters, id) // it may be named twice
	}
	return reasons, nil
}

func (o *Office) replay(ctx context.Context, letter Letter) error {
	var reason error
	if letter.Unpublished {
		reason = o.cfg.Publisher.Publish(ctx, letter.Topic, []sidecar.Event{letter.event()})
	} else {
		reason = o.again(ctx, letter.event())
	}
	if reason == nil {
		return o.remove(ctx, letter.ID) // if that fails it is handled, and stays to be replayed
	}
	_, err := o.letters.Update(ctx, letter.ID, func(l *Letter) error {
		if l.Exists() { // else somebody discarded it meanwhile
			l.Reason, l.UpdateTime = text(reason.Error()), o.cfg.Now().UTC()
			l.Attempts++
		}
		return nil
	})
	return errors.Join(reason, err)
}

// Discard deletes dead letters and returns how many were there. Errors: INVALID_ARGUMENT.
func (o *Office) Discard(ctx context.Context, ids []string) (int, error) {
	letters, err := o.named(ctx, ids)
	if err != nil {
		return 0, err
	}
	for id := range letters {
		if err := o.remove(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(letters), nil
}

func (o *Office) named(ctx context.Context, ids []string) (map[string]Letter, error) {
	if len(ids) == 0 || len(ids) > maxIDs {
		return nil, failure.Invalid("ids", "must be 1 to %d", maxIDs)
	}
	if slices.Contains(ids, "") {
		return nil, failure.Invalid("ids", "must not be empty")
	}
	return o.letters.GetMany(ctx, ids)
}

func (o *Office) remove(ctx context.Context, id string) error {
	o.forget(id)
	if err := o.cfg.State.Transact(ctx, nil, []string{keyPrefix + id}); err != nil {
		return err
	}
	return o.unlist(ctx, id)
}

// unlist takes a letter that is gone off the list. One that is kept anew just then, and found itself listed still, is put
// back.
func (o *Office) unlist(ctx context.Context, id string) error {
	if err := o.list.Remove(ctx, id); err != nil {
		return err
	}
	letter, err := o.letters.Get(ctx, id)
	if err != nil || !letter.Exists() {
		return err
	}
	return o.list.Add(ctx, id, letter.CreateTime)
}
