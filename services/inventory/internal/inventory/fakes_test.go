package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/inventory/internal/inventory"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// yard keeps depots in memory, in the way of package holds, for as many processes as share it.
type yard struct {
	apply func(key string, steps []ledger.Step) error // says no before anything is done; may be nil
	clock atomic.Int64                                // seconds since noon

	mu        sync.Mutex
	depots    map[string][]byte       // as JSON, so that nobody shares memory with it
	facts     map[string]ledger.Facts // by depot
	listed    []string                // the newest first
	cancelled map[string]string
	cancelErr error
	swept     []string
	applied   int
}

var (
	_ inventory.Store        = (*yard)(nil)
	_ inventory.Register     = (*yard)(nil)
	_ inventory.Consignments = (*yard)(nil)
)

func newYard() *yard {
	return &yard{depots: make(map[string][]byte), facts: make(map[string]ledger.Facts), cancelled: make(map[string]string)}
}

func (y *yard) now() time.Time { return noon.Add(time.Duration(y.clock.Load()) * time.Second) }

// process returns one process in front of the yard.
func (y *yard) process(t testing.TB) *inventory.Depots {
	return inventory.NewDepots(inventory.Config{
		Store: y, Register: y, Consignments: y, HoldTTL: 2 * time.Minute, Now: y.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
}

// stock opens depots with as many containers each.
func stock(t testing.TB, d *inventory.Depots, containers int64, origins ...string) {
	t.Helper()
	for _, origin := range origins {
		if _, err := d.Stock(t.Context(), origin, containers, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// used returns what is promised of each depot, read off their documents.
func (y *yard) used(t testing.TB, origins ...string) []int64 {
	t.Helper()
	y.mu.Lock()
	defer y.mu.Unlock()
	var used []int64
	for _, origin := range origins {
		used = append(used, y.read(inventory.Key(origin)).Containers.Used.Containers)
	}
	return used
}

// read is for those who hold the lock, and so is write.
func (y *yard) read(key string) (d inventory.Depot) {
	if data, ok := y.depots[key]; ok {
		if err := json.Unmarshal(data, &d); err != nil {
			panic(err)
		}
	}
	return d
}

func (y *yard) write(key string, d inventory.Depot) {
	data, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	y.depots[key] = data
}

func (y *yard) GetMany(_ context.Context, keys []string) (map[string]inventory.Depot, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	found := make(map[string]inventory.Depot)
	for _, key := range keys {
		if d := y.read(key); d.Exists() {
			found[key] = d
		}
	}
	return found, nil
}

func (y *yard) Update(_ context.Context, key string, change func(*inventory.Depot) error) (inventory.Depot, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	d := y.read(key)
	err := change(&d)
	if err == nil {
		y.write(key, d)
	}
	return d, err
}

func (y *yard) Apply(_ context.Context, key string, steps []ledger.Step) (inventory.Depot, []error, error) {
	if y.apply != nil {
		if err := y.apply(key, steps); err != nil {
			return inventory.Depot{}, nil, err
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.applied++
	errs := make([]error, len(steps))
	d := y.read(key)
	if !d.Exists() {
		return d, slices.Repeat([]error{ledger.ErrMissing}, len(steps)), nil
	}
	if y.facts[key] == nil {
		y.facts[key] = make(ledger.Facts)
	}
	l := d.Ledger()
	l.Expire(y.now())
	for i, step := range steps {
		errs[i] = l.Apply(step, d.Limit(), y.facts[key])
		for consignment, entry := range l.Unsettled() {
			fact := y.facts[key][consignment]
			if entry.Phase == ledger.Confirmed {
				fact.Confirmed = &entry.Amount
			} else {
				fact.Released = true
			}
			y.facts[key][consignment] = fact
			l.Forget(consignment, entry.Phase)
		}
	}
	y.write(key, d)
	return d, errs, nil
}

func (y *yard) Sweep(_ context.Context, keys []string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.swept = append(y.swept, keys...)
	return nil
}

func (y *yard) Add(_ context.Context, key string, _ time.Time) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	if !slices.Contains(y.listed, key) {
		y.listed = append([]string{key}, y.listed...)
	}
	return nil
}

func (y *yard) Page(_ context.Context, size int32, token string) ([]string, string, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if token != "" || size != 7 {
		return nil, "", failure.Invalid("page_token", "is for %d, %q", size, token)
	}
	return slices.Clone(y.listed), "next", nil
}

func (y *yard) All(_ context.Context, visit func(keys []string) error) error {
	y.mu.Lock()
	listed := slices.Clone(y.listed)
	y.mu.Unlock()
	for page := range slices.Chunk(listed, 2) {
		if err := visit(page); err != nil {
			return err
		}
	}
	return nil
}

func (y *yard) Cancel(_ context.Context, ids []string, reason string) error {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, id := range ids {
		y.cancelled[id] = reason
	}
	return y.cancelErr
}

// wanted is what a consignment wants: a number of containers at each origin.
func wanted(consignment string, pickups ...inventory.Pickup) inventory.Wanted {
	return inventory.Wanted{Consignment: consignment, Pickups: pickups}
}

// freed is what a consignment gives back that has holds of its own.
func freed(cancelled bool, consignment string, pickups ...inventory.Pickup) inventory.Freed {
	return inventory.Freed{Consignment: consignment, Cancelled: cancelled, Pickups: pickups}
}

func at(origin string, containers int64) inventory.Pickup {
	return inventory.Pickup{Origin: origin, Containers: containers}
}

// code returns the name of an error's gRPC code; "OK" for nil.
func code(err error) string {
	if err == nil {
		return "OK"
	}
	return failure.From(err).Code().String()
}

// named returns what an error names: "field TYPE" each.
func named(err error) []string {
	var all []string
	if err != nil {
		for _, v := range failure.From(err).Violations() {
			all = append(all, fmt.Sprintf("%s %s", v.Field, v.Type))
		}
	}
	return all
}
