package vessel_test

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
	"seaport.example/services/vessel/internal/vessel"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// harbour keeps vessels in memory, in the way of package holds, for as many fleets as share it.
type harbour struct {
	apply func(id string, steps []ledger.Step) error // says no before anything is done; may be nil
	clock atomic.Int64                               // seconds since noon

	mu        sync.Mutex
	vessels   map[string][]byte       // as JSON, so that nobody shares memory with it
	facts     map[string]ledger.Facts // by vessel
	listed    []string                // the newest first
	cancelled map[string]string
	cancelErr error
	swept     []string
	applied   int
}

var (
	_ vessel.Vessels      = (*harbour)(nil)
	_ vessel.Register     = (*harbour)(nil)
	_ vessel.Consignments = cancels{}
)

func newHarbour() *harbour {
	return &harbour{vessels: make(map[string][]byte), facts: make(map[string]ledger.Facts), cancelled: make(map[string]string)}
}

func (h *harbour) now() time.Time { return noon.Add(time.Duration(h.clock.Load()) * time.Second) }

// fleet returns one process in front of the harbour.
func (h *harbour) fleet(t testing.TB) *vessel.Fleet {
	return vessel.NewFleet(vessel.Config{
		Vessels: h, Register: h, Consignments: cancels{h}, HoldTTL: 2 * time.Minute, Now: h.now,
		NewID: func() string { return "assigned" }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
}

// join has vessels join.
func join(t testing.TB, f *vessel.Fleet, vessels ...vessel.Vessel) {
	t.Helper()
	for _, v := range vessels {
		v.Name = "Kane's Salty Secret"
		if _, err := f.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}

// used returns what is promised on a vessel, read off its document.
func (h *harbour) used(t testing.TB, id string) ledger.Amount {
	t.Helper()
	v, err := h.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v.Room.Used
}

func (h *harbour) Get(_ context.Context, id string) (vessel.Vessel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.read(id)
}

// read is for those who hold the lock, and so is write.
func (h *harbour) read(id string) (v vessel.Vessel, err error) {
	if data, ok := h.vessels[id]; ok {
		err = json.Unmarshal(data, &v)
	}
	return v, err
}

func (h *harbour) write(v vessel.Vessel) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	h.vessels[v.ID] = data
}

func (h *harbour) GetMany(_ context.Context, ids []string) (map[string]vessel.Vessel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := make(map[string]vessel.Vessel)
	for _, id := range ids {
		v, err := h.read(id)
		if err != nil {
			return nil, err
		}
		if v.Exists() {
			found[id] = v
		}
	}
	return found, nil
}

func (h *harbour) Update(_ context.Context, id string, change func(*vessel.Vessel) error) (vessel.Vessel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, err := h.read(id)
	if err != nil {
		return v, err
	}
	if err := change(&v); err != nil {
		return v, err
	}
	h.write(v)
	return v, nil
}

func (h *harbour) Apply(_ context.Context, id string, steps []ledger.Step) (vessel.Vessel, []error, error) {
	if h.apply != nil {
		if err := h.apply(id, steps); err != nil {
			return vessel.Vessel{}, nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.applied++
	errs := make([]error, len(steps))
	v, err := h.read(id)
	if err != nil {
		return v, errs, err
	}
	if !v.Exists() {
		for i := range errs {
			errs[i] = ledger.ErrMissing
		}
		return v, errs, nil
	}
	if h.facts[id] == nil {
		h.facts[id] = make(ledger.Facts)
	}
	v.Room.Expire(h.now())
	for i, step := range steps {
		errs[i] = v.Room.Apply(step, v.Limit(), h.facts[id])
		for consignment, entry := range v.Room.Unsettled() {
			fact := h.facts[id][consignment]
			if entry.Phase == ledger.Confirmed {
				fact.Confirmed = &entry.Amount
			} else {
				fact.Released = true
			}
			h.facts[id][consignment] = fact
			v.Room.Forget(consignment, entry.Phase)
		}
	}
	h.write(v)
	return v, errs, nil
}

func (h *harbour) Sweep(_ context.Context, ids []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.swept = append(h.swept, ids...)
	return nil
}

func (h *harbour) Add(_ context.Context, id string, _ time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.listed, id) {
		h.listed = append([]string{id}, h.listed...)
	}
	return nil
}

func (h *harbour) Page(_ context.Context, size int32, token string) ([]string, string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if token != "" || size != 7 {
		return nil, "", failure.Invalid("page_token", "is for %d, %q", size, token)
	}
	return slices.Clone(h.listed), "next", nil
}

func (h *harbour) All(_ context.Context, visit func(ids []string) error) error {
	h.mu.Lock()
	listed := slices.Clone(h.listed)
	h.mu.Unlock()
	for page := range slices.Chunk(listed, 2) {
		if err := visit(page); err != nil {
			return err
		}
	}
	return nil
}

// cancels notes which consignments were cancelled.
type cancels struct{ *harbour }

func (c cancels) Cancel(_ context.Context, ids []string, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		c.cancelled[id] = reason
	}
	return c.cancelErr
}

func amount(containers, weight int64) ledger.Amount {
	return ledger.Amount{Containers: containers, Weight: weight}
}

func ship(id string, capacity, maxWeight int32) vessel.Vessel {
	return vessel.Vessel{ID: id, Capacity: capacity, MaxWeight: maxWeight, Available: true}
}

// code returns the name of an error's gRPC code; "OK" for nil.
func code(err error) string {
	if err == nil {
		return "OK"
	}
	return failure.From(err).Code().String()
}

// short returns what an error says is short: "field TYPE" each.
func short(err error) []string {
	var all []string
	if err != nil {
		for _, v := range failure.From(err).Violations() {
			all = append(all, fmt.Sprintf("%s %s", v.Field, v.Type))
		}
	}
	return all
}

// freed is consignments whose own holds are given back.
func freed(cancelled bool, consignments ...string) []vessel.Freed {
	all := make([]vessel.Freed, len(consignments))
	for i, c := range consignments {
		all[i] = vessel.Freed{Consignment: c, Cancelled: cancelled}
	}
	return all
}
