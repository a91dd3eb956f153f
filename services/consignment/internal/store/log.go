package store

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
)

// The log of what happened to consignments is the lists of bookings and of cancellations, which are
// written in the transactions of what they list, read forwards. Its chains are those of the bookings'
// list and then those of the cancellations'.

var _ consignment.Log = (*Store)(nil)

// logRead is how many entries of the log are read at once.
const logRead = 128

// lists returns the two lists that are the log of a customer, or of all for "".
func (s *Store) lists(customer string) []pages.Scope {
	name := listOf(customer)
	return []pages.Scope{s.list.Scope(name), s.cancellations.list.Scope(name)}
}

// snapshots reads the heads of the two lists. Those of the cancellations are read first: the booking of
// a cancellation that is seen is seen then, too.
func (s *Store) snapshots(ctx context.Context, customer string) (booked, cancelled *pages.Snapshot, err error) {
	lists := s.lists(customer)
	if cancelled, err = lists[1].Snapshot(ctx); err != nil {
		return nil, nil, err
	}
	booked, err = lists[0].Snapshot(ctx)
	return booked, cancelled, err
}

func position(booked, cancelled pages.Position) consignment.Position {
	return slices.Concat(booked[:], cancelled[:])
}

func halves(at consignment.Position) (booked, cancelled pages.Position) {
	copy(booked[:], at[:seat.Count])
	copy(cancelled[:], at[seat.Count:])
	return booked, cancelled
}

// End returns the position behind all that has happened to a customer's consignments, or to all for "".
func (s *Store) End(ctx context.Context, customer string) (consignment.Position, error) {
	booked, cancelled, err := s.snapshots(ctx, customer)
	if err != nil {
		return nil, err
	}
	return position(booked.End(), cancelled.End()), nil
}

// Mark returns a position as a text that is good for the same customer only.
func (s *Store) Mark(customer string, at consignment.Position) string {
	booked, cancelled := halves(at)
	return pages.Mark(s.lists(customer), []pages.Position{booked, cancelled})
}

// ParseMark is the inverse of Mark; false for a text that is no mark of this customer.
func (s *Store) ParseMark(customer, mark string) (consignment.Position, bool) {
	at, ok := pages.ParseMark(s.lists(customer), mark)
	if !ok {
		return nil, false
	}
	return position(at[0], at[1]), true
}

// Notify has f called whenever this process may have added to the log. Call it before the store is used.
func (s *Store) Notify(f func()) { s.notify = f }

// Read returns what happened from a position on.
func (s *Store) Read(ctx context.Context, customer string, from consignment.Position) (consignment.Reading, error) {
	places, more, err := s.places(ctx, customer, from)
	if err != nil {
		return consignment.Reading{}, err
	}
	return s.reading(ctx, places, more)
}

// places returns the entries from a position on, some at a time. Cancellations come after all bookings that
// are there, so that none comes before its booking.
func (s *Store) places(ctx context.Context, customer string, from consignment.Position) (places []place, more bool, err error) {
	booked, cancelled, err := s.snapshots(ctx, customer)
	if err != nil {
		return nil, false, err
	}
	fromBooked, fromCancelled := halves(from)
	entries, more, err := booked.After(ctx, fromBooked, logRead)
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		places = append(places, place{id: e.ID, chain: e.Chain, number: e.Number})
	}
	left := logRead - len(places)
	if more || left == 0 {
		return places, true, nil
	}
	if entries, more, err = cancelled.After(ctx, fromCancelled, left); err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		p := place{chain: seat.Count + e.Chain, number: e.Number}
		if p.id, p.attempt, err = parseAttempt(e.ID); err != nil {
			return nil, false, err
		}
		places = append(places, p)
	}
	return places, more, nil
}

// reading reads the consignments of places, of the first of them if they are very large.
func (s *Store) reading(ctx context.Context, places []place, more bool) (consignment.Reading, error) {
	found, n, err := s.fitting(ctx, places)
	if err != nil {
		return consignment.Reading{}, err
	}
	r := consignment.Reading{More: more || n < len(places)}
	waiting := make(map[int]bool) // by chain
	for _, p := range places[:n] {
		c, there := found[p.id]
		if waiting[p.chain] || there && p.open(&c) {
			waiting[p.chain], r.Waiting = true, true
			continue
		}
		entry := consignment.Entry{Chain: p.chain, Number: p.number}
		if there {
			entry.Consignment = p.as(&c)
		}
		r.Entries = append(r.Entries, entry)
	}
	if len(r.Entries) == 0 {
		r.More = false // there is nothing but to wait
	}
	return r, nil
}

// fitting reads the consignments of as many places as fit into a message, at least one.
func (s *Store) fitting(ctx context.Context, places []place) (found map[string]consignment.Consignment, n int, err error) {
	for n = len(places); ; n = (n + 1) / 2 {
		found, err = s.docs.GetMany(ctx, idsOf(places[:n]))
		if err == nil || n <= 1 || status.Code(err) != codes.ResourceExhausted {
			return found, n, err
		}
	}
}

// idsOf returns the consignments of places, each once.
func idsOf(places []place) []string {
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = p.id
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
