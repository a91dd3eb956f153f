// Package seat gives every replica of a service a small number of its own. What a replica writes
// under keys with its number nobody else writes, so such keys need no condition and may share a
// transaction; and since there are few numbers, all of them can be read in one call.
//
// Seats are leased. A replica shows that it lives by a beat in the document "seats"; whose beat
// stands still for a lease, by the watcher's own clock, is dead: another replica takes its seat
// over, finishes what it left, and frees the seat. That may take as long as the broker is away: meanwhile the
// successor keeps its own seat, and shows for the other one that it is being looked after. A replica only writes while its last beat is
// younger than half a lease, and its writes time out within a quarter, so a write never comes
// after the seat was taken over. A process that is stopped for longer than that in the middle of a
// write, and then goes on, is not guarded against: no store behind Dapr can fence it.
package seat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"seaport.example/services/internal/document"
)

// Count is how many replicas can have a seat at once.
const Count = 32

// Held is a seat in use. Its number is used again and again, its term only once.
type Held struct {
	Number int
	Term   string // UUID
}

// Config says how seats are leased.
type Config struct {
	State document.State
	Lease time.Duration // after which a silent replica is dead; 0 means 15 s
	// Finish does what the dead holder of a seat left undone, however long it takes. It may be called again, and by
	// several replicas at once.
	Finish func(ctx context.Context, dead Held) error
	Log    *slog.Logger
}

// Seat is the seat of this replica. Use [New], then [Seat.Run].
type Seat struct {
	cfg  Config
	docs *document.Store[roster]
	wake chan struct{}
	// running holds one token while Run is at work, so that Leave frees no seat that Run is about to keep.
	running chan struct{}

	mu        sync.Mutex
	held      Held // Term is empty while there is none
	lastBeat  time.Time
	takeovers map[string]*takeover // by the number of the seat
}

// roster is the document that lists the seats in use, by number.
type roster struct {
	Taken map[string]holder `json:"taken"`
}

type holder struct {
	Term  string `json:"term"`
	Beat  int64  `json:"beat"`
	Heir  string `json:"heir,omitempty"` // who takes it over
	Since string `json:"since"`          // RFC 3339, for people
}

// New returns a seat that is not taken yet.
func New(cfg Config) *Seat {
	if cfg.Lease <= 0 {
		cfg.Lease = 15 * time.Second
	}
	return &Seat{
		cfg:       cfg,
		docs:      document.NewStore[roster](cfg.State, ""),
		wake:      make(chan struct{}, 1),
		running:   make(chan struct{}, 1),
		takeovers: make(map[string]*takeover),
	}
}

// rosterID is the key of the roster.
const rosterID = "seats"

// Timeout bounds a write under a seat.
func (s *Seat) Timeout() time.Duration { return min(4*time.Second, s.cfg.Lease/4) }

// Current returns the seat to write under. It waits until there is one.
func (s *Seat) Current(ctx context.Context) (Held, error) {
	for {
		if held, ok := s.fresh(); ok {
			return held, nil
		}
		select {
		case s.wake <- struct{}{}: // ask for a beat at once
		default:
		}
		select {
		case <-ctx.Done():
			return Held{}, fmt.Errorf("this replica has no seat: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Ready returns nil once there is a seat.
func (s *Seat) Ready(context.Context) error {
	if _, ok := s.fresh(); !ok {
		return errors.New("this replica has no seat yet")
	}
	return nil
}

func (s *Seat) fresh() (Held, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, s.held.Term != "" && time.Since(s.lastBeat) < s.cfg.Lease/2
}

// Run takes a seat, keeps it and takes over those of the dead, until ctx ends. The seat is kept
// then: see Leave.
func (s *Seat) Run(ctx context.Context) error {
	s.running <- struct{}{}
	defer func() { <-s.running }()
	var takingOver sync.WaitGroup
	defer takingOver.Wait()
	watch := make(map[string]sighting)
	ticks := time.NewTicker(s.cfg.Lease / 5)
	defer ticks.Stop()
	for {
		if err := s.round(ctx, watch, &takingOver); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("seats not looked after; will be tried again", "error", err)
		}
		select {
		case <-ticks.C:
		case <-s.wake:
			select { // a store that is away is not asked without pause
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sighting is a beat and when this process first saw it.
type sighting struct {
	holder holder
	at     time.Time
}

// round shows that this replica lives, and begins to take over the seats whose holders are dead.
func (s *Seat) round(ctx context.Context, watch map[string]sighting, takingOver *sync.WaitGroup) error {
	listed, err := s.beat(ctx)
	if err != nil {
		return err
	}
	for number, h := range listed.Taken {
		if h.Term == s.term() || s.takesOver(number) {
			delete(watch, number)
			continue
		}
		seen, known := watch[number]
		if !known || seen.holder != h {
			watch[number] = sighting{holder: h, at: time.Now()}
			continue
		}
		if time.Since(seen.at) < s.cfg.Lease {
			continue
		}
		mine, err := s.appoint(ctx, number, h)
		if err != nil {
			return fmt.Errorf("take over seat %s: %w", number, err)
		}
		delete(watch, number)
		if mine != nil {
			takingOver.Go(mine.finish)
		}
	}
	return nil
}

// beat shows that this replica lives, for its own seat and for those it is taking over. One whose seat is no
// longer its own takes another.
func (s *Seat) beat(ctx context.Context) (roster, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout())
	defer cancel()
	began := time.Now()
	var held Held
	var lost []*takeover
	listed, err := s.docs.Update(ctx, rosterID, func(doc *roster) error {
		lost = s.beatTakeovers(doc)
		held = s.current()
		key := strconv.Itoa(held.Number)
		if mine, ok := doc.Taken[key]; ok && held.Term != "" && mine.Term == held.Term && mine.Heir == "" {
			mine.Beat++
			doc.Taken[key] = mine
			return nil
		}
		held = Held{Number: lowestFree(doc.Taken), Term: uuid.NewString()}
		if held.Number == Count {
			return fmt.Errorf("all %d seats are taken", Count)
		}
		if doc.Taken == nil {
			doc.Taken = make(map[string]holder)
		}
		doc.Taken[strconv.Itoa(held.Number)] = holder{Term: held.Term, Since: began.UTC().Format(time.RFC3339)}
		return nil
	})
	if err != nil {
		return listed, err
	}
	for _, t := range lost {
		t.cancel() // somebody else is at it, or has done it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != held {
		s.cfg.Log.Info("took a seat", "seat", held.Number, "term", held.Term)
	}
	s.held, s.lastBeat = held, began
	return listed, nil
}

func lowestFree(taken map[string]holder) int {
	for n := range Count {
		if _, ok := taken[strconv.Itoa(n)]; !ok {
			return n
		}
	}
	return Count
}

// release frees a seat that is still held in this term, by this successor if there is one.
func (s *Seat) release(ctx context.Context, number, term, heir string) error {
	_, err := s.docs.Update(ctx, rosterID, func(doc *roster) error {
		if h := doc.Taken[number]; h.Term == term && h.Heir == heir {
			delete(doc.Taken, number)
		}
		return nil
	})
	return err
}

// Leave frees the seat of a replica that has nothing left to finish, after a last act under it. It waits until Run,
// whose context must have ended, has returned: a beat on its way would keep the seat.
func (s *Seat) Leave(ctx context.Context, last func(ctx context.Context, held Held) error) {
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-ctx.Done():
		s.cfg.Log.Info("seat not freed, it is still kept; its lease will run out")
		return
	}
	s.mu.Lock()
	held := s.held
	s.held = Held{}
	s.mu.Unlock()
	if held.Term == "" {
		return
	}
	err := last(ctx, held)
	if err == nil {
		err = s.release(ctx, strconv.Itoa(held.Number), held.Term, "")
	}
	if err != nil {
		s.cfg.Log.Info("seat not freed; its lease will run out", "error", err)
	}
}

func (s *Seat) current() Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

func (s *Seat) term() string { return s.current().Term }
