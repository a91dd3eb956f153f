package consignment

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"seaport.example/services/internal/failure"
)

// Vessels holds room on vessels.
type Vessels interface {
	// Hold holds room for a consignment on its wished vessel, or on the best fit for "".
	Hold(ctx context.Context, c *Consignment, wished string) (vessel string, expires time.Time, err error)
	// Release gives it back: for good when the consignment was cancelled.
	Release(ctx context.Context, c *Consignment, cancelled bool) error
}

// Depots holds containers in depots. A refusal's fields are "pickups[i].…".
type Depots interface {
	Hold(ctx context.Context, c *Consignment) (expires time.Time, err error)
	Release(ctx context.Context, c *Consignment, cancelled bool) error
}

// Store keeps consignments.
type Store interface {
	// Claim makes this process the only one to book id for a while, and returns the booking when
	// there is one already. It waits while another process has the claim.
	Claim(ctx context.Context, id string) (booked Consignment, err error)
	// Unclaim ends a claim whose booking came to a certain end.
	Unclaim(ctx context.Context, id string, booked bool)
	// Commit stores a new consignment, announces and lists it.
	Commit(ctx context.Context, c *Consignment) error
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

// attempt is a booking in progress that others with the same request id wait for.
type attempt struct {
	done   chan struct{}
	booked Consignment
	err    error
}

// NewBookings returns the use-cases of a consignment.
func NewBookings(cfg Config) *Bookings {
	return &Bookings{Config: cfg, running: make(map[string]*attempt)}
}

// margin is how long before a hold expires a booking must be on its way to the store.
const margin = 6 * time.Second

// claimedFor bounds a booking until its commit begins. It is well below the life of a claim, so
// that nobody else can begin the same booking before this one is over.
const claimedFor = 6 * time.Second

// Create books an order. An order with a request id books once however often it comes, and all
// get the same answer. Errors: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION; ALREADY_EXISTS
// for a request id of another order; UNAVAILABLE is worth a retry.
func (b *Bookings) Create(ctx context.Context, order Order) (Consignment, error) {
	order.complete()
	if err := order.Check(); err != nil {
		return Consignment{}, err
	}
	if order.RequestID == "" {
		booked, _, err := b.book(ctx, order, b.NewID())
		return booked, err
	}
	booked, err := b.once(ctx, order.derivedID(), func(id string) (Consignment, error) {
		ctx, cancel := context.WithTimeout(ctx, claimedFor)
		defer cancel()
		booked, err := b.Store.Claim(ctx, id)
		if err != nil || booked.Exists() {
			return booked, err
		}
		booked, certain, err := b.book(ctx, order, id)
		if certain {
			b.Store.Unclaim(context.WithoutCancel(ctx), id, err == nil)
		}
		return booked, err
	})
	if err == nil && booked.Fingerprint != order.fingerprint() {
		return Consignment{}, failure.Exists("request_id", "was used for another booking, %s; choose a new one", booked.ID)
	}
	return booked, err
}

// once has one caller book while the others with the same id wait for what comes of it.
func (b *Bookings) once(ctx context.Context, id string, book func(id string) (Consignment, error)) (Consignment, error) {
	for {
		b.mu.Lock()
		other, busy := b.running[id]
		if !busy {
			mine := &attempt{done: make(chan struct{})}
			b.running[id] = mine
			b.mu.Unlock()
			mine.booked, mine.err = book(id)
			b.mu.Lock()
			delete(b.running, id)
			b.mu.Unlock()
			close(mine.done)
			return mine.booked, mine.err
		}
		b.mu.Unlock()
		select {
		case <-other.done:
		case <-ctx.Done():
			return Consignment{}, ctx.Err()
		}
		if errors.Is(other.err, context.Canceled) || errors.Is(other.err, context.DeadlineExceeded) {
			continue // that caller gave up; this one has not
		}
		return other.booked, other.err
	}
}

// book holds room and containers and stores the consignment. Whatever happens in between, what
// is held and not booked is given back, or expires by itself. An error is certain when nothing is
// stored and nothing will be.
func (b *Bookings) book(ctx context.Context, order Order, id string) (booked Consignment, certain bool, err error) {
	c := order.consignment(id, b.Now().UTC())
	vessel, expires, err := b.Vessels.Hold(ctx, &c, order.Wished)
	if err != nil {
		return Consignment{}, true, err
	}
	c.Vessel = vessel
	until, err := b.Depots.Hold(ctx, &c)
	if err != nil {
		b.giveBack(ctx, "room", func(ctx context.Context) error { return b.Vessels.Release(ctx, &c, false) })
		return Consignment{}, true, inOrder(err, &c)
	}
	if until.Before(expires) {
		expires = until
	}
	if expires.Sub(b.Now()) < margin {
		return Consignment{}, true, failure.Unavailable(nil, "booking took so long that its holds are about to expire; try again")
	}
	if err := b.Store.Commit(ctx, &c); err != nil {
		// It may be stored all the same, so what is held is left to be confirmed or to expire.
		return Consignment{}, false, err
	}
	return c, true, nil
}

// giveBack releases at once what else would expire later.
func (b *Bookings) giveBack(ctx context.Context, what string, release func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := release(ctx); err != nil {
		b.Log.Info("a hold is left to expire", "what", what, "error", err)
	}
}

// inOrder names the fields of a refusal as they are in the order: the pickup at an origin is the
// first container from there.
func inOrder(err error, c *Consignment) error {
	e, ok := errors.AsType[*failure.Error](err)
	if !ok {
		return err
	}
	return e.Within(func(field string) string {
		for i, pickup := range c.Pickups() {
			if strings.HasPrefix(field, pickupField(i)) {
				for n, container := range c.Containers {
					if container.Origin == pickup.Origin {
						return containerField(n) + ".origin"
					}
				}
			}
		}
		return field
	})
}

// Get returns a consignment. Errors: INVALID_ARGUMENT, NOT_FOUND.
func (b *Bookings) Get(ctx context.Context, id string) (Consignment, error) {
	if err := checkName("id", id); err != nil {
		return Consignment{}, err
	}
	c, err := b.Store.Get(ctx, id)
	if err == nil && !c.Exists() {
		err = failure.NotFound("id", "there is no consignment %s", id)
	}
	return c, err
}

// Page lists consignments, the newest first: of one customer, or of all for "".
func (b *Bookings) Page(ctx context.Context, customer string, size int32, token string) (page []Consignment, next string, err error) {
	if customer != "" {
		if err := checkName("customer_id", customer); err != nil {
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

// Cancel cancels a consignment and gives back what it holds; once is enough, more does no harm.
// Errors: INVALID_ARGUMENT, NOT_FOUND.
func (b *Bookings) Cancel(ctx context.Context, id, reason string) (Consignment, error) {
	if utf8.RuneCountInString(reason) > maxReason {
		return Consignment{}, failure.Invalid("reason", "must have at most %d characters", maxReason)
	}
	c, err := b.Get(ctx, id)
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
	var wg sync.WaitGroup
	wg.Go(func() {
		b.giveBack(ctx, "room", func(ctx context.Context) error { return b.Vessels.Release(ctx, &c, true) })
	})
	wg.Go(func() {
		b.giveBack(ctx, "containers", func(ctx context.Context) error { return b.Depots.Release(ctx, &c, true) })
	})
	wg.Wait()
	return b.Get(ctx, id)
}
