// Package store keeps consignments in the state store.
//
// Keys: "consignment/<id>" is a consignment; "list/consignment/…" the pages that list them, of all
// and of each customer; "claim/<id>" who is booking it at present; "outbox/…" events not yet
// taken by the broker.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/consignment/internal/topic"
	"seaport.example/services/internal/document"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/sidecar"
)

// keyPrefix is before the id in a consignment's key.
const keyPrefix = "consignment/"

// everybody is the list of all consignments.
const everybody = "all"

// Store is the consignment service's state.
type Store struct {
	docs   *document.Store[consignment.Consignment]
	list   *pages.List
	claims *claims
	outbox *outbox.Outbox
	now    func() time.Time
}

var _ consignment.Store = (*Store)(nil)

// New returns the store. Its outbox must be run.
func New(state outbox.State, publisher outbox.Publisher, lease time.Duration, now func() time.Time, log *slog.Logger) *Store {
	s := &Store{
		docs:   document.NewStore[consignment.Consignment](state, keyPrefix),
		list:   pages.New(state, "consignment"),
		claims: newClaims(state),
		now:    now,
	}
	s.outbox = outbox.New(outbox.Config{State: state, Publisher: publisher, Apply: s.apply, Lease: lease, Log: log})
	return s
}

// Run publishes events until ctx ends.
func (s *Store) Run(ctx context.Context) error { return s.outbox.Run(ctx) }

// Ready returns nil once bookings can be stored.
func (s *Store) Ready(ctx context.Context) error { return s.outbox.Ready(ctx) }

// Commit stores a new consignment with its event in one transaction and lists it.
func (s *Store) Commit(ctx context.Context, c *consignment.Consignment) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode consignment %s: %w", c.ID, err)
	}
	booked, err := topic.Booked(c)
	if err != nil {
		return err
	}
	return s.outbox.Commit(ctx, []sidecar.Item{{Key: keyPrefix + c.ID, Data: data}}, booked)
}

// Cancel stores the event first and changes the consignment as the event is applied: the change
// needs a condition, which a transaction must not carry.
func (s *Store) Cancel(ctx context.Context, c *consignment.Consignment, reason string) error {
	cancelled, err := topic.Cancelled(c, reason, s.now().UTC())
	if err != nil {
		return err
	}
	return s.outbox.Commit(ctx, nil, cancelled)
}

// apply does what an event entails here: a booking is listed, a cancellation is carried out.
func (s *Store) apply(ctx context.Context, events []sidecar.Event, again bool) error {
	entries := make(map[string][]pages.Entry)
	for _, e := range events {
		switch e.Topic {
		case event.ConsignmentBooked:
			var booked eventv1.ConsignmentBooked
			if err := event.Decode(e, &booked); err != nil {
				return err
			}
			entry := pages.Entry{ID: booked.GetConsignmentId(), Added: booked.GetBookTime().AsTime().UnixMilli()}
			for _, scope := range []string{everybody, scopeOf(booked.GetCustomerId())} {
				entries[scope] = append(entries[scope], entry)
			}
		case event.ConsignmentCancelled:
			var cancelled eventv1.ConsignmentCancelled
			if err := event.Decode(e, &cancelled); err != nil {
				return err
			}
			if _, err := s.docs.Update(ctx, cancelled.GetConsignmentId(), func(c *consignment.Consignment) error {
				if c.Exists() {
					c.Cancel(cancelled.GetReason(), cancelled.GetCancelTime().AsTime())
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	if again {
		return s.list.AppendAgain(ctx, entries)
	}
	return s.list.Append(ctx, entries)
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
	scope := everybody
	if customer != "" {
		scope = scopeOf(customer)
	}
	return s.list.Page(ctx, scope, size, token)
}

// scopeOf names a customer's list, whatever characters the customer's id has.
func scopeOf(customer string) string { return "customer." + url.QueryEscape(customer) }

// Claim makes this process the only one to book id.
func (s *Store) Claim(ctx context.Context, id string) (consignment.Consignment, error) {
	booked, err := s.claims.take(ctx, id)
	if err != nil || booked == nil {
		return consignment.Consignment{}, err
	}
	var c consignment.Consignment
	if err := json.Unmarshal(booked, &c); err != nil {
		return c, fmt.Errorf("decode consignment %s: %w", id, err)
	}
	return c, nil
}

// Unclaim lets others try id again.
func (s *Store) Unclaim(ctx context.Context, id string) { s.claims.drop(ctx, id) }

var errBusy = errors.New("another attempt with the same request_id is in progress")
