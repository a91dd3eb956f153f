// Package store keeps e-mails in the state store.
//
// Keys: "email/<id>" is an e-mail; "list/email/all/…" the pages that list all of them; "inbox/<key>" what was
// handled; "seats" and "outbox/<term>/<slot>" are which replicas there are, and what each has still to send.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/inbox"
	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/notification/internal/notification"
)

const (
	emailPrefix = "email/"
	everybody   = "all" // the list of all e-mails
)

// State is what a [Store] needs of a state store.
type State interface {
	document.State
	outbox.State
}

// Config says what a store works with.
type Config struct {
	State State
	// Deliver sends an e-mail that is stored, or gives it up, however long that takes. Errors: the end of ctx.
	Deliver func(ctx context.Context, id string) error
	Lease   time.Duration // of the replica's seat; 0 means 15 s
	Now     func() time.Time
	Log     *slog.Logger
}

// Store is the notification service's state.
type Store struct {
	state  State
	docs   *document.Store[notification.Email]
	list   *pages.List
	writer *pages.Writer
	inbox  *inbox.Inbox
	seat   *seat.Seat
	outbox *outbox.Outbox

	writing chan struct{} // holds one token: the pages have one writer
}

var (
	_ notification.Store  = (*Store)(nil)
	_ notification.Emails = (*Store)(nil)
)

// New returns the store. It must be run.
func New(cfg Config) *Store {
	s := &Store{
		state: cfg.State,
		docs:  document.NewStore[notification.Email](cfg.State, emailPrefix),
		list:  pages.New(cfg.State, "email"),
		inbox: inbox.New(cfg.State, cfg.Now, cfg.Log),

		writing: make(chan struct{}, 1),
	}
	s.writing <- struct{}{}
	s.writer = s.list.Writer()
	nothing := func(context.Context, []sidecar.Event) error { return nil } // to send is all that e-mails entail
	s.outbox = outbox.New(outbox.Config{State: cfg.State, Doubt: cfg.Lease, Publisher: deliverer(cfg.Deliver), Apply: nothing, Apart: true, Log: cfg.Log})
	s.seat = seat.New(seat.Config{State: cfg.State, Lease: cfg.Lease, Finish: s.adopt, Log: cfg.Log})
	return s
}

// Run keeps this replica's seat and sends e-mails until ctx ends; then it sends what is left, for a few
// seconds at most.
func (s *Store) Run(ctx context.Context) error {
	return s.outbox.RunSeated(ctx, s.seat, func(context.Context, seat.Held) error { return nil })
}

// Ready returns nil once e-mails can be stored.
func (s *Store) Ready(ctx context.Context) error { return s.seat.Ready(ctx) }

// adopt takes over what a dead replica had to send.
func (s *Store) adopt(ctx context.Context, dead seat.Held) error {
	ctx, cancel := context.WithTimeout(ctx, s.seat.Timeout())
	defer cancel()
	own, err := s.seat.Current(ctx)
	if err != nil {
		return err
	}
	return s.outbox.Adopt(ctx, own, dead)
}

// deliverer sends the e-mails that the outbox holds, all at once.
type deliverer func(ctx context.Context, id string) error

var _ outbox.Publisher = deliverer(nil)

// Publish returns once every e-mail was sent or given up.
func (d deliverer) Publish(ctx context.Context, _ string, events []sidecar.Event) error {
	errs := make([]error, len(events))
	var wg sync.WaitGroup
	for i := range events {
		wg.Go(func() { errs[i] = d(ctx, events[i].ID) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// toSend is the topic of the outbox's events. They do not leave this service, and their ids are those of
// the e-mails.
const toSend = "email"

// Handled says which of the keys were handled.
func (s *Store) Handled(ctx context.Context, keys []string) (map[string]bool, error) {
	return s.inbox.Handled(ctx, keys)
}

// Add stores e-mails, their places in the list, that they are to be sent, and the marks that what called for
// them is handled, in one transaction.
func (s *Store) Add(ctx context.Context, calls []notification.Call) []error {
	errs := make([]error, len(calls))
	keys := make([]string, len(calls))
	for i, call := range calls {
		keys[i] = call.Key
	}
	claims, err := s.inbox.Claim(ctx, keys)
	if err == nil && len(claims.Mine) > 0 {
		var mine []notification.Call
		for _, call := range calls {
			if claims.Mine[call.Key] {
				mine = append(mine, call)
			}
		}
		// Without an answer it may be stored later: then the claims must run out.
		if err = s.commit(ctx, mine, claims); err != nil && !errors.Is(err, outbox.ErrUncertain) {
			s.inbox.Release(ctx, claims)
		}
	}
	for i, key := range keys {
		switch {
		case claims == nil, claims.Mine[key]:
			errs[i] = err
		case !claims.Handled[key]:
			errs[i] = failure.Unavailable(nil, "another replica is writing this e-mail just now; try again")
		}
	}
	return errs
}

var errLate = errors.New("too little is left of the claim")

func (s *Store) commit(ctx context.Context, calls []notification.Call, claims *inbox.Claims) error {
	stored, err := s.stored(ctx, calls)
	if err != nil {
		return err
	}
	items, entries, events, err := itemsOf(calls, claims, stored)
	if err != nil {
		return err
	}
	select {
	case <-s.writing:
		defer func() { s.writing <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	held, err := s.seat.Current(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.seat.Timeout())
	defer cancel()
	if len(events) == 0 {
		if !claims.InTime() {
			return errLate
		}
		return s.state.Transact(ctx, items, nil)
	}
	added := make(map[string][]pages.Entry)
	if len(entries) > 0 {
		added[everybody] = entries
	}
	listed, err := s.writer.Stage(ctx, held, added)
	switch {
	case err != nil:
	case !claims.InTime():
		err = errLate
	default:
		err = s.outbox.Commit(ctx, held, append(items, listed...), events)
	}
	s.writer.Done(err == nil)
	return err
}

// stored reads what is there of the e-mails that are sent again.
func (s *Store) stored(ctx context.Context, calls []notification.Call) (map[string]sidecar.Value, error) {
	var keys []string
	for _, call := range calls {
		if call.Again {
			keys = append(keys, emailPrefix+call.Email.ID)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return s.state.GetMany(ctx, keys)
}

func itemsOf(calls []notification.Call, claims *inbox.Claims, stored map[string]sidecar.Value) (items []sidecar.Item, entries []pages.Entry, events []sidecar.Event, err error) {
	for _, call := range calls {
		items = append(items, claims.Marks(call.Key)...)
		e := call.Email
		if e == nil {
			continue
		}
		data, err := json.Marshal(e)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("encode e-mail %s: %w", e.ID, err)
		}
		key := emailPrefix + e.ID
		items = append(items, sidecar.Item{Key: key, Data: data, ETag: stored[key].ETag})
		if !call.Again {
			entries = append(entries, pages.Entry{ID: e.ID, Added: e.CreateTime.UnixMilli()})
		}
		events = append(events, sidecar.Event{ID: e.ID, Topic: toSend, ContentType: "application/json", Data: []byte("{}")})
	}
	return items, entries, events, nil
}

// Get returns an e-mail; the zero one when there is none.
func (s *Store) Get(ctx context.Context, id string) (notification.Email, error) {
	return s.docs.Get(ctx, id)
}

// Update changes an e-mail.
func (s *Store) Update(ctx context.Context, id string, change func(*notification.Email) error) (notification.Email, error) {
	return s.docs.Update(ctx, id, change)
}
