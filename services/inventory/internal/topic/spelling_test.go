package topic_test

import (
	"context"
	"log/slog"
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

// unlisted lists nothing.
type unlisted struct{ inventory.Register }

func (unlisted) Add(context.Context, string, time.Time) error { return nil }

// A depot is stocked, booked, confirmed and given back to, each time in another encoding of its name.
func TestEncodingsOfAName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const composed, decomposed = "Z\u00fcrich", "Zu\u0308rich"
		fake, log := sidecartest.New(), slog.New(slog.DiscardHandler)
		keeper := holds.NewKeeper[inventory.Depot](fake.State(t), "depot", time.Now, log)
		depots := inventory.NewDepots(inventory.Config{
			Store: keeper, Register: unlisted{}, Consignments: &yard{}, HoldTTL: time.Minute, Now: time.Now, Log: log,
		})
		if _, err := depots.Stock(t.Context(), composed, 2, ""); err != nil {
			t.Fatal(err)
		}
		held := depots.Hold(t.Context(), []inventory.Wanted{
			{Consignment: "c1", Pickups: []inventory.Pickup{{Origin: decomposed, Containers: 1}}},
			{Consignment: "c2", Pickups: []inventory.Pickup{{Origin: "Z\u200b\u00fcrich", Containers: 1}}},
			{Consignment: "c3", Pickups: []inventory.Pickup{{Origin: composed, Containers: 1}}},
		})
		if held[0].Err != nil || held[1].Err != nil || held[2].Err == nil {
			t.Fatalf("holds on two containers: %+v", held)
		}
		handlers := topic.Handlers(depots)
		for _, e := range []sidecar.Event{booked(t, "c1", decomposed), booked(t, "c2", composed), cancelled(t, "c1", composed)} {
			if err := handlers[e.Topic](context.WithoutCancel(t.Context()), []sidecar.Event{e})[0]; err != nil {
				t.Fatal(err)
			}
		}
		stored, err := keeper.Get(t.Context(), inventory.Key(composed))
		if used := stored.Ledger().Used; err != nil || used != (ledger.Amount{Containers: 1}) {
			t.Errorf("%+v is promised, %v", used, err)
		}
		time.Sleep(time.Second) // rows of what is final are written
	})
}
