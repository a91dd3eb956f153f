package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seaport.example/services/internal/deadletter"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/notification/internal/topic"
)

// office returns the dead letters of a replica.
func (r *replica) office() *deadletter.Office {
	return deadletter.New(deadletter.Config{
		App: "notification", State: r.of.State(sidecartest.StateStore), Handlers: r.handle, Own: topic.NewGivenUp(r.notices),
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

// refusing returns a mail server that takes all while what is returned is false, and refuses all while it is true.
func refusing(fake *sidecartest.Fake) *atomic.Bool {
	refuses := &atomic.Bool{}
	refuses.Store(true)
	fake.Bind("mailer", func(d sidecartest.Delivery) ([]byte, map[string]string, error) {
		if refuses.Load() {
			return []byte("550 closed"), map[string]string{"statusCode": "422"}, nil
		}
		return takes(d)
	})
	return refuses
}

// bury waits for so many e-mails to be given up, delivers all that told of one, and returns the ids of the letters.
func bury(t *testing.T, fake *sidecartest.Fake, o *deadletter.Office, given int) (ids []string) {
	t.Helper()
	sidecartest.Await(t, "it is given up", func() bool { return len(fake.Events()) == given && len(fake.Keys("outbox/")) == 0 })
	if err := errors.Join(o.Handlers()[event.NotificationDead](context.WithoutCancel(t.Context()), fake.Events())...); err != nil {
		t.Fatal(err)
	}
	letters, _, err := o.Page(context.WithoutCancel(t.Context()), 0, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range letters {
		if !strings.Contains(l.Reason, `"Your booking is confirmed" to u1@example.com: refused: 550 closed`) {
			t.Errorf("the reason is %q", l.Reason)
		}
		ids = append(ids, l.ID)
	}
	return ids
}

// An e-mail that was given up is sent by a replay; one that fails again is a dead letter again; however often it is
// replayed, and by however many at once, it is sent once.
func TestReplayedEmail(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, logs *journal) {
		refuses := refusing(fake)
		one, two := start(t, fake, logs), start(t, fake, logs)
		one.deliver(t, booked(t, "c1"))
		first := bury(t, fake, one.office(), 1)
		if len(first) != 1 {
			t.Fatalf("letters %q", first)
		}
		if reasons, err := one.office().Replay(t.Context(), first); err != nil || reasons[0] != "" {
			t.Fatalf("%q, %v", reasons, err)
		}
		second := bury(t, fake, two.office(), 2) // the first is told of late, too
		if len(second) != 1 || second[0] == first[0] {
			t.Fatalf("letters %q after %q", second, first)
		}
		refuses.Store(false)
		refused := len(fake.Deliveries())
		var wg sync.WaitGroup
		for _, r := range []*replica{one, two, one, two} {
			wg.Go(func() {
				if reasons, err := r.office().Replay(t.Context(), append(second, first...)); err != nil || reasons[0]+reasons[1] != "" {
					t.Errorf("%q, %v", reasons, err)
				}
			})
		}
		wg.Wait()
		sidecartest.Await(t, "it is sent", func() bool { return len(fake.Deliveries()) > refused && len(fake.Keys("outbox/")) == 0 })
		if left := bury(t, fake, one.office(), 2); len(left) != 0 { // told of late
			t.Errorf("letters %q", left)
		}
		if ids := messageIDs(t, fake); len(ids) != 1 || len(fake.Deliveries()) != refused+1 {
			t.Errorf("%v after %d that were refused", ids, refused)
		}
		page, _, err := one.notices.Page(t.Context(), 0, "")
		if err != nil || len(page) != 1 || page[0].Status != "sent" || page[0].Attempts != 2 {
			t.Errorf("listed are %+v, %v", page, err)
		}
	})
}

// The replica dies at each step of a replay: another replay, by another replica, has the e-mail sent once.
func TestDeathWhileReplayed(t *testing.T) {
	for name, c := range map[string]struct {
		op    sidecartest.Op
		key   string
		after bool
	}{
		"before the claim":         {sidecartest.Put, "inbox/again/", false},
		"after the claim":          {sidecartest.Put, "inbox/again/", true},
		"before the commit":        {sidecartest.Transact, "email/", false},
		"after the commit":         {sidecartest.Transact, "email/", true},
		"before the letter goes":   {sidecartest.Transact, "dead/", false},
		"after the letter is gone": {sidecartest.Transact, "dead/", true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake, logs *journal) {
				refuses := refusing(fake)
				dying, heir := start(t, fake, logs), start(t, fake, logs)
				dying.deliver(t, booked(t, "c1"))
				letters := bury(t, fake, dying.office(), 1)
				refuses.Store(false)
				refused := len(fake.Deliveries())
				var died atomic.Bool
				revive := func() {}
				kill := func(ctx context.Context, call sidecartest.Call) error {
					if died.CompareAndSwap(false, true) {
						revive = fake.Inject(sidecartest.Fault{Sidecar: dying.of, Before: sidecartest.Away})
					}
					return sidecartest.Away(ctx, call)
				}
				fault := sidecartest.Fault{Op: c.op, Key: c.key, Sidecar: dying.of, Before: kill}
				if c.after {
					fault.Before, fault.After = nil, kill
				}
				fake.Inject(fault)
				if reasons, err := dying.office().Replay(t.Context(), letters); !died.Load() || err == nil && reasons[0] == "" {
					t.Errorf("it did not die: %q, %v", reasons, err)
				}
				defer func() { revive() }()
				sidecartest.Await(t, "another replays it", func() bool {
					reasons, err := heir.office().Replay(context.WithoutCancel(t.Context()), letters)
					return err == nil && reasons[0] == ""
				})
				sidecartest.Await(t, "it is sent", func() bool { return len(fake.Deliveries()) > refused && len(fake.Keys("outbox/")) == 0 })
				if len(fake.Deliveries()) != refused+1 || len(messageIDs(t, fake)) != 1 {
					t.Errorf("%d deliveries, %d refused", len(fake.Deliveries()), refused)
				}
				if left := bury(t, fake, heir.office(), 1); len(left) != 0 || !bytes.Contains(fake.Value(fake.Keys("email/")[0]), []byte(`"sent"`)) {
					t.Errorf("letters %q", left)
				}
			})
		})
	}
}
