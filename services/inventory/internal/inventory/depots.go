package inventory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/normalize"
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

// Consignments cancels consignments whose containers were given to others.
type Consignments interface {
	Cancel(ctx context.Context, ids []string, reason string) error
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

// Wanted is the containers of one consignment, or of a lot of them.
type Wanted struct {
	Consignment string // or the lot
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
	asWritten := origin
	origin, request = normalize.Name(origin), normalize.Name(request)
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
	there, err := d.Store.GetMany(ctx, spellings(asWritten))
	if err != nil {
		return Depot{}, err
	}
	if earlier, ok := there[earlierKey(asWritten)]; ok && earlierKey(asWritten) != key && earlier.remembers(request) {
		return earlier, nil // it was added before names had a normal form
	}
	if _, ok := there[key]; !ok {
		// Listed first: a listed key without a depot is passed over.
		if err := d.Register.Add(ctx, key, now); err != nil {
			return Depot{}, err
		}
	}
	depot, err := d.Store.Update(ctx, key, func(doc *Depot) error {
		if !doc.Exists() {
			doc.Origin, doc.CreateTime = origin, now
		}
		return doc.add(containers, request)
	})
	if err != nil {
		return depot, err
	}
	whole := map[string]Depot{key: depot}
	err = d.unite(ctx, whole)
	return whole[key], err
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
	if err := d.unite(ctx, found); err != nil {
		return nil, "", err
	}
	for _, key := range keys {
		if depot, ok := found[key]; ok && depot.Moved == 0 { // else it is shown as part of another
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
	errs := d.each(ctx, pickupsOf(wanted, func(i int) bool { return held[i].Err == nil }), func(i int, amount ledger.Amount) ledger.Step {
		return ledger.Step{Do: ledger.Hold, ID: wanted[i].Consignment, Amount: amount, Expires: expires}
	})
	for i := range wanted {
		if errs[i] != nil {
			held[i].Err = errs[i]
		}
	}
	// What a refused consignment got at other depots goes back at once; if that fails it expires.
	back := d.each(ctx, pickupsOf(wanted, func(i int) bool { return errs[i] != nil }), func(i int, _ ledger.Amount) ledger.Step {
		return ledger.Step{Do: ledger.Abandon, ID: wanted[i].Consignment}
	})
	if err := errors.Join(back...); err != nil {
		d.Log.Info("holds of refused consignments are left to expire", "error", err)
	}
	return held
}

// pickupsOf returns where the consignments that count want containers; nowhere for the others.
func pickupsOf(wanted []Wanted, counts func(i int) bool) [][]Pickup {
	all := make([][]Pickup, len(wanted))
	for i, w := range wanted {
		if counts(i) {
			all[i] = w.Pickups
		}
	}
	return all
}

func check(w Wanted) error {
	var wrong []*failure.Error
	if len(w.Pickups) == 0 {
		wrong = append(wrong, failure.Invalid("pickups", "must not be empty"))
	}
	for i, p := range w.Pickups {
		if err := failure.Text(field(i), normalize.Name(p.Origin), maxOrigin); err != nil {
			wrong = append(wrong, err)
		}
		if p.Containers <= 0 {
			wrong = append(wrong, failure.Invalid(fmt.Sprintf("pickups[%d].containers", i), "must be above zero"))
		}
	}
	return failure.All(wrong...)
}

// Sweep looks after holds that expired or were left half done, until ctx ends.
func (d *Depots) Sweep(ctx context.Context) error {
	every := max(d.HoldTTL/4, 500*time.Millisecond)
	for {
		if err := d.Register.All(ctx, func(keys []string) error { return errors.Join(d.Store.Sweep(ctx, keys), d.move(ctx, keys)) }); err != nil && ctx.Err() == nil {
			d.Log.Warn("holds not swept; will be tried again", "error", err)
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func field(pickup int) string { return fmt.Sprintf("pickups[%d].origin", pickup) }
