package deadletter_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// A letter that is gone leaves nothing in the list.
func TestPlacesGo(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	s := &service{}
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprint(i))
	}
	s.refuse = all
	o := newOffice(t, fake, s)
	for _, id := range all {
		if err := deliver(t, o, "vessel.dead", booked(id)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := o.Discard(t.Context(), all[:30]); err != nil || n != 30 {
		t.Fatal(n, err)
	}
	s.refuse = nil
	if _, err := o.Replay(t.Context(), all[30:]); err != nil {
		t.Fatal(err)
	}
	if got := list(t, o); len(got) != 0 || len(fake.Keys("")) > 2 {
		t.Errorf("left are %q, %q", got, fake.Keys(""))
	}
}

// Ten thousand dead letters make the next one no slower.
func TestCostOfALetter(t *testing.T) {
	t.Parallel()
	cost := func(before int) int {
		fake := sidecartest.New()
		state := fake.State(t)
		entries := make([]pages.Entry, before)
		for i := range entries {
			entries[i] = pages.Entry{ID: fmt.Sprint("before", i), Added: noon.UnixMilli()}
		}
		items, err := pages.New(state, "dead").Writer().Stage(t.Context(), seat.Held{Term: "t"}, map[string][]pages.Entry{"all": entries})
		if err != nil {
			t.Fatal(err)
		}
		if err := state.Transact(t.Context(), items, nil); err != nil {
			t.Fatal(err)
		}
		s := &service{}
		o := newOffice(t, fake, s)
		for i := range 16 {
			s.refuse = append(s.refuse, fmt.Sprint(i))
			if err := deliver(t, o, "vessel.dead", booked(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		return fake.Count(sidecartest.Get) + fake.Count(sidecartest.GetMany) + fake.Count(sidecartest.Put)
	}
	if few, many := cost(8), cost(10_000); few != many || few > 16*8 {
		t.Errorf("16 letters take %d calls after 8, %d after 10,000", few, many)
	}
}

// What a crash has left in the list of a letter that is gone goes with the next look at it.
func TestPlaceLeftByACrash(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	o := newOffice(t, fake, &service{refuse: []string{"a", "b"}})
	if err := deliver(t, o, "vessel.dead", booked("a"), booked("b")); err != nil {
		t.Fatal(err)
	}
	revive := fake.Inject(sidecartest.Fault{Op: sidecartest.Put, Key: "list/", Before: sidecartest.Away})
	if _, err := o.Discard(t.Context(), []string{"a"}); err == nil {
		t.Fatal("off the list without a store")
	}
	if got := list(t, o); !slices.Equal(got, []string{"b"}) {
		t.Errorf("left are %q", got)
	}
	revive()
	for range 2 { // the first clears the place
		if got := list(t, o); !slices.Equal(got, []string{"b"}) {
			t.Errorf("left are %q", got)
		}
	}
	before := fake.Count(sidecartest.Get)
	if list(t, o); fake.Count(sidecartest.Get) != before {
		t.Error("the place is there still")
	}
}

// A letter that is kept anew while it is being discarded is listed, whenever that is.
func TestKeptWhileDiscarded(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sidecartest.Fault{
		"before it is deleted": {Op: sidecartest.Transact, Key: "dead/"},
		"before its place":     {Op: sidecartest.Get, Key: "list/"},
		"with its place":       {Op: sidecartest.Put, Key: "list/"},
		"before the last look": {Op: sidecartest.Get, Key: "dead/"},
	} {
		fake := sidecartest.New()
		s := &service{refuse: []string{"a"}}
		one, two := newOffice(t, fake, s), newOffice(t, fake, s)
		if err := deliver(t, one, "vessel.dead", booked("a")); err != nil {
			t.Fatal(err)
		}
		var done atomic.Bool
		fault.Before = func(context.Context, sidecartest.Call) error {
			if done.CompareAndSwap(false, true) {
				return deliver(t, two, "vessel.dead", booked("a"))
			}
			return nil
		}
		fake.Inject(fault)
		if _, err := one.Discard(t.Context(), []string{"a"}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if kept, listed := fake.Value("dead/a") != nil, len(list(t, one)) == 1; kept != listed || !done.Load() {
			t.Errorf("%s: kept %t, listed %t", name, kept, listed)
		}
	}
}
