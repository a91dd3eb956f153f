package inventory_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/ledger"
	"seaport.example/services/inventory/internal/inventory"
)

const (
	composed   = "Z\u00fcrich"
	decomposed = "Zu\u0308rich"
)

// earlier is the key that an origin had before names had a normal form.
func earlier(origin string) string { return url.QueryEscape(strings.ToLower(origin)) }

// sweep looks after the depots once, within a bubble.
func sweep(t *testing.T, d *inventory.Depots) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Sweep(ctx) }()
	synctest.Wait()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Sweep = %v", err)
	}
}

// A depot stocked with one spelling is booked with any other that reads the same.
func TestLookAlikesAreOneDepot(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 1, composed, decomposed, "Z\u200b\u00fcrich", "Zu\u0308\u00adrich", "\ufeffz\u00dcrich")
	if len(y.depots) != 1 || len(y.listed) != 1 {
		t.Fatalf("%d depots, listed %q", len(y.depots), y.listed)
	}
	held := d.Hold(t.Context(), []inventory.Wanted{
		{Consignment: "c-1", Pickups: []inventory.Pickup{{Origin: decomposed, Containers: 3}, {Origin: composed, Containers: 1}}},
		{Consignment: "c-2", Pickups: []inventory.Pickup{{Origin: decomposed, Containers: 2}}},
	})
	if held[0].Err != nil || code(held[1].Err) != "FailedPrecondition" {
		t.Errorf("holds of 4 and 2 out of 5: %v, %v", held[0].Err, held[1].Err)
	}
	for _, other := range []string{"Stratford\u2010on\u2013Avon", "Stratford\u2212on\u2011Avon"} {
		if inventory.Key(other) != inventory.Key("Stratford-on-Avon") {
			t.Errorf("%q is another depot", other)
		}
	}
	if inventory.Key("H\u0430mburg") == inventory.Key("Hamburg") {
		t.Error("a Cyrillic letter is a Latin one")
	}
	if got, err := d.Stock(t.Context(), " Li\u0301mon\u00a0\u2013 Costa  Rica", 1, ""); err != nil || got.Origin != "Límon - Costa Rica" {
		t.Errorf("shown as %q, %v", got.Origin, err)
	}
	for _, origin := range []string{"\u200b", "a\uff5c\uff5cb", "a\nb"} {
		if _, err := d.Stock(t.Context(), origin, 1, ""); code(err) != "InvalidArgument" {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

// A key is its own key: else the sweep would move the stock of a depot that bookings look for.
func TestKeyOfAKey(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"Derby, UK", "H\u0331ull", "J\u030crk", "\u0130zmir", "\u1e9eo", "a+b %20", "ΟΔΟΣ", "\u01c5", "東京"} {
		key := inventory.Key(origin)
		name, err := url.QueryUnescape(key)
		if err != nil || inventory.Key(name) != key {
			t.Errorf("%q has the key %s, and that has %s, %v", origin, key, inventory.Key(name), err)
		}
	}
}

// Containers in a depot under an earlier spelling are booked by the normal one, and no container twice; what
// was promised before is confirmed and given back where it was promised.
func TestDepotUnderAnEarlierSpelling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testDepotUnderAnEarlierSpelling)
}

func testDepotUnderAnEarlierSpelling(t *testing.T) {
	y := newYard()
	d := y.process(t)
	old := inventory.Depot{Origin: decomposed, Stock: 5, CreateTime: noon, Requests: []string{"r-1"}}
	for _, id := range []string{"booked", "pending"} {
		step := ledger.Step{Do: ledger.Hold, ID: id, Amount: ledger.Amount{Containers: 1}, Expires: noon.Add(time.Hour)}
		if err := old.Containers.Apply(step, old.Limit(), nil); err != nil {
			t.Fatal(err)
		}
	}
	y.write(earlier(decomposed), old)
	y.listed = []string{earlier(decomposed)}
	sweep(t, d)

	hold := func(id string, n int64) error {
		return d.Hold(t.Context(), []inventory.Wanted{{Consignment: id, Pickups: []inventory.Pickup{{Origin: composed, Containers: n}}}})[0].Err
	}
	if err := hold("a", 4); code(err) != "FailedPrecondition" {
		t.Errorf("4 of 3 free ones: %v", err)
	}
	if err := hold("b", 3); err != nil {
		t.Errorf("3 of 3 free ones: %v", err)
	}
	if got, err := d.Stock(t.Context(), decomposed, 7, "r-1"); err != nil || got.Stock > 5 {
		t.Errorf("a repeated request stocked again: %+v, %v", got, err)
	}
	page, _, err := d.Page(t.Context(), 7, "")
	if err != nil || len(page) != 1 || page[0].Origin != composed || page[0].Stock != 5 || page[0].Free() != 0 {
		t.Errorf("listed as %+v, %v", page, err)
	}

	one := []inventory.Pickup{{Origin: decomposed, Containers: 1}}
	err = errors.Join(d.Confirm(t.Context(), []inventory.Wanted{{Consignment: "booked", Pickups: one}})...)
	err = errors.Join(err, errors.Join(d.Release(t.Context(), []inventory.Freed{{Consignment: "pending", Cancelled: true, Pickups: one}})...))
	if err != nil || len(y.cancelled) != 0 {
		t.Fatalf("%v, cancelled %v", err, y.cancelled)
	}
	sweep(t, d)
	if err := hold("c", 2); code(err) != "FailedPrecondition" {
		t.Errorf("2 of 1 given back: %v", err)
	}
	if err := hold("c", 1); err != nil {
		t.Errorf("1 of 1 given back: %v", err)
	}
}

// A move that broke off between the two depots goes on, once.
func TestMoveBrokenOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testMoveBrokenOff)
}

func testMoveBrokenOff(t *testing.T) {
	y := newYard()
	d := y.process(t)
	y.write(earlier(decomposed), inventory.Depot{Origin: decomposed, Stock: 0, Moved: 5, CreateTime: noon})
	y.write(earlier(composed), inventory.Depot{Origin: composed, Stock: 2, CreateTime: noon})
	y.listed = []string{earlier(composed), earlier(decomposed)}
	sweep(t, d)
	sweep(t, d)
	if got := y.read(earlier(composed)); got.Stock != 7 {
		t.Errorf("%d containers, want 7", got.Stock)
	}
}
