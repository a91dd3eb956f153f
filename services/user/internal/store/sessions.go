package store

import (
	"context"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/user/internal/user"
)

// Sessions is the log-ins there are. The state store forgets them by itself.
type Sessions struct {
	docs *document.Store[user.Session]
}

var _ user.Sessions = (*Sessions)(nil)

// NewSessions returns the sessions, each kept for so long after it was last changed, and a little more: when
// it is over a session says itself.
func NewSessions(state document.State, ttl time.Duration) *Sessions {
	return &Sessions{docs: document.NewStore[user.Session](lasting{state, ttl + time.Second}, "session/")}
}

// Get returns a session; the zero one when there is none.
func (s *Sessions) Get(ctx context.Context, family string) (user.Session, error) {
	return s.docs.Get(ctx, family)
}

// Update changes a session.
func (s *Sessions) Update(ctx context.Context, family string, change func(*user.Session) error) (user.Session, error) {
	return s.docs.Update(ctx, family, change)
}

// lasting is a state store that keeps what is written for a time.
type lasting struct {
	document.State

	ttl time.Duration
}

func (l lasting) Put(ctx context.Context, writes ...sidecar.Write) error {
	for i := range writes {
		writes[i].TTL = l.ttl
	}
	return l.State.Put(ctx, writes...)
}
