package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
)

// Store keeps depots by their [Key].
type Store interface {
	GetMany(ctx context.Context, keys []string) (map[string]Depot, error)
	Update(ctx context.Context, key string, change func(*Depot) error) (Depot, error)
	Apply(ctx context.Context, key string, steps []ledger.Step) (Depot, []error, error)
	Sweep(ctx context.Context, keys []string) error
}

// Register lists the keys of the depots, the newest first.
type Register interface {
	Add(ctx context.Context, key string, at time.Time) error
	Page(ctx context.Context, size int32, token string) (keys []string, next string, err error)
	All(ctx context.Context, visit func(keys []string) error) error
}

// Consignments cancels a consignment whose containers were given to others.
type Consignments interface {
	Cancel(ctx context.Context, id, reason string) error
}

// Config is what [Depots] works with.
type Config struct {
	Store        Store
	Register     Register
	Consignments Consignments
	HoldTTL      time.Duration // how long a hold waits for its confirmation
	Now          func() time.Time
	Log          *slog.Logger
}

// Depots holds and gives back containers.
type Depots struct{ Config }

// NewDepots returns the depots.
func NewDepots(cfg Config) *Depots { return &Depots{Config: cfg} }

// Pickup is a number of containers at one origin.
type Pickup struct {
	Origin     string
	Containers int64
}

// Wanted is the containers of one consignment.
type Wanted struct {
	Consignment string
	Pickups     []Pickup
}

// Held is what came of a hold.
type Held struct {
	Expires time.Time
	Err     error
}

// Stock adds containers to a depot, which is opened by its first stock. The same request adds
// once. Errors: INVALID_ARGUMENT.
func (d *Depots) Stock(ctx context.Context, origin string, containers int64, request string) (Depot, error) {
	var wrong []*failure.Error
	if err := failure.Text("origin", origin, maxOrigin); err != nil {
		wrong = append(wrong, err)
	}
	if containers < 1 || containers > 1_000_000 {
		wrong = append(wrong, failure.Invalid("containers", "must be 1 to 1000000"))
	}
	if err := failure.Longest("request_id", request, 128); err != nil {
		wrong = append(wrong, err)
	}
	if err := failure.All(wrong...); err != nil {
		return Depot{}, err
	}
	key, now := Key(origin), d.Now().UTC()
	there, err := d.Store.GetMany(ctx, []string{key})
	if err != nil {
		return Depot{}, err
	}
	if _, ok := there[key]; !ok {
		// Listed first: a listed key without a depot is passed over.
		if err := d.Register.Add(ctx, key, now); err != nil {
			return Depot{}, err
		}
	}
	return d.Store.Update(ctx, key, func(doc *Depot) error {
		if !doc.Exists() {
			doc.Origin, doc.CreateTime = tidy(origin), now
		}
		return doc.add(containers, request)
	})
}

// Page returns a page of depots, the newest first.
func (d *Depots) Page(ctx context.Context, size int32, token string) (depots []Depot, next string, err error) {
	keys, next, err := d.Register.Page(ctx, size, token)
	if err != nil {
		return nil, "", err
	}
	found, err := d.Store.GetMany(ctx, keys)
	if err != nil {
		return nil, "", err
	}
	for _, key := range keys {
		if depot, ok := found[key]; ok {
			depot.Containers.Expire(d.Now())
			depots = append(depots, depot)
		}
	}
	return depots, next, nil
}

// Hold holds containers for each of many consignments, all that one wants or none: one write a
// depot, whatever their number. A refusal names the pickup: "pickups[i].origin".
func (d *Depots) Hold(ctx context.Context, wanted []Wanted) []Held {
	expires := d.Now().Add(d.HoldTTL)
	held := make([]Held, len(wanted))
	for i, w := range wanted {
		held[i] = Held{Expires: expires, Err: check(w)}
	}
	errs := d.each(ctx, wanted, func(i int) bool { return held[i].Err == nil }, func(i int, amount ledger.Amount) ledger.Step {
		return ledger.Step{Do: ledger.Hold, ID: wanted[i].Consignment, Amount: amount, Expires: expires}
	})
	for i := range wanted {
		if errs[i] != nil {
			held[i].Err = errs[i]
		}
	}
	// What a refused consignment got at other depots goes back at once; if that fails it expires.
	back := d.each(ctx, wanted, func(i int) bool { return errs[i] != nil }, func(i int, _ ledger.Amount) ledger.Step {
		return ledger.Step{Do: ledger.Abandon, ID: wanted[i].Consignment}
	})
	if err := errors.Join(back...); err != nil {
		d.Log.Info("holds of refused consignments are left to expire", "error", err)
	}
	return held
}

func check(w Wanted) error {
	var wrong []*failure.Error
	if len(w.Pickups) == 0 {
		wrong = append(wrong, failure.Invalid("pickups", "must not be empty"))
	}
	for i, p := range w.Pickups {
		if err := failure.Text(field(i), p.Origin, maxOrigin); err != nil {
			wrong = append(wrong, err)
		}
		if p.Containers <= 0 {
			wrong = append(wrong, failure.Invalid(fmt.Sprintf("pickups[%d].containers", i), "must be above zero"))
		}
	}
	return failure.All(wrong...)
}

// Release gives back the containers of consignments. Cancelled ones never get them again;
// others were never booked.
func (d *Depots) Release(ctx context.Context, released []Wanted, cancelled bool) []error {
	do := ledger.Abandon
	if cancelled {
		do = ledger.Release
	}
	errs := d.each(ctx, released, func(int) bool { return true }, func(i int, _ ledger.Amount) ledger.Step {
		return ledger.Step{Do: do, ID: released[i].Consignment}
	})
	for i, err := range errs {
		if isNotFound(err) { // nothing can be held there
			errs[i] = nil
		}
	}
	return errs
}

// Confirm makes the holds of booked consignments final, one error a consignment. A hold that
// expired is taken again; where others have the containers by now, the consignment is cancelled.
func (d *Depots) Confirm(ctx context.Context, booked []Wanted) []error {
	errs := d.each(ctx, booked, func(int) bool { return true }, func(i int, amount ledger.Amount) ledger.Step {
		return ledger.Step{Do: ledger.Confirm, ID: booked[i].Consignment, Amount: amount}
	})
	for i, err := range errs {
		if refused, ok := errors.AsType[*failure.Error](err); ok && (refused.IsShort() || refused.IsNotFound()) {
			d.Log.Warn("a hold expired and its containers are gone: cancelling", "consignment", booked[i].Consignment, "error", refused)
			errs[i] = d.Consignments.Cancel(ctx, booked[i].Consignment, "its containers were given to others before the booking was confirmed")
		}
	}
	return errs
}

// Sweep looks after holds that expired or were left half done, until ctx ends.
func (d *Depots) Sweep(ctx context.Context) error {
	every := max(d.HoldTTL/4, 500*time.Millisecond)
	for {
		if err := d.Register.All(ctx, func(keys []string) error { return d.Store.Sweep(ctx, keys) }); err != nil && ctx.Err() == nil {
			d.Log.Warn("holds not swept; will be tried again", "error", err)
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// visit is a step at one depot and the consignment and pickup it is for.
type visit struct {
	consignment, pickup int
	step                ledger.Step
}

// each makes a step for every pickup of the consignments that count, all steps at one depot in
// one write, and returns what failed, one error a consignment.
func (d *Depots) each(ctx context.Context, wanted []Wanted, counts func(i int) bool, step func(i int, amount ledger.Amount) ledger.Step) []error {
	visits := make(map[string][]visit)
	for i, w := range wanted {
		if !counts(i) {
			continue
		}
		for key, p := range merge(w.Pickups) {
			visits[key] = append(visits[key], visit{i, p.index, step(i, ledger.Amount{Containers: p.containers})})
		}
	}
	failures := make([][]failed, len(wanted))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for key, all := range visits {
		wg.Go(func() {
			steps := make([]ledger.Step, len(all))
			for n, v := range all {
				steps[n] = v.step
			}
			_, refused, err := d.Store.Apply(ctx, key, steps)
			mu.Lock()
			defer mu.Unlock()
			for n, v := range all {
				switch {
				case err != nil:
					failures[v.consignment] = append(failures[v.consignment], failed{v.pickup, err})
				case refused[n] != nil:
					err := refusal(v, wanted[v.consignment].Pickups[v.pickup].Origin, refused[n])
					failures[v.consignment] = append(failures[v.consignment], failed{v.pickup, err})
				}
			}
		})
	}
	wg.Wait()
	errs := make([]error, len(wanted))
	for i := range errs {
		errs[i] = together(failures[i])
	}
	return errs
}

// failed is what went wrong at one depot.
type failed struct {
	pickup int
	err    error
}

// together returns one error for what went wrong at several depots: trouble with one of them, which
// is worth a retry, else the refusals of one kind, in the order of the pickups.
func together(failures []failed) error {
	slices.SortFunc(failures, func(a, b failed) int { return cmp.Compare(a.pickup, b.pickup) })
	var refusals []*failure.Error
	for _, f := range failures {
		e, ok := errors.AsType[*failure.Error](f.err)
		if !ok || !e.IsShort() && !e.IsNotFound() {
			return f.err
		}
		if len(refusals) == 0 || e.Code() == refusals[0].Code() {
			refusals = append(refusals, e)
		}
	}
	return failure.All(refusals...)
}

type merged struct {
	index      int // of the first pickup at the depot
	containers int64
}

// merge adds up the pickups at one depot, however they spell it.
func merge(pickups []Pickup) map[string]merged {
	sums := make(map[string]merged, len(pickups))
	for i, p := range slices.Backward(pickups) {
		key := Key(p.Origin)
		sums[key] = merged{i, sums[key].containers + p.Containers}
	}
	return sums
}

// refusal words what a depot's ledger said.
func refusal(v visit, origin string, err error) error {
	if errors.Is(err, ledger.ErrMissing) {
		return failure.NotFound(field(v.pickup), "there is no depot %q", origin)
	}
	if e, ok := errors.AsType[*failure.Error](err); ok && e.IsShort() {
		return failure.Short(failure.ShortOfContainers, field(v.pickup),
			"depot %q is short of empty containers: %s", origin, e.Violations()[0].Description)
	}
	return err
}

func isNotFound(err error) bool {
	e, ok := errors.AsType[*failure.Error](err)
	return ok && e.IsNotFound()
}

func field(pickup int) string { return fmt.Sprintf("pickups[%d].origin", pickup) }
