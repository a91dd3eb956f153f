package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/consignment/internal/consignment"
)

func claim(t *testing.T, r *replica, id string) consignment.Claim {
	t.Helper()
	claims, err := r.Claim(t.Context(), []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return claims[0]
}

func TestClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		one, two := start(t, m, b), start(t, m, b)

		if !claim(t, one, "c1").Mine {
			t.Error("nobody is at it, and it is not given")
		}
		if c := claim(t, two, "c1"); c.Mine || c.Booked != nil {
			t.Errorf("another replica is at it, and this one got %+v", c)
		}
		one.Unclaim(t.Context(), nil, []string{"c1"})
		if !claim(t, two, "c1").Mine {
			t.Error("it was refused at the other, and is not given")
		}
		want := booked("c1", "cust001")
		if err := two.Commit(t.Context(), inTime, alone(want)); err != nil {
			t.Fatal(err)
		}
		two.Unclaim(t.Context(), []string{"c1"}, nil)
		for _, r := range []*replica{one, two} {
			if c := claim(t, r, "c1"); c.Mine || c.Booked == nil || !reflect.DeepEqual(c.Booked, want) {
				t.Errorf("it is booked, and a replica got %+v", c)
			}
		}
	})
}

// A booking that came to no certain end is nobody's until its claim runs out.
func TestUncertainClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		one, two := start(t, m, b), start(t, m, b)
		if !claim(t, one, "c1").Mine {
			t.Fatal("not given")
		}
		began := time.Now()
		for _, r := range []*replica{one, two, two, one} {
			if c := claim(t, r, "c1"); c.Mine || c.Booked != nil {
				t.Errorf("after %s a replica got %+v", time.Since(began), c)
			}
			time.Sleep(4 * time.Second)
		}
		eventually(t, "the claim runs out", func() bool { return claim(t, two, "c1").Mine })
		// A booking and its commit take 6 s and 4 s at most, and their sidecar a while more.
		if after := time.Since(began); after < 15*time.Second {
			t.Errorf("the claim ran out after %s", after)
		}
	})
}

// Of the store's answers to a claim none may be missing, or two replicas might book.
func TestClaimFails(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"get", "transact"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, b := newMemory(), &broker{}
				r := start(t, m, b)
				r.line.fault(func(o string, keys []string) error {
					if o == op && strings.HasPrefix(keys[0], "claims/") {
						return errAway
					}
					return nil
				}, nil)
				if claims, err := r.Claim(t.Context(), []string{"c1"}); err == nil {
					t.Errorf("Claim = %v", claims)
				}
				r.line.fault(nil, nil)
				if !claim(t, r, "c1").Mine {
					t.Error("what failed for certain is not given when it is asked for again")
				}
			})
		})
	}
}

// Two replicas announce the same id at once and see each other: neither gets it. Later one does.
func TestClaimsThatMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		replicas := []*replica{start(t, m, b), start(t, m, b)}
		var announced, read sync.WaitGroup
		announced.Add(len(replicas))
		read.Add(len(replicas))
		for _, r := range replicas {
			meet := map[string]func(){
				"transact": sync.OnceFunc(func() { announced.Done(); announced.Wait() }),
				"get":      sync.OnceFunc(func() { read.Done(); read.Wait() }),
			}
			r.line.fault(nil, func(op string, keys []string) error {
				if strings.HasPrefix(keys[0], "claims/") {
					meet[op]()
				}
				return nil
			})
		}
		var wg sync.WaitGroup
		for _, r := range replicas {
			wg.Go(func() {
				if c := claim(t, r, "c1"); c.Mine || c.Booked != nil {
					t.Errorf("both announced, and one got %+v", c)
				}
			})
		}
		wg.Wait()
		if !claim(t, replicas[0], "c1").Mine {
			t.Error("both withdrew, and the next does not get it")
		}
	})
}

// Replicas claim, book and give up at random: no id is ever two replicas' at once, and none is
// anybody's once it is booked.
func TestNeverTwoReplicas(t *testing.T) {
	t.Parallel()
	for seed := range 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, neverTwoReplicas)
		})
	}
}

func neverTwoReplicas(t *testing.T) {
	m, b := newMemory(), &broker{}
	const ids, rounds = 4, 60
	var mu sync.Mutex
	owner, isBooked, given := make(map[string]int), make(map[string]bool), 0
	var wg sync.WaitGroup
	for n := range 3 {
		r := start(t, m, b)
		wg.Go(func() {
			for round := range rounds {
				// Early rounds meet on few ids; so later ones are not all booked.
				id := fmt.Sprintf("c%d", round/10*ids+rand.N(ids))
				c := claim(t, r, id)
				if !c.Mine {
					time.Sleep(rand.N(2 * time.Millisecond))
					continue
				}
				mu.Lock()
				if other, taken := owner[id]; taken || isBooked[id] {
					t.Errorf("replica %d got %s; replica %d has it %t, booked %t", n, id, other, taken, isBooked[id])
				}
				owner[id] = n
				given++
				mu.Unlock()
				time.Sleep(rand.N(2 * time.Millisecond))
				if rand.N(2) == 0 {
					if err := r.Commit(context.Background(), inTime, alone(booked(id, "cust001"))); err != nil {
						t.Error(err)
					}
					mu.Lock()
					delete(owner, id)
					isBooked[id] = true
					mu.Unlock()
					r.Unclaim(context.Background(), []string{id}, nil)
				} else {
					mu.Lock()
					delete(owner, id)
					mu.Unlock()
					r.Unclaim(context.Background(), nil, []string{id})
				}
			}
		})
	}
	wg.Wait()
	if given == 0 || len(isBooked) == 0 {
		t.Errorf("%d claims were given, %d booked: nothing was tried", given, len(isBooked))
	}
}

// The same request through two processes, 25 callers each: it is booked once, and all get it.
func TestTwoProcessesBookOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		room := &yes{}
		var processes []*consignment.Bookings
		for range 2 {
			processes = append(processes, consignment.NewBookings(consignment.Config{
				Vessels: room, Depots: room, Store: start(t, m, b), Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			}))
		}
		results := make([]consignment.Result, 50)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				results[i] = processes[i%2].Create(t.Context(), []consignment.Order{{
					Customer: "cust001", Weight: 1, RequestID: "r", Containers: []consignment.Container{{Origin: "Derby"}},
				}})[0]
			})
		}
		wg.Wait()
		for i, r := range results {
			if r.Err != nil || !reflect.DeepEqual(r.Consignment, results[0].Consignment) {
				t.Errorf("caller %d got %+v, %v; caller 0 got %+v", i, r.Consignment, r.Err, results[0].Consignment)
			}
		}
		// One hold each for room and containers.
		if rows := m.keys("consignment/"); len(rows) != 1 || room.holds != 2 {
			t.Errorf("booked %q with %d holds", rows, room.holds)
		}
		if ids, _, err := processes[0].Page(t.Context(), "", 0, ""); err != nil || len(ids) != 1 {
			t.Errorf("listed %v, %v", ids, err)
		}
	})
}

// yes gives everybody everything.
type yes struct {
	mu    sync.Mutex
	holds int
}

func (y *yes) Hold(_ context.Context, lots []*consignment.Lot) []error {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, l := range lots {
		y.holds++
		l.Vessel, l.Expires = "vessel001", time.Now().Add(time.Minute)
	}
	return make([]error, len(lots))
}

func (y *yes) Abandon(context.Context, []*consignment.Lot) error { return nil }

func (y *yes) Release(context.Context, []*consignment.Consignment) error { return nil }

// Who takes a dead replica's seat over leaves alone what a living one announces under the same number by then.
func TestSuccessorLeavesClaimsOfTheLivingAlone(t *testing.T) {
	for term, stays := range map[string]bool{"of a living one": true, "": false} {
		t.Run(term, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, b := newMemory(), &broker{}
				dead := start(t, m, b) // seat 0
				successor := start(t, m, b)
				dead.die()
				m.mu.Lock()
				m.set("claims/0", []byte(`{"term":"`+term+`","until":{"c0":1}}`))
				m.mu.Unlock()
				time.Sleep(10 * time.Second) // five leases
				m.mu.Lock()
				_, there := m.rows["claims/0"]
				m.mu.Unlock()
				if there != stays || successor.Ready(t.Context()) != nil {
					t.Errorf("claims of term %q are there: %t, want %t", term, there, stays)
				}
			})
		})
	}
}
