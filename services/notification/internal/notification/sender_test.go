package notification_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/notification/internal/notification"
)

// office is a mail server and the dead letters.
type office struct {
	mu       sync.Mutex
	answer   func(id string, attempt int) error // nil: takes all
	tried    map[string]int
	taken    []string
	buried   []notification.Email
	buryFail int // so many times
	delay    time.Duration
}

func (o *office) Send(_ context.Context, e *notification.Email) error {
	time.Sleep(o.delay)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tried == nil {
		o.tried = make(map[string]int)
	}
	o.tried[e.ID]++
	if o.answer != nil {
		if err := o.answer(e.ID, o.tried[e.ID]); err != nil {
			return err
		}
	}
	o.taken = append(o.taken, e.ID)
	return nil
}

func (o *office) Bury(_ context.Context, e *notification.Email) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buryFail > 0 {
		o.buryFail--
		return errAway
	}
	o.buried = append(o.buried, *e)
	return nil
}

func newSender(b *book, o *office) *notification.Sender {
	return notification.NewSender(notification.SenderConfig{
		Emails: b, Mailer: o, Dead: o, Attempts: 4, Pause: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func pending(b *book, ids ...string) {
	for _, id := range ids {
		b.emails[id] = notification.Email{ID: id, Status: notification.Pending}
	}
}

func TestDeliver(t *testing.T) {
	refused := fmt.Errorf("%w: no such mailbox", notification.ErrRefused)
	for name, c := range map[string]struct {
		answer   func(id string, attempt int) error
		puts     func() func() error // of the store; nil: they succeed
		buryFail int
		status   notification.Status
		tried    int
		attempts int
		buried   int
		took     time.Duration
	}{
		"taken":            {status: notification.Sent, tried: 1},
		"later taken":      {answer: firstly(2, errAway), status: notification.Sent, tried: 3, attempts: 2, took: 3 * time.Second},
		"never taken":      {answer: firstly(99, errAway), status: notification.Failed, tried: 4, attempts: 4, buried: 1, took: 7 * time.Second},
		"refused":          {answer: firstly(99, refused), status: notification.Failed, tried: 1, attempts: 1, buried: 1},
		"sidecar away":     {answer: firstly(20, notification.ErrUnreached), status: notification.Sent, tried: 21, took: 10 * time.Second},
		"dead letter late": {answer: firstly(99, refused), buryFail: 3, status: notification.Failed, tried: 1, attempts: 1, buried: 1, took: 1500 * time.Millisecond},
		// What was taken is not sent again because the store is away for a while.
		"not marked at once": {puts: failing(3), status: notification.Sent, tried: 1, took: 1500 * time.Millisecond},
		"given up, not marked at once": {answer: firstly(99, refused), puts: func() func() error {
			n := 0
			return func() error {
				if n++; n == 2 {
					return errAway
				}
				return nil
			}
		}, status: notification.Failed, tried: 1, attempts: 1, buried: 2, took: 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, o := newBook(), &office{answer: c.answer, buryFail: c.buryFail}
				pending(b, "id1")
				if c.puts != nil {
					b.puts = c.puts()
				}
				began := time.Now()
				if err := newSender(b, o).Deliver(t.Context(), "id1"); err != nil {
					t.Fatal(err)
				}
				e := b.emails["id1"]
				if e.Status != c.status || o.tried["id1"] != c.tried || e.Attempts != c.attempts || len(o.buried) != c.buried || time.Since(began) != c.took {
					t.Errorf("%+v, tried %d, buried %d, took %s", e, o.tried["id1"], len(o.buried), time.Since(began))
				}
				if (e.Reason != "") != (c.attempts > 0) || e.SendTime.IsZero() == (e.Status == notification.Sent) {
					t.Errorf("%+v", e)
				}
				for _, dead := range o.buried {
					if dead.Status != notification.Failed || dead.Attempts != c.attempts || dead.Reason == "" {
						t.Errorf("buried %+v", dead)
					}
				}
			})
		})
	}
}

// firstly fails so many times.
func firstly(times int, err error) func(string, int) error {
	return func(_ string, attempt int) error {
		if attempt <= times {
			return err
		}
		return nil
	}
}

func failing(times int) func() func() error {
	return func() func() error {
		left := times
		return func() error {
			if left--; left >= 0 {
				return errAway
			}
			return nil
		}
	}
}

// What was sent, given up or is not there is left alone.
func TestNothingToDeliver(t *testing.T) {
	t.Parallel()
	b, o := newBook(), &office{}
	b.emails["sent"] = notification.Email{ID: "sent", Status: notification.Sent}
	b.emails["failed"] = notification.Email{ID: "failed", Status: notification.Failed}
	for _, id := range []string{"sent", "failed", "missing"} {
		if err := newSender(b, o).Deliver(t.Context(), id); err != nil || len(o.taken)+len(o.buried) != 0 {
			t.Errorf("%s: %v, %v", id, err, o.taken)
		}
	}
}

// Attempts outlive the process that made them.
func TestAttemptsAreKept(t *testing.T) {
	t.Parallel()
	b, o := newBook(), &office{answer: firstly(99, errAway)}
	b.emails["id1"] = notification.Email{ID: "id1", Status: notification.Pending, Attempts: 4, Reason: "busy"}
	if err := newSender(b, o).Deliver(t.Context(), "id1"); err != nil || o.tried["id1"] != 0 || len(o.buried) != 1 || b.emails["id1"].Status != notification.Failed {
		t.Errorf("%v, tried %d, %+v", err, o.tried["id1"], b.emails["id1"])
	}
}

// Many who are to send one e-mail send it once; one that fails is in nobody's way; all end with the context.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBook()
		o := &office{answer: func(id string, _ int) error {
			if id == "bad" {
				return errAway
			}
			return nil
		}, delay: time.Millisecond}
		pending(b, "bad", "good", "other")
		s := newSender(b, o)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := s.Deliver(ctx, "bad"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("bad: %v", err)
				}
			})
			for _, id := range []string{"good", "other"} {
				wg.Go(func() {
					if err := s.Deliver(ctx, id); err != nil {
						t.Errorf("%s: %v", id, err)
					}
				})
			}
		}
		wg.Wait()
		if o.tried["good"] != 1 || o.tried["other"] != 1 || o.tried["bad"] != 2 {
			t.Errorf("tried %v", o.tried)
		}
	})
}

// What is taken up again has as many attempts as at first, with the same pauses; what was tried before is counted.
func TestTakenUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, o := newBook(), &office{answer: firstly(3, errAway)}
		b.emails["id1"] = notification.Email{ID: "id1", Status: notification.Pending, Attempts: 4, Spent: 4, Reason: "busy"}
		began := time.Now()
		if err := newSender(b, o).Deliver(t.Context(), "id1"); err != nil {
			t.Fatal(err)
		}
		if e := b.emails["id1"]; e.Status != notification.Sent || e.Attempts != 7 || time.Since(began) != 7*time.Second {
			t.Errorf("%+v after %s", e, time.Since(began))
		}
	})
}

// One that is taken up again while it is being given up is not failed by that.
func TestTakenUpWhileGivenUp(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.emails["id1"] = notification.Email{ID: "id1", Status: notification.Pending, Attempts: 4}
	o := &office{}
	n := 0
	b.puts = func() error { // the first is that it failed
		if n++; n == 1 {
			b.emails["id1"] = notification.Email{ID: "id1", Status: notification.Pending, Attempts: 4, Spent: 4}
		}
		return nil
	}
	if err := newSender(b, o).Deliver(t.Context(), "id1"); err != nil || b.emails["id1"].Status != notification.Pending || len(o.buried) != 1 {
		t.Errorf("%v, %+v, buried %d", err, b.emails["id1"], len(o.buried))
	}
}
