package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"seaport.example/services/inventory/internal/inventory"
)

func TestStock(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 129)
	for _, c := range []struct {
		name       string
		origin     string
		containers int64
		request    string
		code       string
		fields     []string
	}{
		{"least", "Derby", 1, "", "OK", nil},
		{"most", "Derby", 1_000_000, "", "OK", nil},
		{"longest names", strings.Repeat("ü", 200), 1, long[:256], "OK", nil},
		{"none", "Derby", 0, "", "InvalidArgument", []string{"containers "}},
		{"less than none", "Derby", -1, "", "InvalidArgument", []string{"containers "}},
		{"too many", "Derby", 1_000_001, "", "InvalidArgument", []string{"containers "}},
		{"no origin", "", 1, "", "InvalidArgument", []string{"origin "}},
		{"blank origin", " \t ", 1, "", "InvalidArgument", []string{"origin "}},
		{"origin too long", strings.Repeat("ü", 201), 1, "", "InvalidArgument", []string{"origin "}},
		{"origin with separator", "a||b", 1, "", "InvalidArgument", []string{"origin "}},
		{"origin with control character", "a\x00b", 1, "", "InvalidArgument", []string{"origin "}},
		{"request id too long", "Derby", 1, long, "InvalidArgument", []string{"request_id "}},
		{"all wrong", "", 0, long, "InvalidArgument", []string{"origin ", "containers ", "request_id "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard()
			got, err := y.process(t).Stock(t.Context(), c.origin, c.containers, c.request)
			if code(err) != c.code || !slices.Equal(named(err), c.fields) {
				t.Errorf("Stock = %v of %q, want %s of %q", err, named(err), c.code, c.fields)
			}
			if err == nil && (got.Origin != c.origin || got.Stock != c.containers || got.Free() != c.containers || !got.CreateTime.Equal(noon)) {
				t.Errorf("Stock = %+v", got)
			}
			if err != nil && len(y.depots)+len(y.listed) != 0 {
				t.Error("a refusal left something behind")
			}
		})
	}
}

// However a place is spelled it is one depot, by its first name.
func TestSpellings(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 1, "Derby, United Kingdom", "DERBY, united kingdom", "  Derby,   United  Kingdom ")
	other, err := d.Stock(t.Context(), "Derby,United Kingdom", 1, "")
	if err != nil || other.Stock != 1 {
		t.Errorf("another name: %+v, %v", other, err)
	}
	got, err := d.Stock(t.Context(), "derby, united kingdom", 1, "")
	if err != nil || got.Stock != 4 || got.Origin != "Derby, United Kingdom" || len(y.depots) != 2 || len(y.listed) != 2 {
		t.Errorf("%+v, %v; listed %q", got, err, y.listed)
	}
	for _, pair := range [][2]string{{"a b", "a+b"}, {"a/b", "a%2Fb"}, {"x", "y"}} {
		if inventory.Key(pair[0]) == inventory.Key(pair[1]) {
			t.Errorf("%q and %q have one key", pair[0], pair[1])
		}
	}
	if strings.ContainsAny(inventory.Key("a/b||c"), "/|") {
		t.Errorf("a key has separators: %s", inventory.Key("a/b||c"))
	}
}

// A request adds once as long as it is remembered; that memory is bounded.
func TestStockOnce(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	add := func(request string) inventory.Depot {
		t.Helper()
		got, err := d.Stock(t.Context(), "Derby", 10, request)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for range 3 {
		if got := add("r0"); got.Stock != 10 {
			t.Errorf("one request, often: stock %d", got.Stock)
		}
	}
	for i := 1; i <= 63; i++ {
		add(fmt.Sprintf("r%d", i))
	}
	if got := add("r0"); got.Stock != 640 || len(got.Requests) != 64 {
		t.Errorf("after 63 others: stock %d, %d requests remembered; want 640 and 64", got.Stock, len(got.Requests))
	}
	add("r64")
	if got := add(""); got.Stock != 660 || len(got.Requests) != 64 {
		t.Errorf("after a call without a request: stock %d, %d requests remembered; want 660 and 64", got.Stock, len(got.Requests))
	}
}

func TestStockIsBounded(t *testing.T) {
	t.Parallel()
	y := newYard()
	y.write(inventory.Key("Derby"), inventory.Depot{Origin: "Derby", Stock: 999_999_999})
	d := y.process(t)
	if _, err := d.Stock(t.Context(), "Derby", 2, ""); code(err) != "InvalidArgument" || !slices.Equal(named(err), []string{"containers "}) {
		t.Errorf("over a thousand millions: %v", err)
	}
	if got, err := d.Stock(t.Context(), "Derby", 1, ""); err != nil || got.Stock != 1_000_000_000 {
		t.Errorf("a thousand millions: %+v, %v", got, err)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	y := newYard()
	d := y.process(t)
	stock(t, d, 5, "Derby", "Sheffield")
	d.Hold(t.Context(), []inventory.Wanted{wanted("c1", at("Derby", 2))})
	y.listed = slices.Insert(y.listed, 1, "never opened")
	depots, next, err := d.Page(t.Context(), 7, "")
	if err != nil || next != "next" || len(depots) != 2 || depots[0].Origin != "Sheffield" || depots[1].Origin != "Derby" || depots[1].Free() != 3 {
		t.Errorf("Page = %+v, %q, %v", depots, next, err)
	}
	y.clock.Store(121) // nobody has swept yet
	if depots, _, err := d.Page(t.Context(), 7, ""); err != nil || depots[1].Free() != 5 {
		t.Errorf("after the hold expired: %+v, %v", depots, err)
	}
	if _, _, err := d.Page(t.Context(), 7, "tampered"); code(err) != "InvalidArgument" {
		t.Errorf("tampered: %v", err)
	}
}
