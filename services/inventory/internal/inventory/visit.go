package inventory

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
)

// visit is a step at one depot and the consignment and pickup it is for.
type visit struct {
	consignment, pickup int
	step                ledger.Step
}

// each makes a step for every pickup of many consignments, all steps at one depot in one write,
// and returns what failed, one error a consignment.
func (d *Depots) each(ctx context.Context, pickups [][]Pickup, step func(i int, amount ledger.Amount) ledger.Step) []error {
	visits := make(map[string][]visit)
	keyOf, err := d.locate(ctx, pickups)
	if err != nil {
		return slices.Repeat([]error{err}, len(pickups))
	}
	for i, all := range pickups {
		for key, p := range merge(all, keyOf) {
			visits[key] = append(visits[key], visit{i, p.index, step(i, ledger.Amount{Containers: p.containers})})
		}
	}
	failures := make([][]failed, len(pickups))
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
					err := refusal(v, pickups[v.consignment][v.pickup].Origin, refused[n])
					failures[v.consignment] = append(failures[v.consignment], failed{v.pickup, err})
				}
			}
		})
	}
	wg.Wait()
	errs := make([]error, len(pickups))
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
func merge(pickups []Pickup, keyOf func(origin string) string) map[string]merged {
	sums := make(map[string]merged, len(pickups))
	for i, p := range slices.Backward(pickups) {
		key := keyOf(p.Origin)
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
