package vessel_test

import (
	"testing"

	"seaport.example/services/vessel/internal/vessel"
)

// A vessel's id is found however its hyphen is written, and so is the request that created it.
func TestSpellings(t *testing.T) {
	t.Parallel()
	f := newHarbour().fleet(t)
	v := ship("sea\u20111", 10, 1000)
	v.Name, v.Request = "Sea One", "r\u20101"
	created, err := f.Create(t.Context(), v)
	if err != nil || created.ID != "sea-1" {
		t.Fatalf("%+v, %v", created, err)
	}
	v.ID, v.Request = "\u200bsea-1 ", "r-1"
	if again, err := f.Create(t.Context(), v); err != nil || again.ID != "sea-1" {
		t.Errorf("created again: %+v, %v", again, err)
	}
	if got, err := f.Get(t.Context(), "sea\u20131"); err != nil || got.ID != "sea-1" {
		t.Errorf("%+v, %v", got, err)
	}
	held := f.Hold(t.Context(), []vessel.Wanted{{Consignment: "c", Wished: "sea\u22121", Amount: amount(1, 1)}})
	if held[0].Err != nil || held[0].Vessel != "sea-1" {
		t.Errorf("%+v", held[0])
	}
	if _, err := f.Get(t.Context(), "s\u0435a-1"); code(err) != "InvalidArgument" {
		t.Errorf("a Cyrillic letter: %v", err)
	}
}
