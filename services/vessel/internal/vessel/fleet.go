package vessel

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/normalize"
)

// Vessels keeps vessels.
type Vessels interface {
	Get(ctx context.Context, id string) (Vessel, error)
	GetMany(ctx context.Context, ids []string) (map[string]Vessel, error)
	Update(ctx context.Context, id string, change func(*Vessel) error) (Vessel, error)
	Apply(ctx context.Context, id string, steps []ledger.Step) (Vessel, []error, error)
	Sweep(ctx context.Context, ids []string) error
}

// Register lists the ids of the fleet, the newest first.
type Register interface {
	Add(ctx context.Context, id string, at time.Time) error
	Page(ctx context.Context, size int32, token string) (ids []string, next string, err error)
	All(ctx context.Context, visit func(ids []string) error) error
}

// Consignments cancels consignments whose room was given to others.
type Consignments interface {
	Cancel(ctx context.Context, ids []string, reason string) error
}

// Config is what a [Fleet] works with.
type Config struct {
	Vessels      Vessels
	Register     Register
	Consignments Consignments
	HoldTTL      time.Duration // how long a hold waits for its confirmation
	Now          func() time.Time
	NewID        func() string
	Log          *slog.Logger
}

// Fleet holds and gives back room. What it remembers of the room left only proposes a vessel;
// the vessel's own document decides.
type Fleet struct {
	Config

	mu    sync.Mutex
	known map[string]room
}

// NewFleet returns a fleet that has yet to read its vessels.
func NewFleet(cfg Config) *Fleet { return &Fleet{Config: cfg} }

// Wanted is room for one consignment, or for a lot of them.
type Wanted struct {
	Consignment string // or the lot
	Amount      ledger.Amount
	Wished      string // a vessel's id; empty: the best fit
}

// Held is the room one consignment got, or why it got none.
type Held struct {
	Vessel  string
	Expires time.Time
	Err     error
}

// Create adds a vessel. The same request creates once. Errors: INVALID_ARGUMENT, ALREADY_EXISTS.
func (f *Fleet) Create(ctx context.Context, v Vessel) (Vessel, error) {
	for _, name := range []*string{&v.ID, &v.OwnerID, &v.Request} {
		*name = normalize.Name(*name)
	}
	if v.ID == "" {
		v.ID = f.NewID()
	}
	v.CreateTime = f.Now().UTC()
	if err := v.Check(); err != nil {
		return Vessel{}, err
	}
	taken := failure.Exists("id", "there is a vessel %s already", v.ID)
	if there, err := f.Vessels.Get(ctx, v.ID); err != nil {
		return Vessel{}, err
	} else if there.Exists() {
		if there.sameRequest(&v) {
			return there, nil
		}
		return Vessel{}, taken
	}
	// Listed first: a listed id without a vessel is passed over, a vessel that is not listed
	// would never be found.
	if err := f.Register.Add(ctx, v.ID, v.CreateTime); err != nil {
		return Vessel{}, err
	}
	stored, err := f.Vessels.Update(ctx, v.ID, func(doc *Vessel) error {
		switch {
		case !doc.Exists():
			*doc = v
		case !doc.sameRequest(&v):
			return taken
		}
		return nil
	})
	if err != nil {
		return Vessel{}, err
	}
	f.learn(stored)
	return stored, nil
}

// Get returns a vessel as it is now. Errors: NOT_FOUND.
func (f *Fleet) Get(ctx context.Context, id string) (Vessel, error) {
	id = normalize.Name(id)
	if err := CheckID("id", id); err != nil {
		return Vessel{}, err
	}
	v, err := f.Vessels.Get(ctx, id)
	if err == nil && !v.Exists() {
		err = failure.NotFound("id", "there is no vessel %s", id)
	}
	v.Room.Expire(f.Now())
	return v, err
}

// Page returns a page of the fleet, the newest first.
func (f *Fleet) Page(ctx context.Context, size int32, token string) (vessels []Vessel, next string, err error) {
	ids, next, err := f.Register.Page(ctx, size, token)
	if err != nil {
		return nil, "", err
	}
	found, err := f.Vessels.GetMany(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	for _, id := range ids {
		if v, ok := found[id]; ok {
			v.Room.Expire(f.Now())
			vessels = append(vessels, v)
		}
	}
	return vessels, next, nil
}

// Find returns the best fit for an amount and holds nothing. Errors: INVALID_ARGUMENT;
// FAILED_PRECONDITION says what is short.
func (f *Fleet) Find(ctx context.Context, amount ledger.Amount) (Vessel, error) {
	if err := checkAmount(amount); err != nil {
		return Vessel{}, err
	}
	fleet, err := f.refresh(ctx)
	if err != nil {
		return Vessel{}, err
	}
	id := bestFit(fleet, amount)
	if id == "" {
		return Vessel{}, noneFits(fleet, amount)
	}
	return f.Get(ctx, id)
}

func checkAmount(amount ledger.Amount) error {
	var wrong []*failure.Error
	if amount.Containers <= 0 {
		wrong = append(wrong, failure.Invalid("containers", "must be above zero"))
	}
	if amount.Weight <= 0 {
		wrong = append(wrong, failure.Invalid("weight", "must be above zero kilograms"))
	}
	return failure.All(wrong...)
}

// rounds bounds how often a batch of holds is proposed anew: each round places a consignment or
// learns how full a vessel is.
const rounds = 64

// Hold holds room for each of many consignments: one write a vessel, whatever their number.
func (f *Fleet) Hold(ctx context.Context, wanted []Wanted) []Held {
	held := make([]Held, len(wanted))
	open := make([]int, 0, len(wanted))
	wanted = slices.Clone(wanted)
	for i, w := range wanted {
		wanted[i].Wished = normalize.Name(w.Wished)
		if held[i].Err = checkAmount(w.Amount); held[i].Err == nil {
			open = append(open, i)
		}
	}
	fleet, fresh := f.snapshot(), false
	for range rounds {
		placed, homeless := propose(fleet, wanted, open)
		switch {
		case len(open) == 0:
			return held
		case len(placed) > 0:
			// Those without a proposal wait for what comes of the others.
			open = append(f.place(ctx, placed, wanted, held), homeless...)
			slices.Sort(open)
			fleet, fresh = f.snapshot(), false
		case !fresh:
			var err error
			if fleet, err = f.refresh(ctx); err != nil {
				return fail(held, open, err)
			}
			fresh = true
		default:
			for _, i := range open {
				held[i].Err = f.refusal(fleet, wanted[i])
			}
			return held
		}
	}
	return fail(held, open, failure.Unavailable(nil, "too many are after the same room at once; try again"))
}

func fail(held []Held, open []int, err error) []Held {
	for _, i := range open {
		held[i].Err = err
	}
	return held
}

// propose finds each open consignment a vessel by what is known, counting what it proposed.
func propose(fleet map[string]room, wanted []Wanted, open []int) (placed map[string][]int, homeless []int) {
	left := maps.Clone(fleet)
	holding := holders(fleet)
	placed = make(map[string][]int)
	for _, i := range open {
		w := wanted[i]
		if id := holding[w.Consignment]; id != "" && fleet[id].holds(w) && (w.Wished == "" || w.Wished == id) {
			placed[id] = append(placed[id], i) // a repeated call, whose answer was lost: it takes no more room
			continue
		}
		id := w.Wished
		if id == "" {
			id = bestFit(left, w.Amount)
		} else if r, ok := left[id]; !ok || !r.available || !r.free.Fits(w.Amount) {
			id = ""
		}
		if id == "" {
			homeless = append(homeless, i)
			continue
		}
		r := left[id]
		r.free.Containers -= w.Amount.Containers
		r.free.Weight -= w.Amount.Weight
		left[id] = r
		placed[id] = append(placed[id], i)
	}
	return placed, homeless
}

// place has the vessels' documents decide and returns the consignments that got no room there.
func (f *Fleet) place(ctx context.Context, placed map[string][]int, wanted []Wanted, held []Held) (open []int) {
	expires := f.Now().Add(f.HoldTTL)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for id, indices := range placed {
		wg.Go(func() {
			steps := make([]ledger.Step, len(indices))
			for n, i := range indices {
				steps[n] = ledger.Step{Do: ledger.Hold, ID: wanted[i].Consignment, Amount: wanted[i].Amount, Expires: expires}
			}
			stored, errs, err := f.Vessels.Apply(ctx, id, steps)
			if err == nil {
				f.learn(stored)
			}
			for n, i := range indices {
				switch {
				case err != nil:
					held[i].Err = err
				case errs[n] == nil:
					held[i] = Held{Vessel: id, Expires: expires}
				case isShort(errs[n]):
					mu.Lock()
					open = append(open, i)
					mu.Unlock()
				default:
					held[i].Err = errs[n]
				}
			}
		})
	}
	wg.Wait()
	return open
}

// refusal says why a consignment gets no room, by a fleet read just now.
func (f *Fleet) refusal(fleet map[string]room, w Wanted) error {
	if w.Wished == "" {
		return noneFits(fleet, w.Amount)
	}
	r, ok := fleet[w.Wished]
	switch {
	case !ok:
		return failure.NotFound("vessel_id", "there is no vessel %s", w.Wished)
	case !r.available:
		return failure.Short(failure.ShortOfCapacity, "vessel_id", "vessel %s takes no freight at present", w.Wished)
	}
	return onWished(w.Wished, r.free, w.Amount)
}

// Sweep looks after holds that expired or were left half done, until ctx ends.
func (f *Fleet) Sweep(ctx context.Context) error {
	every := max(f.HoldTTL/4, 500*time.Millisecond)
	for {
		if _, err := f.refresh(ctx); err != nil && ctx.Err() == nil {
			f.Log.Warn("fleet not read; will be tried again", "error", err)
		}
		if err := f.Register.All(ctx, func(ids []string) error { return f.Vessels.Sweep(ctx, ids) }); err != nil && ctx.Err() == nil {
			f.Log.Warn("holds not swept; will be tried again", "error", err)
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// snapshot returns what is known of the fleet.
func (f *Fleet) snapshot() map[string]room {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.known)
}

// refresh reads the fleet anew.
func (f *Fleet) refresh(ctx context.Context) (map[string]room, error) {
	fleet := make(map[string]room)
	now := f.Now()
	err := f.Register.All(ctx, func(ids []string) error {
		vessels, err := f.Vessels.GetMany(ctx, ids)
		for id, v := range vessels {
			v.Room.Expire(now)
			fleet[id] = roomOf(&v)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.known = maps.Clone(fleet)
	f.mu.Unlock()
	return fleet, nil
}

// learn remembers a vessel as it was just stored.
func (f *Fleet) learn(v Vessel) {
	if !v.Exists() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = make(map[string]room)
	}
	f.known[v.ID] = roomOf(&v)
}

func isShort(err error) bool {
	e, ok := errors.AsType[*failure.Error](err)
	return ok && e.IsShort() || errors.Is(err, ledger.ErrMissing)
}
