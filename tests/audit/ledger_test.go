package audit

import (
	"encoding/json"
	"strings"
	"testing"
)

// An audit that finds nothing proves something only if it would have found it.
func TestCompareThing(t *testing.T) {
	one := amount{Containers: 2, Weight: 100}
	sound := func() *thing {
		th := newThing("vessel v", ledger{Used: one})
		th.booked["a"], th.confirmed["a"] = one, one
		th.cancelled["b"], th.confirmed["b"], th.released["b"] = true, one, true
		return th
	}
	held := func(th *thing, id string) {
		entries := `{"` + id + `": {"containers": 2, "weight": 100, "phase": "held"}}`
		if err := json.Unmarshal([]byte(entries), &th.ledger.Entries); err != nil {
			t.Fatal(err)
		}
		th.ledger.Used.add(one)
	}
	tests := []struct {
		name    string
		pending bool
		spoil   func(*thing)
		want    string // "" for no problem
	}{
		{"sound", false, func(*thing) {}, ""},
		{"booking not confirmed", false, func(th *thing) { delete(th.confirmed, "a") }, "booking a is not confirmed"},
		{"confirmed with less", false, func(th *thing) { th.confirmed["a"] = amount{Containers: 1, Weight: 100} }, "booking a is confirmed with"},
		{"booking released", false, func(th *thing) { th.released["a"] = true }, "booking a is released"},
		{"cancelled one not released", false, func(th *thing) { delete(th.released, "b") }, "b is not released"},
		{"confirmed out of nowhere", false, func(th *thing) { th.confirmed["c"] = one }, "c is confirmed and not a consignment"},
		{"more used than booked", false, func(th *thing) { th.ledger.Used.Containers++ }, "used, but"},
		{"less used than booked", false, func(th *thing) { th.ledger.Used.Weight-- }, "used, but"},
		{"a hold left", false, func(th *thing) { held(th, "d") }, "a hold of d is left"},
		{"a hold left that may be", true, func(th *thing) { held(th, "d") }, ""},
		{"a hold left of a booking", true, func(th *thing) { held(th, "a") }, "a hold of a is left"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			th := sound()
			test.spoil(th)
			b := &books{pending: test.pending}
			b.compareThing(th)
			err := b.verdict()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
