package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	eventv1 "seaport.example/proto/seaport/event/v1"
	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/consignment/internal/store"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
)

var errAway = errors.New("the store is away")

// The tests here run in a bubble (testing/synctest): time passes when everybody waits.

// replica is one process of the service.
type replica struct {
	*store.Store

	line *line
	stop context.CancelFunc
}

// start runs a replica until the test ends or it is stopped.
func start(t *testing.T, m *memory, b *broker) *replica {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &replica{line: m.line()}
	r.Store = store.New(store.Config{
		State: r.line, Publisher: b, Lease: 2 * time.Second, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	done := make(chan struct{})
	go func() { _ = r.Run(ctx); close(done) }()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(func() {
		r.line.fault(nil, nil)
		r.stop()
		time.Sleep(15 * time.Second) // what is tried until it succeeds now does
	})
	eventually(t, "a replica gets its seat", func() bool { return r.Ready(ctx) == nil })
	return r
}

// inTime is a time that no commit here comes after.
var inTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// alone is consignments that each have holds to themselves.
func alone(consignments ...*consignment.Consignment) []*consignment.Lot {
	lots := make([]*consignment.Lot, len(consignments))
	for i, c := range consignments {
		lots[i] = &consignment.Lot{ID: c.ID, Bookings: []*consignment.Booking{{Consignment: *c}}, Vessel: c.Vessel}
	}
	return lots
}

// die cuts a replica off from the store, as if it were gone.
func (r *replica) die() {
	r.line.fault(func(string, []string) error { return errAway }, nil)
}

// eventually waits for a condition; in a bubble that takes no time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not happen", what)
		}
	}
}

func code(err error) string {
	if err == nil {
		return "OK"
	}
	return failure.From(err).Code().String()
}

// booked is a consignment to commit.
func booked(id, customer string) *consignment.Consignment {
	now := time.Now().UTC()
	return &consignment.Consignment{
		ID: id, Customer: customer, Description: "tea", Weight: 550, Vessel: "vessel001", Status: consignment.Booked,
		Containers: []consignment.Container{{ID: id + "-1", Origin: "Derby"}, {ID: id + "-2", Origin: "Derby"}},
		CreateTime: now, UpdateTime: now,
	}
}

func TestCommitIsOneTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		one, two := booked("c1", "cust001"), booked("c2", "cust002")
		if err := r.Commit(t.Context(), inTime, alone(one, two)); err != nil {
			t.Fatal(err)
		}
		if !m.inOne("consignment/c1", "consignment/c2", "list/consignment/all/", "list/consignment/customer.cust001/",
			"list/consignment/customer.cust002/", "outbox/") {
			t.Errorf("rows, lists and events are not in one transaction: %q", m.transactions)
		}
		if got, err := r.Get(t.Context(), "c1"); err != nil || !reflect.DeepEqual(&got, one) {
			t.Errorf("Get = %+v, %v; want %+v", got, err, one)
		}
		eventually(t, "the events are published", func() bool {
			return slices.Equal(b.ids(), []string{"c1.booked", "c2.booked"})
		})
		eventually(t, "the outbox is empty", func() bool { return len(m.keys("outbox/")) == 0 })

		var payload eventv1.ConsignmentBooked
		first := b.taken[slices.IndexFunc(b.taken, func(e sidecar.Event) bool { return e.ID == "c1.booked" })]
		if err := event.Decode(first, &payload); err != nil || first.Topic != event.ConsignmentBooked ||
			payload.GetConsignmentId() != "c1" || payload.GetVesselId() != "vessel001" || payload.GetWeight() != 550 ||
			len(payload.GetPickups()) != 1 || payload.GetPickups()[0].GetOrigin() != "Derby" || payload.GetPickups()[0].GetContainers() != 2 {
			t.Errorf("published %s %v, %v", first.Topic, &payload, err)
		}
	})
}

func TestPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		replicas := []*replica{start(t, m, b), start(t, m, b)}
		customers := []string{"cust001", "a/b", "ü %", "customer.cust001"}
		var all []string
		for i := range 40 { // the replicas take turns
			time.Sleep(time.Millisecond)
			c := booked(fmt.Sprintf("c%02d", i), customers[i%len(customers)])
			if err := replicas[i%2].Commit(t.Context(), inTime, alone(c)); err != nil {
				t.Fatal(err)
			}
			all = append([]string{c.ID}, all...)
		}
		for n, customer := range append([]string{""}, customers...) {
			want := all
			if customer != "" {
				want = nil
				for i := 39; i >= 0; i-- {
					if i%len(customers) == n-1 {
						want = append(want, fmt.Sprintf("c%02d", i))
					}
				}
			}
			var got []string
			for token, first := "", true; first || token != ""; first = false {
				ids, next, err := replicas[n%2].Page(t.Context(), customer, 3, token)
				if err != nil || len(ids) > 3 {
					t.Fatalf("Page(%q) = %q, %v", customer, ids, err)
				}
				got, token = append(got, ids...), next
			}
			if !slices.Equal(got, want) {
				t.Errorf("customer %q: %q, want %q", customer, got, want)
			}
		}
		if _, _, err := replicas[0].Page(t.Context(), "", 3, "tampered"); code(err) != "InvalidArgument" {
			t.Errorf("tampered token: %v", err)
		}
	})
}

func TestCommitFails(t *testing.T) {
	t.Parallel()
	outbox := func(op string, keys []string) error {
		if op == "transact" && slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, "outbox/") }) {
			return errAway
		}
		return nil
	}
	for _, c := range []struct {
		name          string
		before, after func(op string, keys []string) error
		code          string
		stored        bool
	}{
		{name: "before it is carried out", before: outbox, code: "Unavailable"},
		{name: "after, and the row tells", after: outbox, code: "OK", stored: true},
		{name: "after, and nobody can tell", code: "Unavailable", stored: true, after: func(op string, keys []string) error {
			if strings.HasPrefix(keys[0], "outbox/") {
				return errAway // looking for the row fails, too
			}
			return outbox(op, keys)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, b := newMemory(), &broker{}
				r := start(t, m, b)
				if err := r.Commit(t.Context(), inTime, alone(booked("c0", "cust001"))); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the outbox is empty", func() bool { return len(m.keys("outbox/")) == 0 })
				r.line.fault(c.before, c.after)
				err := r.Commit(t.Context(), inTime, alone(booked("c1", "cust001")))
				if code(err) != c.code || len(m.keys("consignment/c1")) == 1 != c.stored {
					t.Errorf("Commit = %v, rows %q; want %s, stored %t", err, m.keys("consignment/"), c.code, c.stored)
				}
				r.line.fault(nil, nil)
				time.Sleep(time.Millisecond)
				if err := r.Commit(t.Context(), inTime, alone(booked("c2", "cust001"))); err != nil {
					t.Fatal(err)
				}
				// What is stored is listed and announced, and nothing else is.
				want := []string{"c2", "c0"}
				if c.stored {
					want = []string{"c2", "c1", "c0"}
				}
				if ids, _, err := r.Page(t.Context(), "cust001", 0, ""); err != nil || !slices.Equal(ids, want) {
					t.Errorf("listed %q, %v; want %q", ids, err, want)
				}
				eventually(t, "what is stored is announced", func() bool { return len(b.ids()) == len(want) })
				eventually(t, "the outbox is empty", func() bool { return len(m.keys("outbox/")) == 0 })
			})
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		c := booked("c1", "cust001")
		if err := r.Commit(t.Context(), inTime, alone(c)); err != nil {
			t.Fatal(err)
		}
		for _, reason := range []string{"first", "second"} { // two at once: the first counts
			if err := r.Cancel(t.Context(), c, reason); err != nil {
				t.Fatal(err)
			}
			got, err := r.Get(t.Context(), "c1")
			if err != nil || got.Status != consignment.Cancelled || got.StatusReason != "first" || !got.UpdateTime.After(c.CreateTime) {
				t.Errorf("after Cancel(%s): %+v, %v", reason, got, err)
			}
		}
		eventually(t, "it is announced", func() bool { return slices.Equal(b.ids(), []string{"c1.booked", "c1.cancelled"}) })
		var payload eventv1.ConsignmentCancelled
		last := b.taken[slices.IndexFunc(b.taken, func(e sidecar.Event) bool { return e.ID == "c1.cancelled" })]
		if err := event.Decode(last, &payload); err != nil || last.Topic != event.ConsignmentCancelled || payload.GetReason() != "first" ||
			payload.GetVesselId() != "vessel001" || payload.GetPickups()[0].GetContainers() != 2 {
			t.Errorf("announced %s %v, %v", last.Topic, &payload, err)
		}
	})
}

func TestCancelFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		c := booked("c1", "cust001")
		if err := r.Commit(t.Context(), inTime, alone(c)); err != nil {
			t.Fatal(err)
		}
		r.line.fault(func(op string, _ []string) error {
			if op == "transact" {
				return errAway
			}
			return nil
		}, nil)
		if err := r.Cancel(t.Context(), c, "r"); code(err) != "Unavailable" {
			t.Errorf("Cancel = %v, want Unavailable", err)
		}
		r.line.fault(nil, nil)
		if got, err := r.Get(t.Context(), "c1"); err != nil || got.Status != consignment.Booked {
			t.Errorf("after a failed Cancel: %+v, %v", got, err)
		}
	})
}

// A replica dies between the commit of a cancellation and carrying it out. Another carries it out.
func TestFinishAfterACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		doomed := start(t, m, b)
		c := booked("c1", "cust001")
		if err := doomed.Commit(t.Context(), inTime, alone(c)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the outbox is empty", func() bool { return len(m.keys("outbox/")) == 0 })
		if claims, err := doomed.Claim(t.Context(), []string{"c2"}); err != nil || !claims[0].Mine {
			t.Fatalf("Claim = %v, %v", claims, err)
		}

		doomed.line.fault(nil, func(op string, keys []string) error {
			if op == "transact" {
				doomed.die()
			}
			return nil
		})
		if err := doomed.Cancel(t.Context(), c, "crash"); err != nil {
			t.Fatal(err)
		}
		if len(m.keys("outbox/")) != 1 {
			t.Fatalf("outbox: %q", m.keys("outbox/"))
		}
		heir := start(t, m, b)
		if got, err := heir.Get(t.Context(), "c1"); err != nil || got.Status != consignment.Booked {
			t.Fatalf("carried out before the crash: %+v, %v", got, err)
		}
		eventually(t, "the cancellation is carried out", func() bool {
			got, err := heir.Get(t.Context(), "c1")
			return err == nil && got.Status == consignment.Cancelled && got.StatusReason == "crash"
		})
		eventually(t, "it is announced", func() bool { return slices.Contains(b.ids(), "c1.cancelled") })
		eventually(t, "the dead replica's outbox and claims are gone", func() bool { return len(m.keys("outbox/"))+len(m.keys("claims/0")) == 0 })
		if claims, err := heir.Claim(t.Context(), []string{"c2"}); err != nil || !claims[0].Mine {
			t.Errorf("what the dead replica was booking: %v, %v; want it to be free", claims, err)
		}
	})
}

// The broker is away: bookings go on, and what was announced comes when it is back.
func TestBrokerAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{err: errAway}
		r := start(t, m, b)
		for _, id := range []string{"c1", "c2"} {
			if err := r.Commit(t.Context(), inTime, alone(booked(id, "cust001"))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		if len(m.keys("outbox/")) != 2 {
			t.Errorf("outbox: %q, want both events kept", m.keys("outbox/"))
		}
		b.mu.Lock()
		b.err = nil
		b.mu.Unlock()
		eventually(t, "the events are published", func() bool { return slices.Equal(b.ids(), []string{"c1.booked", "c2.booked"}) })
	})
}

// A replica that stops in order leaves nothing behind.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		if err := r.Commit(t.Context(), inTime, alone(booked("c1", "cust001"))); err != nil {
			t.Fatal(err)
		}
		r.stop()
		if !slices.Equal(b.ids(), []string{"c1.booked"}) || len(m.keys("outbox/")) != 0 {
			t.Errorf("published %q, left %q", b.ids(), m.keys("outbox/"))
		}
		if seats := string(m.read("seats").Data); strings.Contains(seats, "term") {
			t.Errorf("the seat is still taken: %s", seats)
		}
	})
}

// A replica that is cut off for longer than its claim lasts writes nothing when it is back: meanwhile another one
// made the booking, and its customer cancelled it.
func TestStalledReplicaCommitsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		stalled, other := start(t, m, b), start(t, m, b)
		c := booked("c0", "cust001")
		back := time.Now().Add(30 * time.Second)
		stalled.line.fault(func(string, []string) error {
			if time.Now().Before(back) {
				return errAway
			}
			return nil
		}, nil)
		time.Sleep(3 * time.Second) // its seat is no longer fresh: the commit waits for one
		late := make(chan error, 1)
		go func() { late <- stalled.Commit(context.Background(), time.Now().Add(10*time.Second), alone(c)) }()
		time.Sleep(10 * time.Second)
		if err := other.Commit(t.Context(), inTime, alone(c)); err != nil {
			t.Fatal(err)
		}
		if err := other.Cancel(t.Context(), c, "ordered twice"); err != nil {
			t.Fatal(err)
		}
		if err := <-late; err == nil {
			t.Error("the late commit is answered with success")
		}
		time.Sleep(10 * time.Second)
		got, err := other.Get(t.Context(), c.ID)
		if err != nil || got.Status != consignment.Cancelled {
			t.Errorf("the consignment is %v, %v; want cancelled", got.Status, err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.taken) != 2 { // booked, cancelled
			t.Errorf("announced are %v", b.taken)
		}
	})
}

// A commit waits for those before it, but not for longer than its caller does.
func TestCommitGivesUpWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newMemory(), &broker{})
		r.die()
		time.Sleep(3 * time.Second)
		first, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		go func() { _ = r.Commit(first, inTime, alone(booked("c0", "cust001"))) }()
		time.Sleep(time.Second)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := r.Commit(ctx, inTime, alone(booked("c1", "cust001"))); err == nil || time.Since(began) > 3*time.Second {
			t.Errorf("Commit = %v after %s", err, time.Since(began))
		}
		cancel()
	})
}
