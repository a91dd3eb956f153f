package seat

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// takeover is the seat of a dead replica that this one is finishing. It runs beside the beat, because finishing waits
// for the broker.
type takeover struct {
	seat   *Seat
	number int
	term   string // of the dead
	heir   string // who takes it over: this takeover, by a UUID

	ctx    context.Context //nolint:containedctx // ends with the takeover, which is a goroutine
	cancel context.CancelFunc
}

// appoint makes this replica the one that takes a seat over. It returns nil if somebody else was faster, or the
// holder lives.
func (s *Seat) appoint(ctx context.Context, number string, dead holder) (*takeover, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil, err
	}
	t := &takeover{seat: s, number: n, term: dead.Term, heir: uuid.NewString()}
	gone := errors.New("somebody else was faster, or it lives")
	_, err = s.docs.Update(ctx, rosterID, func(doc *roster) error {
		if doc.Taken[number] != dead {
			return gone
		}
		taken := dead
		taken.Heir = t.heir
		doc.Taken[number] = taken
		return nil
	})
	if errors.Is(err, gone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t.ctx, t.cancel = context.WithCancel(ctx)
	s.mu.Lock()
	s.takeovers[number] = t
	s.mu.Unlock()
	return t, nil
}

// finish does what the dead left undone, until it succeeds, and frees the seat. It gives up when somebody else has
// taken the seat over.
func (t *takeover) finish() {
	s, number := t.seat, strconv.Itoa(t.number)
	defer func() {
		t.cancel()
		s.mu.Lock()
		delete(s.takeovers, number)
		s.mu.Unlock()
	}()
	for {
		err := s.cfg.Finish(t.ctx, Held{Number: t.number, Term: t.term})
		if err == nil {
			err = s.release(t.ctx, number, t.term, t.heir)
		}
		if t.ctx.Err() != nil {
			return
		}
		if err == nil {
			s.cfg.Log.Info("took over a dead replica's seat", "seat", number, "term", t.term)
			return
		}
		s.cfg.Log.Warn("a dead replica's seat is not finished; will be tried again", "seat", number, "term", t.term, "error", err)
		select {
		case <-time.After(s.cfg.Lease):
		case <-t.ctx.Done():
			return
		}
	}
}

// takesOver reports whether this replica is taking over the seat with a number.
func (s *Seat) takesOver(number string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeovers[number] != nil
}

// beatTakeovers shows for the seats that are being taken over that somebody is at it. It returns those that are
// not this replica's to take over any more.
func (s *Seat) beatTakeovers(doc *roster) (lost []*takeover) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number, t := range s.takeovers {
		taken, there := doc.Taken[number]
		if !there || taken.Term != t.term || taken.Heir != t.heir {
			lost = append(lost, t)
			continue
		}
		taken.Beat++
		doc.Taken[number] = taken
	}
	return lost
}
