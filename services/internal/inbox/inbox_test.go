package inbox_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/inbox"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// The tests here run in a bubble (testing/synctest): time passes when everybody waits.
func bubble(t *testing.T, test func(t *testing.T, fake *sidecartest.Fake)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, sidecartest.New()) })
}

func open(t *testing.T, fake *sidecartest.Fake) *inbox.Inbox {
	t.Helper()
	return inbox.New(fake.State(t), time.Now, slog.New(slog.DiscardHandler))
}

func claim(t *testing.T, in *inbox.Inbox, ids ...string) *inbox.Claims {
	t.Helper()
	claims, err := in.Claim(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// want demands what is mine and what was handled; the rest of what was asked for is another's.
func want(t *testing.T, what string, claims *inbox.Claims, mine, handled []string) {
	t.Helper()
	got := [2][]string{slices.Sorted(maps.Keys(claims.Mine)), slices.Sorted(maps.Keys(claims.Handled))}
	if !slices.Equal(got[0], mine) || !slices.Equal(got[1], handled) {
		t.Errorf("%s: mine %q, handled %q; want %q and %q", what, got[0], got[1], mine, handled)
	}
}

func TestClaim(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		one, two := open(t, fake), open(t, fake)
		first := claim(t, one, "a", "b")
		want(t, "first", first, []string{"a", "b"}, nil)
		want(t, "another, with one more", claim(t, two, "a", "b", "c"), []string{"c"}, nil)
		began := time.Now()
		want(t, "another", claim(t, two, "a", "b"), nil, nil)
		if waited := time.Since(began); waited < 4*time.Second || waited > 5*time.Second {
			t.Errorf("waited %s for another's claim", waited)
		}
		if err := fake.State(t).Transact(t.Context(), first.Marks("a"), nil); err != nil {
			t.Fatal(err)
		}
		want(t, "once one is handled", claim(t, two, "a", "b"), nil, []string{"a"})
		one.Release(t.Context(), first)
		want(t, "once the other is given back", claim(t, two, "a", "b"), []string{"b"}, []string{"a"})
		handled, err := two.Handled(t.Context(), []string{"a", "b", "z"})
		if err != nil || !handled["a"] || handled["b"] || handled["z"] {
			t.Errorf("handled are %v, %v", handled, err)
		}
	})
}

// Who died under a claim leaves what others may claim once its time is over.
func TestClaimOfTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		in := open(t, fake)
		dead := claim(t, in, "a")
		if !dead.InTime() {
			t.Error("a fresh claim is late")
		}
		time.Sleep(9*time.Second + time.Millisecond)
		if dead.InTime() {
			t.Error("after 9 s there is not enough left of 15")
		}
		time.Sleep(3 * time.Second)
		want(t, "when it runs out meanwhile", claim(t, in, "a"), []string{"a"}, nil)
	})
}

func TestMarksExpire(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		in := open(t, fake)
		if err := fake.State(t).Transact(t.Context(), claim(t, in, "a").Marks("a"), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30*24*time.Hour - time.Second)
		want(t, "on the thirtieth day", claim(t, in, "a"), nil, []string{"a"})
		time.Sleep(2 * time.Second)
		if left := fake.Keys("inbox/"); len(left) != 0 {
			t.Errorf("after it: %q", left)
		}
		claim(t, in, "b") // and not marked
		time.Sleep(2 * time.Hour)
		if left := fake.Keys("inbox/"); len(left) != 0 {
			t.Errorf("a claim that nobody needs: %q", left)
		}
	})
}

// Many replicas at once, each with the events in an order and company of its own: each event is one's.
func TestOneOfMany(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		var mu sync.Mutex
		whose := make(map[string]int)
		var wg sync.WaitGroup
		for n := range 10 {
			in := open(t, fake)
			wg.Go(func() {
				var ids []string
				for i := range 20 {
					ids = append(ids, fmt.Sprint((i*7+n)%20))
				}
				claims, err := in.Claim(t.Context(), ids[:10+n])
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for id := range claims.Mine {
					whose[id]++
				}
			})
		}
		wg.Wait()
		for id, n := range whose {
			if n != 1 {
				t.Errorf("%s is claimed by %d", id, n)
			}
		}
		if len(whose) != 20 {
			t.Errorf("claimed are %d of 20", len(whose))
		}
	})
}

func TestClaimFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault sidecartest.Fault
		ok    bool
	}{
		"not read":             {sidecartest.Fault{Op: sidecartest.GetMany, Before: sidecartest.Away}, false},
		"not written":          {sidecartest.Fault{Op: sidecartest.Put, Before: sidecartest.Away}, false},
		"written, answer lost": {sidecartest.Fault{Op: sidecartest.Put, After: sidecartest.Away}, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				in := open(t, fake)
				c.fault.Times = 1
				fake.Inject(c.fault)
				if claims, err := in.Claim(t.Context(), []string{"a", "b"}); (err == nil) != c.ok || c.ok && len(claims.Mine) != 2 {
					t.Errorf("%+v, %v", claims, err)
				}
				if !c.ok {
					want(t, "then", claim(t, in, "a", "b"), []string{"a", "b"}, nil)
				}
			})
		})
	}
}

func TestBrokenMark(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		fake.Set("inbox/a", []byte("{"))
		if _, err := open(t, fake).Claim(t.Context(), []string{"a"}); err == nil {
			t.Error("claimed")
		}
	})
}

// Who leaves waits for nobody; and a release that fails is made up for by time.
func TestLeaving(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		in := open(t, fake)
		first := claim(t, in, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := in.Claim(ctx, []string{"a"}); err == nil {
			t.Error("claimed what is another's")
		}
		fake.Inject(sidecartest.Fault{Op: sidecartest.Put, Times: 1, Before: sidecartest.Away})
		in.Release(t.Context(), first)
		in.Release(t.Context(), &inbox.Claims{})
		time.Sleep(14 * time.Second)
		want(t, "after its time", claim(t, in, "a"), []string{"a"}, nil)
	})
}
