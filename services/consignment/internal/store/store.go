// Package store keeps consignments in the state store.
//
// Keys: "consignment/<id>" is a consignment; "list/consignment/…" the pages that list them, of all
// and of each customer, "list/cancellation/…" those of the attempts to cancel them; "seats",
// "claims/<seat>" and "outbox/<term>/<slot>" are which replicas there are, what each is booking at
// present, and its events not yet taken by the broker.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/consignment/internal/topic"
	"seaport.example/services/internal/document"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
)

// keyPrefix is before the id in a consignment's key.
const keyPrefix = "consignment/"

// everybody is the list of all consignments.
const everybody = "all"

// State is what a [Store] needs of a state store.
type State interface {
	document.State
	outbox.State
}

// Config says what a store works with.
type Config struct {
	State     State
	Publisher outbox.Publisher
	Encoding  event.Encoding // of the events
	// DeadLetters keeps events that the broker refuses; nil to try them for ever.
	DeadLetters outbox.DeadLetters
	Lease       time.Duration // of the replica's seat; 0 means 15 s
	Now         func() time.Time
	Log         *slog.Logger
}

// Store is the consignment service's state.
type Store struct {
	docs   *document.Store[consignment.Consignment]
	list   *pages.List
	writer *pages.Writer
	seat   *seat.Seat
	claims *claims
	outbox *outbox.Outbox
	now    func() time.Time

	announce topic.Announcer
	writing  chan struct{} // holds one token: the pages have one writer

	cancellations cancellations
	notify        func() // of what was committed
}

var _ consignment.Store = (*Store)(nil)

// New returns the store. It must be run.
func New(cfg Config) *Store {
	s := &Store{
		docs: document.NewStore[consignment.Consignment](cfg.State, keyPrefix),
		list: pages.New(cfg.State, "consignment"),
		now:  cfg.Now,

		announce: topic.Announcer{Encoding: cfg.Encoding},
		writing:  make(chan struct{}, 1),
	}
	s.writing <- struct{}{}
	s.writer = s.list.Writer()
	s.cancellations = newCancellations(s, cfg.State)
	s.notify = func() {}
	s.outbox = outbox.New(outbox.Config{State: cfg.State, Doubt: cfg.Lease, Publisher: cfg.Publisher, DeadLetters: cfg.DeadLetters, Apply: s.apply, Log: cfg.Log})
	s.seat = seat.New(seat.Config{State: cfg.State, Lease: cfg.Lease, Finish: s.finish, Log: cfg.Log})
	s.claims = newClaims(cfg.State, s.seat, cfg.Now)
	return s
}

// Run keeps this replica's seat and publishes events until ctx ends; then it publishes what is
// left, for a few seconds at most.
func (s *Store) Run(ctx context.Context) error {
	return s.outbox.RunSeated(ctx, s.seat, s.claims.clear)
}

// Ready returns nil once bookings can be stored.
func (s *Store) Ready(ctx context.Context) error { return s.seat.Ready(ctx) }

// finish does what a dead replica left undone.
func (s *Store) finish(ctx context.Context, dead seat.Held) error {
	if err := s.outbox.Finish(ctx, dead); err != nil {
		return err
	}
	return s.claims.clear(ctx, dead)
}

// Commit stores the consignments of lots, their places in the lists and the lots' events in one
// transaction, unless it is after notAfter by then.
func (s *Store) Commit(ctx context.Context, notAfter time.Time, lots []*consignment.Lot) error {
	if err := s.commit(ctx, notAfter, lots); err != nil {
		return failure.Unavailable(err, "the booking could not be stored now; try again")
	}
	return nil
}

// errLate says that nothing was written, because somebody else may be booking the same by now.
var errLate = errors.New("too late to begin the commit")

func (s *Store) commit(ctx context.Context, notAfter time.Time, lots []*consignment.Lot) error {
	var items []sidecar.Item
	events := make([]sidecar.Event, len(lots))
	entries := make(map[string][]pages.Entry)
	for i, l := range lots {
		var err error
		if events[i], err = s.announce.Booked(l); err != nil {
			return err
		}
		for _, b := range l.Bookings {
			c := &b.Consignment
			data, err := json.Marshal(c)
			if err != nil {
				return fmt.Errorf("encode consignment %s: %w", c.ID, err)
			}
			items = append(items, sidecar.Item{Key: keyPrefix + c.ID, Data: data})
			entry := pages.Entry{ID: c.ID, Added: c.CreateTime.UnixMilli()}
			for _, scope := range []string{everybody, scopeOf(c.Customer)} {
				entries[scope] = append(entries[scope], entry)
			}
		}
	}
	select {
	case <-s.writing:
		defer func() { s.writing <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for commits before this one: %w", ctx.Err())
	}
	held, err := s.seat.Current(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.seat.Timeout())
	defer cancel()
	listed, err := s.writer.Stage(ctx, held, entries)
	switch {
	case err != nil:
	case s.now().After(notAfter):
		err = errLate
	default: // a process that stands still from here on finds its context at its end, and sends nothing
		err = s.outbox.Commit(ctx, held, append(items, listed...), events)
	}
	s.writer.Done(err == nil)
	s.notify()
	return err
}

// Get returns a consignment; the zero one when there is none.
func (s *Store) Get(ctx context.Context, id string) (consignment.Consignment, error) {
	return s.docs.Get(ctx, id)
}

// GetMany returns the consignments there are.
func (s *Store) GetMany(ctx context.Context, ids []string) (map[string]consignment.Consignment, error) {
	return s.docs.GetMany(ctx, ids)
}

// Page lists ids, the newest first.
func (s *Store) Page(ctx context.Context, customer string, size int32, token string) (ids []string, next string, err error) {
	return s.list.Page(ctx, listOf(customer), size, token)
}

// listOf names the list of a customer, or that of all for "".
func listOf(customer string) string {
	if customer == "" {
		return everybody
	}
	return scopeOf(customer)
}

// scopeOf names a customer's list, whatever characters the customer's id has.
func scopeOf(customer string) string { return "customer." + url.QueryEscape(customer) }

// Claim makes this process the only one to book ids.
func (s *Store) Claim(ctx context.Context, ids []string) ([]consignment.Claim, error) {
	return s.claims.take(ctx, ids)
}

// Unclaim ends claims.
func (s *Store) Unclaim(ctx context.Context, booked, refused []string) {
	s.claims.drop(ctx, booked, refused)
}
