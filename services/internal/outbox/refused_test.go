package outbox_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// picky is a broker that answers each event with an error of its own.
type picky struct {
	mu     sync.Mutex
	answer func(e sidecar.Event) error
	took   []string
}

func (p *picky) Publish(_ context.Context, _ string, events []sidecar.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range events {
		if err := p.answer(e); err != nil {
			return err
		}
	}
	for _, e := range events {
		p.took = append(p.took, e.ID)
	}
	return nil
}

func (p *picky) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.took)
}

func (p *picky) will(answer func(e sidecar.Event) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// letters notes what is left with the dead letters.
type letters struct {
	mu       sync.Mutex
	fails    bool
	attempts map[string]int
}

func (l *letters) KeepUnpublished(_ context.Context, e sidecar.Event, _ error, attempts int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails {
		return status.Error(codes.Unavailable, "no store")
	}
	l.attempts[e.ID] = attempts
	return nil
}

func (l *letters) of(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempts[id]
}

func newPicky(t *testing.T, fake *sidecartest.Fake, answer func(e sidecar.Event) error) (*replica, *picky, *letters) {
	t.Helper()
	s := fake.Sidecar(t)
	broker, dead := &picky{answer: answer}, &letters{attempts: make(map[string]int)}
	r := &replica{of: s, Outbox: outbox.New(outbox.Config{
		State: s.State(sidecartest.StateStore), Publisher: broker, DeadLetters: dead, Doubt: doubt, Log: slog.New(slog.DiscardHandler),
		Apply: func(context.Context, []sidecar.Event) error { return nil },
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(r.stop)
	return r, broker, dead
}

var (
	errTooLarge     = status.Error(codes.Internal, "nats: maximum payload exceeded")
	errMissingTopic = status.Error(codes.Internal, "nats: no response from stream")
	errBrokerAway   = status.Error(codes.Internal, "nats: connection closed")
)

// commitTo commits an event to a topic.
func (r *replica) commitTo(t *testing.T, topic, id string) {
	t.Helper()
	if err := r.Commit(t.Context(), here, nil, []sidecar.Event{{ID: id, Topic: topic, Type: "test", ContentType: "application/json", Data: []byte("{}")}}); err != nil {
		t.Fatalf("commit %s: %v", id, err)
	}
}

// An event that the broker refuses holds up no other, is tried a few times, and is then a dead letter.
func TestRefusedEvent(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r, broker, dead := newPicky(t, fake, func(e sidecar.Event) error {
			if e.ID == "big" {
				return errTooLarge
			}
			return nil
		})
		for _, id := range []string{"a", "big", "b"} {
			r.commitTo(t, topic, id)
		}
		r.commitTo(t, "harbour.horn", "c")
		time.Sleep(quiet)
		got := slices.Sorted(slices.Values(broker.taken()))
		if !slices.Equal(got, []string{"a", "b", "c"}) || dead.of("big") != 5 || len(dead.attempts) != 1 {
			t.Errorf("published %q, dead letters %v; want a, b, c, and big after 5 attempts", got, dead.attempts)
		}
		if left := rows(fake); len(left) != 0 || !r.Drained(time.Second) {
			t.Errorf("left are %q", left)
		}
	})
}

// A topic that is missing holds up no other topic, and only what it goes on refusing for a minute is a dead letter.
func TestMissingTopic(t *testing.T) {
	for name, comes := range map[string]bool{"comes to be": true, "stays away": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				began := time.Now()
				r, broker, dead := newPicky(t, fake, func(e sidecar.Event) error {
					if e.Topic == topic && (!comes || time.Since(began) < 30*time.Second) {
						return errMissingTopic
					}
					return nil
				})
				r.commitTo(t, topic, "bell")
				r.commitTo(t, "harbour.horn", "horn")
				time.Sleep(time.Second)
				if got := broker.taken(); !slices.Equal(got, []string{"horn"}) {
					t.Errorf("after a second published are %q, want the other topic's", got)
				}
				time.Sleep(2 * time.Minute)
				if slices.Contains(broker.taken(), "bell") != comes || (dead.of("bell") >= 5) == comes {
					t.Errorf("published %q, dead letters %v", broker.taken(), dead.attempts)
				}
				if left := rows(fake); len(left) != 0 {
					t.Errorf("left are %q", left)
				}
			})
		})
	}
}

// A broker that is away refuses nothing, however long that lasts.
func TestBrokerAwayRefusesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r, broker, dead := newPicky(t, fake, func(sidecar.Event) error { return errBrokerAway })
		for _, id := range []string{"a", "b", "c"} {
			r.commitTo(t, topic, id)
		}
		time.Sleep(time.Hour)
		if len(dead.attempts) != 0 || len(rows(fake)) != 3 {
			t.Errorf("dead letters %v, rows %q", dead.attempts, rows(fake))
		}
		broker.will(func(sidecar.Event) error { return nil })
		time.Sleep(quiet)
		if got := broker.taken(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("published %q, want all in their order", got)
		}
	})
}

// What the dead letters cannot take stays in the outbox, and a dead replica's refused event is kept by its successor.
func TestRefusedEventIsNotLost(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		refuse := func(sidecar.Event) error { return errTooLarge }
		dying, _, dead := newPicky(t, fake, refuse)
		dead.fails = true
		dying.commitTo(t, topic, "big")
		time.Sleep(time.Minute)
		if len(rows(fake)) != 1 {
			t.Errorf("rows %q, want that of the event that nobody kept", rows(fake))
		}
		dying.stop()
		successor, _, kept := newPicky(t, fake, refuse)
		if err := successor.Finish(t.Context(), here); err != nil {
			t.Fatal(err)
		}
		if kept.of("big") != 5 || len(rows(fake)) != 0 {
			t.Errorf("dead letters %v, rows %q", kept.attempts, rows(fake))
		}
	})
}
