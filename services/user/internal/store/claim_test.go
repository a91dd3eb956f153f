package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/user/internal/user"
)

// Fifty at once through two replicas: one user, one place in the list, one event.
func TestOneUserOfMany(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		replicas := []*replica{start(t, fake), start(t, fake)}
		var registered atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				switch err := replicas[i%2].register(t.Context(), fmt.Sprintf("id%d", i)); {
				case err == nil:
					registered.Add(1)
				case !errors.Is(err, user.ErrTaken):
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		page, _, err := replicas[0].Page(t.Context(), 0, "")
		if n := registered.Load(); n != 1 || len(fake.Keys("user/")) != 1 || len(fake.Keys("credential/")) != 1 || err != nil || len(page) != 1 {
			t.Errorf("%d registered, stored %q, listed %d, %v", n, fake.Keys("user/"), len(page), err)
		}
		time.Sleep(time.Second)
		if len(fake.Events()) != 1 {
			t.Errorf("announced %v", fake.Events())
		}
	})
}

// setClaim leaves a claim of kane's address, as somebody does who dies under it.
func setClaim(fake *sidecartest.Fake, lasts time.Duration) {
	fake.Set(addressKey(), fmt.Appendf(nil, `{"user":"dead","until":%d}`, time.Now().Add(lasts).UnixMilli()))
}

// The address of somebody who died under a claim is free once that is over, for one.
func TestClaimOfTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		replicas := []*replica{start(t, fake), start(t, fake)}
		setClaim(fake, 30*time.Second)
		began := time.Now()
		want(t, "at once", fake, replicas[0].register(t.Context(), "id1"), "Unavailable", 0)
		if waited := time.Since(began); waited < 3*time.Second || waited > 4*time.Second {
			t.Errorf("waited %s for another's claim", waited)
		}
		time.Sleep(time.Until(began.Add(30 * time.Second)))
		var outcomes [2]string
		var wg sync.WaitGroup
		for i, r := range replicas {
			wg.Go(func() { outcomes[i] = code(r.register(t.Context(), fmt.Sprintf("id%d", i))) })
		}
		wg.Wait()
		if one := outcomes[0] + outcomes[1]; one != "OKtaken" && one != "takenOK" {
			t.Errorf("then the two got %q", outcomes)
		}
		want(t, "then", fake, nil, "OK", 1)
	})
}

// Who waits for another's claim gets what comes of it.
func TestClaimThatEnds(t *testing.T) {
	for name, c := range map[string]struct {
		ends    string
		outcome string
		users   int
	}{
		"in a user":    {`{"user":"other"}`, "taken", 0},
		"in a release": {`{"user":"other","until":1}`, "OK", 1},
		"in nothing":   {"", "OK", 1}, // it runs out
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				r := start(t, fake)
				setClaim(fake, 30*time.Second)
				go func() {
					time.Sleep(2 * time.Second)
					if c.ends != "" {
						fake.Set(addressKey(), []byte(c.ends))
					} else {
						setClaim(fake, 0)
					}
				}()
				want(t, name, fake, r.register(t.Context(), "id1"), c.outcome, c.users)
			})
		})
	}
}

// A caller who leaves waits for nobody.
func TestCallerLeaves(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake)
		setClaim(fake, 30*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := r.register(ctx, "id1"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// Whatever fails, before it or with its answer lost, a success is stored and a failure is not, and the
// next registration of the address comes out right, at once where the end was certain.
func TestRegisterFails(t *testing.T) {
	const away, taken = "Unavailable", "taken"
	for name, c := range map[string]struct {
		faults []sidecartest.Fault
		first  string // what the registration gets
		users  int    // that are there then
		second string // what the next one gets, of another
	}{
		"address not read":     {[]sidecartest.Fault{{Op: sidecartest.Get, Key: "email/", Before: sidecartest.Away}}, away, 0, "OK"},
		"claim not written":    {[]sidecartest.Fault{{Op: sidecartest.Put, Key: "email/", Before: sidecartest.Away}}, away, 0, "OK"},
		"claim, answer lost":   {[]sidecartest.Fault{{Op: sidecartest.Put, Key: "email/", After: sidecartest.Away}}, "OK", 1, taken},
		"list not read":        {[]sidecartest.Fault{{Op: sidecartest.GetMany, Key: "list/", Before: sidecartest.Away}}, away, 0, "OK"},
		"not committed":        {[]sidecartest.Fault{{Op: sidecartest.Transact, Key: "user/", Before: sidecartest.NotSent}}, away, 0, "OK"},
		"perhaps committed":    {[]sidecartest.Fault{{Op: sidecartest.Transact, Key: "user/", Before: sidecartest.Away}}, away, 0, away},
		"committed, not said":  {[]sidecartest.Fault{{Op: sidecartest.Transact, Key: "user/", After: sidecartest.Away}}, "OK", 1, taken},
		"committed, not known": {[]sidecartest.Fault{{Op: sidecartest.Transact, Key: "user/", After: sidecartest.Away}, {Op: sidecartest.Get, Key: "outbox/", Before: sidecartest.Away}}, away, 1, taken},
		"not committed, nor known": {[]sidecartest.Fault{{Op: sidecartest.Transact, Key: "user/", Before: sidecartest.Away}, {Op: sidecartest.Get, Key: "outbox/", Before: sidecartest.Away}},
			away, 0, away},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				one, two := start(t, fake), start(t, fake)
				for _, fault := range c.faults {
					fault.Times = 1
					fake.Inject(fault)
				}
				want(t, "first", fake, one.register(t.Context(), "id1"), c.first, c.users)
				second := two.register(t.Context(), "id2")
				if code(second) != c.second {
					t.Errorf("second: %v, want %s", second, c.second)
				}
				time.Sleep(time.Minute) // longer than any claim
				switch third := code(two.register(t.Context(), "id3")); {
				case third == "OK" && c.second != away, third == away, len(fake.Keys("user/")) != 1:
					t.Errorf("third: %s, with %q", third, fake.Keys("user/"))
				}
				sidecartest.Await(t, "it is announced", func() bool { return len(fake.Events()) == 1 })
			})
		})
	}
}

// A claim that is nearly over is nothing to begin a commit under: it might end after the claim.
func TestLateClaim(t *testing.T) {
	for name, c := range map[string]struct {
		took    time.Duration
		outcome string
		users   int
	}{
		"in time": {19 * time.Second, "OK", 1},
		"late":    {21 * time.Second, "Unavailable", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				r := start(t, fake)
				fake.Inject(sidecartest.Fault{Op: sidecartest.Put, Key: "email/", Times: 1, After: sidecartest.Delay(c.took)})
				want(t, name, fake, r.register(t.Context(), "id1"), c.outcome, c.users)
				if c.users == 0 && strings.Contains(string(fake.Value(addressKey())), `"id1"}`) {
					t.Errorf("the address is %s", fake.Value(addressKey()))
				}
			})
		})
	}
}
