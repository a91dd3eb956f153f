package notification

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// ErrRefused says that the mail server will not take an e-mail however often it is asked.
var ErrRefused = errors.New("refused")

// ErrUnreached says that the e-mail did not get as far as the mail server: that is no attempt.
var ErrUnreached = errors.New("not reached")

// Mailer hands e-mails to a mail server.
type Mailer interface {
	// Send returns nil once the server took it. Errors: [ErrRefused], [ErrUnreached]; after any other the server
	// may have taken it.
	Send(ctx context.Context, e *Email) error
}

// Emails is where what is to be sent is kept.
type Emails interface {
	// Get returns an e-mail; the zero one when there is none.
	Get(ctx context.Context, id string) (Email, error)
	// Update changes an e-mail and returns it as stored. The change may run several times; when it returns an
	// error nothing is stored.
	Update(ctx context.Context, id string, change func(*Email) error) (Email, error)
}

// DeadLetters is where what was given up is told of.
type DeadLetters interface {
	Bury(ctx context.Context, e *Email) error
}

// SenderConfig is what a [Sender] works with.
type SenderConfig struct {
	Emails   Emails
	Mailer   Mailer
	Dead     DeadLetters
	Attempts int           // after so many an e-mail is given up
	Pause    time.Duration // after the first failure; it doubles with each, up to a minute
	Now      func() time.Time
	Log      *slog.Logger
}

// Sender sends e-mails, each until it is sent or given up.
type Sender struct {
	SenderConfig
	free chan struct{} // to speak to the mail server

	mu    sync.Mutex
	turns map[string]*turn // of e-mails that are being sent
}

// turn lets one of those go on that would send the same e-mail.
type turn struct {
	free  chan struct{} // holds one token
	users int
}

const (
	sendAtOnce   = 8
	sendTime     = 30 * time.Second // one attempt
	longestPause = time.Minute
	storePause   = 500 * time.Millisecond
)

// NewSender returns a sender.
func NewSender(cfg SenderConfig) *Sender {
	return &Sender{SenderConfig: cfg, free: make(chan struct{}, sendAtOnce), turns: make(map[string]*turn)}
}

// Deliver sends an e-mail, or gives it up, however long that takes. One that was sent is not sent again.
// Errors: the end of ctx.
func (s *Sender) Deliver(ctx context.Context, id string) error {
	done, err := s.take(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	// What the mail server took must not be sent again because that could not be written down at once.
	var took time.Time
	for {
		wait, err := s.step(ctx, id, &took)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil { // one line an e-mail: with the sidecar away there are many
			s.Log.Info("an e-mail is not sent yet; will be tried again", "email", id, "in", wait, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("e-mail %s is not sent yet: %w", id, ctx.Err())
		}
	}
}

// step does the next thing about an e-mail; nil when nothing is left to do, else when to try again.
func (s *Sender) step(ctx context.Context, id string, took *time.Time) (time.Duration, error) {
	if !took.IsZero() {
		return storePause, s.mark(ctx, id, *took)
	}
	e, err := s.Emails.Get(ctx, id)
	if err != nil {
		return storePause, err
	}
	if e.Status != Pending {
		return 0, nil // sent before, or gone
	}
	if s.spent(&e) {
		return storePause, s.giveUp(ctx, &e)
	}
	err = s.send(ctx, &e)
	switch {
	case err == nil:
		*took = s.Now().UTC()
		return storePause, s.mark(ctx, id, *took)
	case errors.Is(err, ErrUnreached), ctx.Err() != nil:
		return storePause, err
	}
	updated, storeErr := s.Emails.Update(ctx, id, func(doc *Email) error {
		if doc.Status == Pending && doc.Attempts == e.Attempts {
			doc.failed(err)
		}
		return nil
	})
	if storeErr != nil {
		return s.pause(e.tries() + 1), errors.Join(errNotTaken, storeErr)
	}
	if s.spent(&updated) {
		return storePause, s.giveUp(ctx, &updated)
	}
	return s.pause(updated.tries()), errNotTaken
}

// spent says that another attempt is no use, or one too many.
func (s *Sender) spent(e *Email) bool { return e.Refused || e.tries() >= s.Attempts }

// errNotTaken stands for what the mail server said: that is kept with the e-mail, and does not belong into a log,
// since it may name somebody's address.
var errNotTaken = errors.New("the mail server did not take it")

// send makes one attempt.
func (s *Sender) send(ctx context.Context, e *Email) error {
	select {
	case s.free <- struct{}{}:
		defer func() { <-s.free }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return s.Mailer.Send(ctx, e)
}

// mark writes down that the mail server took an e-mail.
func (s *Sender) mark(ctx context.Context, id string, at time.Time) error {
	_, err := s.Emails.Update(ctx, id, func(e *Email) error {
		if e.Status == Pending {
			e.Status, e.SendTime = Sent, at
		}
		return nil
	})
	return err
}

// giveUp tells of an e-mail that cannot be sent, then writes that down: it is told of at least once.
func (s *Sender) giveUp(ctx context.Context, e *Email) error {
	given := *e
	given.Status = Failed
	if err := s.Dead.Bury(ctx, &given); err != nil {
		return err
	}
	s.Log.Warn("an e-mail was given up", "email", e.ID, "attempts", e.Attempts, "refused", e.Refused)
	_, err := s.Emails.Update(ctx, e.ID, func(doc *Email) error {
		if doc.Status == Pending && !doc.settled(e.Attempts) { // else it was taken up again since it was told of
			doc.Status = Failed
		}
		return nil
	})
	return err
}

// pause returns how long to wait after so many failures.
func (s *Sender) pause(failures int) time.Duration {
	pause := s.Pause
	for n := 1; n < failures && pause < longestPause; n++ {
		pause *= 2
	}
	return min(pause, longestPause)
}

// take waits until nobody else here is sending an e-mail.
func (s *Sender) take(ctx context.Context, id string) (done func(), err error) {
	s.mu.Lock()
	held := s.turns[id]
	if held == nil {
		held = &turn{free: make(chan struct{}, 1)}
		held.free <- struct{}{}
		s.turns[id] = held
	}
	held.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if held.users--; held.users == 0 {
			delete(s.turns, id)
		}
	}
	select {
	case <-held.free:
		return func() { held.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
