package topic_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/holds"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/inventory/internal/inventory"
	"seaport.example/services/inventory/internal/topic"
)

// Every event twice, in any order and through either replica, then once more after a moment, after the holds would have
// expired, and after three months: containers are promised for what is booked and not cancelled, once.
func TestEveryEventTwiceAndLongAfter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, seed))
			fake := sidecartest.New()
			thing := inventory.Key("Derby")
			var replicas []map[string]sidecar.Handler
			for range 2 {
				keeper := holds.NewKeeper[inventory.Depot](fake.State(t), "depot", time.Now, slog.New(slog.DiscardHandler))
				replicas = append(replicas, topic.Handlers(inventory.NewDepots(inventory.Config{
					Store: keeper, Consignments: &yard{}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
				})))
			}
			keeper := holds.NewKeeper[inventory.Depot](fake.State(t), "depot", time.Now, slog.New(slog.DiscardHandler))
			if _, err := keeper.Update(t.Context(), thing, func(doc *inventory.Depot) error { *doc = inventory.Depot{Origin: "Derby", Stock: 100}; return nil }); err != nil {
				t.Fatal(err)
			}
			var events []sidecar.Event
			for n := range 6 {
				id := fmt.Sprint("c", n)
				step := ledger.Step{Do: ledger.Hold, ID: id, Amount: ledger.Amount{Containers: 2}, Expires: time.Now().Add(time.Minute)}
				if _, errs, err := keeper.Apply(t.Context(), thing, []ledger.Step{step}); errors.Join(append(errs, err)...) != nil {
					t.Fatal(errs, err)
				}
				events = append(events, booked(t, id, "Derby", "Derby"))
				if n < 2 {
					events = append(events, cancelled(t, id, "Derby", "Derby"))
				}
			}
			events = append(events, events...)
			for _, pause := range []time.Duration{time.Millisecond, time.Second, 10 * time.Minute, 90 * 24 * time.Hour} {
				random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
				for _, e := range events {
					ctx := context.WithoutCancel(t.Context())
					if err := errors.Join(replicas[random.IntN(2)][e.Topic](ctx, []sidecar.Event{e})...); err != nil {
						t.Fatalf("%s: %v", e.ID, err)
					}
				}
				time.Sleep(pause)
				stored, err := keeper.Get(t.Context(), thing)
				if used := stored.Ledger().Used; err != nil || used != (ledger.Amount{Containers: 8}) {
					t.Fatalf("seed %d, %s before the next delivery: %+v is promised, %v", seed, pause, used, err)
				}
			}
			// What is final has left the document.
			if err := keeper.Sweep(t.Context(), []string{thing}); err != nil {
				t.Fatal(err)
			}
			stored, err := keeper.Get(t.Context(), thing)
			if err != nil || len(stored.Ledger().Entries) != 0 {
				t.Errorf("seed %d: left in the document are %v, %v", seed, stored.Ledger().Entries, err)
			}
		})
	}
}
