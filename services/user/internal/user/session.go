package user

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Session is one log-in: the family of refresh tokens that follow each other, one at a time.
type Session struct {
	User    string `json:"user"`
	Epoch   int    `json:"epoch,omitempty"` // of the user, when it began
	Counter uint32 `json:"counter"`         // of the one refresh token that is good
	// Request is the hash of the call that made it so, and Exchanged when that was.
	Request   string    `json:"request,omitempty"`
	Exchanged time.Time `json:"exchanged,omitzero"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	Revoked   bool      `json:"revoked,omitempty"`
}

// Exists says whether this is a session at all: the zero Session is not.
func (s *Session) Exists() bool { return s.User != "" }

// repeatable is how long a call may be repeated that exchanged a refresh token.
const repeatable = time.Minute

// exchange is what became of a refresh token.
type exchange int

const (
	refused   exchange = iota // there is no such log-in any more
	exchanged                 // for the one that is good now
	stolen                    // it was exchanged before: one of the two who had it is a thief
)

// exchange makes the refresh token after this one the one that is good. The same request may come
// again, since answers get lost; any other that shows a spent token ends the log-in.
func (s *Session) exchange(counter uint32, request string, u *User, now time.Time, ttl time.Duration) exchange {
	switch {
	case !s.Exists() || s.Revoked || s.Epoch != u.Epoch || !now.Before(s.Expires):
		return refused
	case counter == s.Counter:
		s.Counter++
		s.Request, s.Exchanged, s.Expires = request, now, now.Add(ttl)
		return exchanged
	case counter+1 == s.Counter && request == s.Request && now.Sub(s.Exchanged) < repeatable:
		return exchanged
	case counter < s.Counter:
		s.Revoked = true
		return stolen
	default:
		return refused // from a future that the store has forgotten
	}
}

// hashOf keeps what callers choose out of the store.
func hashOf(request string) string {
	sum := sha256.Sum256([]byte(request))
	return hex.EncodeToString(sum[:])
}
