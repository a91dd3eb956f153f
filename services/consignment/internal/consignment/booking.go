package consignment

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/normalize"
)

// Vessels holds room on vessels.
type Vessels interface {
	// Hold holds room for lots on their wished vessels, or on the best fit, and tells them their
	// vessel and when the hold expires: one error a lot, in their order.
	Hold(ctx context.Context, lots []*Lot) []error
	// Abandon gives back what lots hold that are not booked.
	Abandon(ctx context.Context, lots []*Lot) error
	// Release gives the room of cancelled consignments back for good.
	Release(ctx context.Context, cancelled []*Consignment) error
}

// Depots holds containers in depots, as Vessels holds room. A refusal's fields are "pickups[i].…".
type Depots interface {
	Hold(ctx context.Context, lots []*Lot) []error
	Release(ctx context.Context, cancelled []*Consignment) error
}

// Claim is the answer to who may book an id.
type Claim struct {
	Booked *Consignment // what is booked under the id already
	Mine   bool         // this process may book it, and nobody else; else somebody is at it
}

// Store keeps consignments.
type Store interface {
	// Claim makes this process the only one to book each id, for a while, or tells what is booked.
	Claim(ctx context.Context, ids []string) ([]Claim, error)
	// Unclaim ends the claims of bookings that came to a certain end.
	Unclaim(ctx context.Context, booked, refused []string)
	// Commit stores the consignments of lots, announces and lists them: all, or none. It begins no write after
	// notAfter, when another process may be booking the same. After an error it is not certain that it is none.
	Commit(ctx context.Context, notAfter time.Time, lots []*Lot) error
	// Cancel stores and announces that a consignment is cancelled.
	Cancel(ctx context.Context, c *Consignment, reason string) error
	Get(ctx context.Context, id string) (Consignment, error)
	GetMany(ctx context.Context, ids []string) (map[string]Consignment, error)
	// Page lists ids, the newest first: of one customer, or of all for "".
	Page(ctx context.Context, customer string, size int32, token string) (ids []string, next string, err error)
}

// Config is what [Bookings] works with.
type Config struct {
	Vessels Vessels
	Depots  Depots
	Store   Store
	Now     func() time.Time
	NewID   func() string
	Log     *slog.Logger
}

// Bookings books, lists and cancels consignments.
type Bookings struct {
	Config

	mu      sync.Mutex
	running map[string]*attempt // by consignment id: bookings that have a request id
}

// attempt is a booking in progress. Others with the same request id wait for what comes of it.
type attempt struct {
	Booking

	done chan struct{} // closed when the rest is final
	err  error
	// certain: nothing is stored, nor will be, when err is not nil.
	certain bool
}

// NewBookings returns the use-cases of a consignment.
func NewBookings(cfg Config) *Bookings {
	return &Bookings{Config: cfg, running: make(map[string]*attempt)}
}

const (
	// margin is how long before a hold expires a booking must be on its way to the store.
	margin = 6 * time.Second
	// claimedFor bounds a booking until its commit begins. It is well below the life of a claim, so
	// that nobody else can begin the same booking before this one is over.
	claimedFor = 6 * time.Second
	// commitWithin is the time from before a claim until its booking's commit must have begun. With the time that a
	// write may take and what clocks differ by, it is below the life of a claim (20 s in the store): a process that
	// stood still for longer must not write what another one may have booked, and its customer cancelled, meanwhile.
	commitWithin = 10 * time.Second
	// patience is how long to wait for another process that is at the same booking.
	patience = 3 * time.Second
)

// Result is what came of an order.
type Result struct {
	Consignment Consignment
	Err         error
}

// Create books orders side by side: each step is one call for all of them. An order with a
// request id books once however often it comes, and all get the same answer. Errors, one an order:
// INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION; ALREADY_EXISTS for a request id of another
// order; UNAVAILABLE is worth a retry.
func (b *Bookings) Create(ctx context.Context, orders []Order) []Result {
	return b.create(ctx, orders, alone)
}

// Import is Create for orders of one import: they share holds, and are announced in lots, so nobody is
// mailed about each of them. Where a lot finds no room, smaller ones are tried, and each order alone in
// the end.
func (b *Bookings) Import(ctx context.Context, orders []Order) []Result {
	return b.create(ctx, orders, together)
}

func (b *Bookings) create(ctx context.Context, orders []Order, group func([]*Booking) []*Lot) []Result {
	results := make([]Result, len(orders))
	waits := make([]*attempt, len(orders))
	var mine []*attempt
	for i := range orders {
		orders[i].complete()
		if results[i].Err = orders[i].Check(); results[i].Err != nil {
			continue
		}
		if earlier, err := b.earlier(ctx, &orders[i]); earlier != nil || err != nil {
			results[i] = Result{Err: err}
			if err == nil {
				results[i] = (&attempt{Booking: Booking{Consignment: *earlier}}).answer(&orders[i])
			}
			continue
		}
		a, first := b.begin(&orders[i])
		if waits[i] = a; first {
			mine = append(mine, a)
		}
	}
	go b.bookAll(ctx, mine, group)
	for i, a := range waits {
		if a == nil {
			continue
		}
		select {
		case <-a.done:
			results[i] = a.answer(&orders[i])
		case <-ctx.Done():
			results[i].Err = ctx.Err()
		}
	}
	return results
}

// begin returns the attempt an order is part of, and whether the order began it.
func (b *Bookings) begin(o *Order) (a *attempt, first bool) {
	now := b.Now().UTC()
	if o.RequestID == "" {
		return &attempt{Booking: o.booking(b.NewID(), now), done: make(chan struct{})}, true
	}
	id := o.derivedID()
	b.mu.Lock()
	defer b.mu.Unlock()
	if a, there := b.running[id]; there {
		return a, false
	}
	a = &attempt{Booking: o.booking(id, now), done: make(chan struct{})}
	b.running[id] = a
	return a, true
}

// answer is what an order gets of its attempt.
func (a *attempt) answer(o *Order) Result {
	if a.err != nil {
		return Result{Err: a.err}
	}
	if o.RequestID != "" && !o.is(a.Fingerprint) {
		return Result{Err: failure.Exists("request_id", "was used for another booking, %s; choose a new one", a.ID)}
	}
	return Result{Consignment: a.Consignment}
}

// bookAll brings attempts to their end, even if the caller who began them leaves: others may wait
// for them.
func (b *Bookings) bookAll(ctx context.Context, attempts []*attempt, group func([]*Booking) []*Lot) {
	ctx = context.WithoutCancel(ctx)
	var free, claimed []*attempt
	for _, a := range attempts {
		if a.Fingerprint == "" {
			free = append(free, a)
		} else {
			claimed = append(claimed, a)
		}
	}
	notAfter := b.Now().Add(commitWithin)
	before, cancel := context.WithTimeout(ctx, claimedFor)
	defer cancel()
	mine := b.claim(before, claimed)
	b.book(before, notAfter, append(free, mine...), group)

	var booked, refused []string
	for _, a := range mine {
		switch {
		case a.err == nil:
			booked = append(booked, a.ID)
		case a.certain:
			refused = append(refused, a.ID)
		}
	}
	if len(mine) > 0 {
		b.Store.Unclaim(ctx, booked, refused)
	}
	b.mu.Lock()
	for _, a := range claimed {
		delete(b.running, a.ID)
	}
	b.mu.Unlock()
	for _, a := range attempts {
		close(a.done)
	}
}

// claim returns the attempts that this process may book. The others end here: booked already, or
// given up because another process is at them for long.
func (b *Bookings) claim(ctx context.Context, attempts []*attempt) (mine []*attempt) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := 10 * time.Millisecond; len(attempts) > 0; wait = min(2*wait, 250*time.Millisecond) {
		claims, err := b.Store.Claim(ctx, ids(attempts))
		if err != nil {
			refuse(attempts, failure.Unavailable(err, "the booking could not begin now; try again"))
			return mine
		}
		var busy []*attempt
		for i, a := range attempts {
			switch {
			case claims[i].Booked != nil:
				a.Consignment = *claims[i].Booked
			case claims[i].Mine:
				mine = append(mine, a)
			default:
				busy = append(busy, a)
			}
		}
		if attempts = busy; len(busy) == 0 {
			return mine
		}
		select {
		case <-time.After(wait/2 + rand.N(wait)): //nolint:gosec // parts rivals, guards nothing
		case <-ctx.Done():
			refuse(busy, failure.Unavailable(nil, "an earlier attempt with this request_id is not finished; try again"))
			return mine
		}
	}
	return mine
}

// book books attempts in lots. A lot that is refused is tried again in parts, down to single bookings.
func (b *Bookings) book(ctx context.Context, notAfter time.Time, open []*attempt, group func([]*Booking) []*Lot) {
	of := make(map[*Booking]*attempt, len(open))
	bookings := make([]*Booking, len(open))
	for i, a := range open {
		bookings[i] = &a.Booking
		of[&a.Booking] = a
	}
	for lots := group(bookings); len(lots) > 0; {
		var parts []*Lot
		for i, outcome := range b.bookLots(ctx, notAfter, lots) {
			if smaller := lots[i].parts(); smaller != nil && outcome.refused() {
				if ctx.Err() == nil {
					parts = append(parts, smaller...)
					continue
				}
				// Which of the bookings are at fault is not known.
				outcome.err = failure.Unavailable(ctx.Err(), "booking took too long; try again")
			}
			for _, booking := range lots[i].Bookings {
				of[booking].err, of[booking].certain = outcome.err, outcome.certain
			}
		}
		lots = parts
	}
}

// outcome is what came of a lot.
type outcome struct {
	err error
	// certain: nothing is stored, nor will be, when err is not nil.
	certain bool
}

// refused says that it is something about this lot: another one may do better.
func (o outcome) refused() bool {
	e, ok := errors.AsType[*failure.Error](o.err)
	return ok && o.certain && e.IsRefusal()
}

// bookLots holds room and containers for lots and stores their consignments. Whatever happens in
// between, what is held and not booked is given back, or expires by itself.
func (b *Bookings) bookLots(ctx context.Context, notAfter time.Time, lots []*Lot) []outcome {
	outcomes := make([]outcome, len(lots))
	// pass returns the lots of those given that have no error, and notes the errors of the others.
	pass := func(indices []int, errs []error) (passed []int) {
		for n, i := range indices {
			if errs[n] != nil {
				outcomes[i] = outcome{err: errs[n], certain: true}
				continue
			}
			passed = append(passed, i)
		}
		return passed
	}
	open := make([]int, len(lots))
	for i := range open {
		open[i] = i
	}
	open = pass(open, b.Vessels.Hold(ctx, lots))
	for _, i := range open {
		lots[i].placed()
	}

	held := open
	open = pass(held, b.Depots.Hold(ctx, at(lots, held)))
	var back []*Lot
	for _, i := range held {
		if outcomes[i].err != nil {
			outcomes[i].err = inOrder(outcomes[i].err, lots[i])
			back = append(back, lots[i])
		}
	}
	if len(back) > 0 {
		b.giveBack(ctx, "room", len(back), func(ctx context.Context) error { return b.Vessels.Abandon(ctx, back) })
	}

	late := make([]error, len(open))
	for n, i := range open {
		if lots[i].Expires.Sub(b.Now()) < margin {
			late[n] = failure.Unavailable(nil, "booking took so long that its holds are about to expire; try again")
		}
	}
	open = pass(open, late)
	if len(open) == 0 {
		return outcomes
	}
	if err := ctx.Err(); err != nil { // too late to begin what others may begin soon
		pass(open, slices.Repeat([]error{err}, len(open)))
		return outcomes
	}
	commit, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWithin)
	defer cancel()
	for _, some := range bySize(lots, open) {
		if err := b.Store.Commit(commit, notAfter, at(lots, some)); err != nil {
			// It may be stored all the same, so what is held is left to be confirmed or to expire.
			for _, i := range some {
				outcomes[i].err = err
			}
		}
	}
	return outcomes
}

// maxCommit is how many bytes of texts a commit has, about. As JSON they may be six times as many, and a sidecar takes
// 16 MiB in one message.
const maxCommit = 2 << 20

// bySize parts lots into commits: large bookings must not make those fail that they happen to be with.
func bySize(lots []*Lot, indices []int) (commits [][]int) {
	size := 0
	for _, i := range indices {
		n := lots[i].size()
		if size += n; len(commits) == 0 || size > maxCommit {
			commits, size = append(commits, nil), n
		}
		last := len(commits) - 1
		commits[last] = append(commits[last], i)
	}
	return commits
}

// at returns the lots with these indices.
func at(lots []*Lot, indices []int) []*Lot {
	out := make([]*Lot, len(indices))
	for n, i := range indices {
		out[n] = lots[i]
	}
	return out
}

func refuse(attempts []*attempt, err error) {
	for _, a := range attempts {
		a.err, a.certain = err, true
	}
}

func ids(attempts []*attempt) []string {
	out := make([]string, len(attempts))
	for i, a := range attempts {
		out[i] = a.ID
	}
	return out
}

// giveBack releases at once what else would expire, or be given back by an event, later.
func (b *Bookings) giveBack(ctx context.Context, what string, holds int, release func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := release(ctx); err != nil {
		b.Log.Info("not given back at once", "what", what, "holds", holds, "error", err)
	}
}

// inOrder names the fields of a refusal as they are in the order of a lot's only booking: the pickup at
// an origin is the first container from there.
func inOrder(err error, l *Lot) error {
	e, ok := errors.AsType[*failure.Error](err)
	if !ok {
		return err
	}
	return e.Within(func(field string) string {
		for i, pickup := range l.Pickups() {
			if strings.HasPrefix(field, pickupField(i)) {
				for n, container := range l.Bookings[0].Containers {
					if container.Origin == pickup.Origin {
						return containerField(n) + ".origin"
					}
				}
			}
		}
		return field
	})
}

// Get returns a consignment of the owner, of anybody for "". That of somebody else is as good as none:
// whether it exists is not told. Errors: INVALID_ARGUMENT, NOT_FOUND.
func (b *Bookings) Get(ctx context.Context, owner, id string) (Consignment, error) {
	if err := failure.Text("id", id, maxName); err != nil {
		return Consignment{}, err
	}
	c, err := b.Store.Get(ctx, id)
	if err != nil {
		return Consignment{}, err
	}
	if !c.Exists() || owner != "" && c.Customer != owner {
		return Consignment{}, failure.NotFound("id", "there is no consignment %s", id)
	}
	return c, nil
}

// Page lists consignments, the newest first: of one customer, or of all for "".
func (b *Bookings) Page(ctx context.Context, customer string, size int32, token string) (page []Consignment, next string, err error) {
	if customer != "" {
		if err := failure.Text("customer_id", normalize.Name(customer), maxName); err != nil {
			return nil, "", err
		}
		if customer, err = b.spelling(ctx, customer); err != nil {
			return nil, "", err
		}
	}
	ids, next, err := b.Store.Page(ctx, customer, size, token)
	if err != nil {
		return nil, "", err
	}
	found, err := b.Store.GetMany(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	for _, id := range ids {
		if c, ok := found[id]; ok {
			page = append(page, c)
		}
	}
	return page, next, nil
}

// Cancel cancels a consignment of the owner, of anybody for "", and gives back what it holds; once is
// enough, more does no harm. Errors: INVALID_ARGUMENT, NOT_FOUND.
func (b *Bookings) Cancel(ctx context.Context, owner, id, reason string) (Consignment, error) {
	if err := failure.Longest("reason", reason, maxReason); err != nil {
		return Consignment{}, err
	}
	c, err := b.Get(ctx, owner, id)
	if err != nil || c.Status == Cancelled {
		return c, err
	}
	if reason == "" {
		reason = "cancelled on request"
	}
	if err := b.Store.Cancel(ctx, &c, reason); err != nil {
		return Consignment{}, err
	}
	// The event gives everything back for certain; this gives it back before the answer.
	held := []*Consignment{&c}
	var wg sync.WaitGroup
	wg.Go(func() {
		b.giveBack(ctx, "room", 1, func(ctx context.Context) error { return b.Vessels.Release(ctx, held) })
	})
	wg.Go(func() {
		b.giveBack(ctx, "containers", 1, func(ctx context.Context) error { return b.Depots.Release(ctx, held) })
	})
	wg.Wait()
	stored, err := b.Get(ctx, owner, id)
	if err == nil {
		stored.Cancel(reason, b.Now().UTC()) // it is certain, if not carried out yet
	}
	return stored, err
}
