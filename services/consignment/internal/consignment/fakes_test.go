package consignment_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/failure"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// port is the world around [consignment.Bookings]. What a test does not set says yes.
type port struct {
	store   *store
	vessels *vessels
	depots  *depots
	now     func() time.Time
	ids     atomic.Int64
}

func newPort() *port {
	p := &port{store: newStore(), vessels: &vessels{}, depots: &depots{}, now: func() time.Time { return noon }}
	return p
}

// bookings returns one process in front of the port.
func (p *port) bookings(t testing.TB) *consignment.Bookings {
	return consignment.NewBookings(consignment.Config{
		Vessels: p.vessels, Depots: p.depots, Store: p.store, Now: p.now,
		NewID: func() string { return "new-" + strconv.FormatInt(p.ids.Add(1), 10) },
		Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
}

// vessels answers holds with vessel001 and a minute, unless told otherwise, and notes what happens.
type vessels struct {
	hold       func(ctx context.Context, l *consignment.Lot) error
	releaseErr error

	mu       sync.Mutex
	held     []string
	released []release
}

// release is one hold, or consignment, given back.
type release struct {
	id        string
	cancelled bool
}

var _ consignment.Vessels = (*vessels)(nil)

func (v *vessels) Hold(ctx context.Context, lots []*consignment.Lot) []error {
	errs := make([]error, len(lots))
	for i, l := range lots {
		l.Vessel, l.Expires = "vessel001", noon.Add(time.Minute)
		if v.hold != nil {
			errs[i] = v.hold(ctx, l)
		}
		v.mu.Lock()
		v.held = append(v.held, l.ID)
		v.mu.Unlock()
	}
	return errs
}

func (v *vessels) Abandon(_ context.Context, lots []*consignment.Lot) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, l := range lots {
		v.released = append(v.released, release{l.ID, false})
	}
	return v.releaseErr
}

func (v *vessels) Release(_ context.Context, cancelled []*consignment.Consignment) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range cancelled {
		v.released = append(v.released, release{c.ID, true})
	}
	return v.releaseErr
}

// depots says yes, unless told otherwise, and notes what happens.
type depots struct {
	hold       func(ctx context.Context, l *consignment.Lot) error
	releaseErr error

	mu       sync.Mutex
	held     []string
	released []release
}

var _ consignment.Depots = (*depots)(nil)

func (d *depots) Hold(ctx context.Context, lots []*consignment.Lot) []error {
	errs := make([]error, len(lots))
	for i, l := range lots {
		if d.hold != nil {
			errs[i] = d.hold(ctx, l)
		}
		d.mu.Lock()
		d.held = append(d.held, l.ID)
		d.mu.Unlock()
	}
	return errs
}

func (d *depots) Release(_ context.Context, cancelled []*consignment.Consignment) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range cancelled {
		d.released = append(d.released, release{c.ID, true})
	}
	return d.releaseErr
}

// store keeps consignments in memory. A set function replaces a method.
type store struct {
	claim  func(ctx context.Context, ids []string) ([]consignment.Claim, error)
	commit func(ctx context.Context, lots []*consignment.Lot) error
	cancel func(c *consignment.Consignment, reason string) error
	page   func(customer string, size int32, token string) ([]string, string, error)

	mu        sync.Mutex
	rows      map[string]consignment.Consignment
	claimed   map[string]bool
	unclaimed struct{ booked, refused []string }
	commits   [][]string
	notAfter  time.Time // of the last commit
	cancels   []string
}

var _ consignment.Store = (*store)(nil)

func newStore() *store {
	return &store{rows: make(map[string]consignment.Consignment), claimed: make(map[string]bool)}
}

func (s *store) Claim(ctx context.Context, ids []string) ([]consignment.Claim, error) {
	if s.claim != nil {
		return s.claim(ctx, ids)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	claims := make([]consignment.Claim, len(ids))
	for i, id := range ids {
		if c, ok := s.rows[id]; ok {
			claims[i].Booked = &c
			continue
		}
		claims[i].Mine = !s.claimed[id]
		s.claimed[id] = true
	}
	return claims, nil
}

func (s *store) Unclaim(_ context.Context, booked, refused []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range append(append([]string{}, booked...), refused...) {
		delete(s.claimed, id)
	}
	s.unclaimed.booked = append(s.unclaimed.booked, booked...)
	s.unclaimed.refused = append(s.unclaimed.refused, refused...)
}

func (s *store) Commit(ctx context.Context, notAfter time.Time, lots []*consignment.Lot) error {
	if s.commit != nil {
		if err := s.commit(ctx, lots); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, l := range lots {
		for _, b := range l.Bookings {
			s.rows[b.ID] = b.Consignment
			ids = append(ids, b.ID)
		}
	}
	s.commits, s.notAfter = append(s.commits, ids), notAfter
	return nil
}

func (s *store) Cancel(_ context.Context, c *consignment.Consignment, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancels = append(s.cancels, c.ID)
	if s.cancel != nil {
		return s.cancel(c, reason)
	}
	row := s.rows[c.ID]
	row.Cancel(reason, noon.Add(time.Hour))
	s.rows[c.ID] = row
	return nil
}

func (s *store) Get(_ context.Context, id string) (consignment.Consignment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[id], nil
}

func (s *store) GetMany(_ context.Context, ids []string) (map[string]consignment.Consignment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := maps.Clone(s.rows)
	maps.DeleteFunc(found, func(id string, _ consignment.Consignment) bool {
		return !slices.Contains(ids, id)
	})
	return found, nil
}

func (s *store) Page(_ context.Context, customer string, size int32, token string) ([]string, string, error) {
	if s.page == nil {
		return nil, "", fmt.Errorf("page of %q was not expected", customer)
	}
	return s.page(customer, size, token)
}

func (s *store) stored() map[string]consignment.Consignment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.rows)
}

// order is one that nothing is wrong with.
func order(change ...func(*consignment.Order)) consignment.Order {
	o := consignment.Order{
		Customer: "cust001", Description: "tea", Weight: 550,
		Containers: []consignment.Container{
			{Origin: "Manchester, United Kingdom", Customer: "cust001", User: "user001"},
			{Origin: "Derby, United Kingdom", Customer: "cust002"},
			{Origin: "Manchester, United Kingdom"},
		},
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func withRequest(id string) func(*consignment.Order) {
	return func(o *consignment.Order) { o.RequestID = id }
}

func create(t *testing.T, b *consignment.Bookings, o consignment.Order) consignment.Result {
	t.Helper()
	return b.Create(t.Context(), []consignment.Order{o})[0]
}

// code returns the name of an error's gRPC code; "OK" for nil.
func code(err error) string {
	if err == nil {
		return "OK"
	}
	return failure.From(err).Code().String()
}

// fields returns the fields that an error names.
func fields(err error) []string {
	var names []string
	if err != nil {
		for _, v := range failure.From(err).Violations() {
			names = append(names, v.Field)
		}
	}
	return names
}
