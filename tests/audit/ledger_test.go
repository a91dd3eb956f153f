package audit

import (
	"encoding/json"
	"strings"
	"testing"
)

// An audit that finds nothing proves something only if it would have found it.
func TestCompareThing(t *testing.T) {
	one := amount{Containers: 2, Weight: 100}
	two := amount{Containers: 4, Weight: 200}
	sound := func() *thing {
		th := newThing("vessel v", ledger{Used: two})
		th.wanted["a"], th.confirmed["a"] = hold{amount: one, alive: 1}, one
		th.cancelled["b"], th.confirmed["b"], th.released["b"] = "", one, true
		// A lot of two, one of them cancelled; another that was refused, and all of it cancelled.
		th.wanted["lot"], th.confirmed["lot"] = hold{amount: two, lot: true, alive: 1}, two
		th.cancelled["part"], th.released["part"] = "lot", true
		th.wanted["gone"], th.released["gone"] = hold{amount: one, lot: true}, true
		th.cancelled["part of gone"] = "gone"
		th.taken = two
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
		{"lot not confirmed", false, func(th *thing) { delete(th.confirmed, "lot") }, "booking lot is not confirmed"},
		{"lot confirmed without what was cancelled", false, func(th *thing) { th.confirmed["lot"] = one }, "booking lot is confirmed with"},
		{"lot released and not all of it cancelled", false, func(th *thing) { th.released["lot"] = true }, "booking lot is released"},
		{"part of a lot not released", false, func(th *thing) { delete(th.released, "part") }, "part is not released"},
		{"refused lot not released", false, func(th *thing) { delete(th.released, "gone") }, "booking gone is not confirmed"},
		{"a hold left of a lot", true, func(th *thing) { held(th, "lot") }, "a hold of lot is left"},
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
