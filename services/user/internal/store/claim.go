package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/user/internal/user"
)

// claim says whose an address is: for good once the user is stored with it, before that until a time. While
// it lasts only who made it writes its key, which may therefore be in a transaction. Who died
// under it leaves an address that others may claim once its time is over.
type claim struct {
	User  string `json:"user"`
	Until int64  `json:"until,omitempty"` // Unix milliseconds; 0: for good

	etag string // as read; a transaction over the claim needs it
}

const (
	// claimTTL is how long a claim lasts. enough is what must be left of it to begin a commit: more than a
	// commit takes, than finding out what became of it, and than clocks differ.
	claimTTL = 30 * time.Second
	enough   = 10 * time.Second
	// patience is how long somebody waits for another's claim of the same address.
	patience = 3 * time.Second
)

var errLate = errors.New("too little is left of the claim of the address")

// left returns how long a claim lasts that is not for good.
func (c claim) left(now time.Time) time.Duration { return time.UnixMilli(c.Until).Sub(now) }

func (c claim) final() bool { return c.User != "" && c.Until == 0 }

// addressKey is the key of an address, whatever characters it has.
func addressKey(address string) string {
	sum := sha256.Sum256([]byte(address))
	return "email/" + hex.EncodeToString(sum[:])
}

// owner reads whose an address is; the zero claim when it is nobody's.
func (s *Store) owner(ctx context.Context, address string) (c claim, etag string, err error) {
	key := addressKey(address)
	value, err := s.state.Get(ctx, key)
	if err != nil || value.Missing() {
		return claim{}, "", err
	}
	if err := json.Unmarshal(value.Data, &c); err != nil {
		return claim{}, "", fmt.Errorf("decode %q: %w", key, err)
	}
	return c, value.ETag, nil
}

// claim makes this call the only one to register the user's address. Errors: [user.ErrTaken]; UNAVAILABLE
// when another is about to.
func (s *Store) claim(ctx context.Context, u *user.User) (claim, error) {
	var failed error
	for deadline := s.now().Add(patience); ; {
		c, etag, err := s.owner(ctx, u.Email)
		if err != nil {
			return claim{}, err
		}
		now := s.now()
		switch {
		case c.final():
			return claim{}, user.ErrTaken
		case c.User == u.ID:
			c.etag = etag
			return c, nil // written now, or before an answer that was lost
		case failed != nil:
			return claim{}, failed
		case c.left(now) <= 0: // nobody's, or left by somebody who died
			mine := claim{User: u.ID, Until: now.Add(claimTTL).UnixMilli()}
			if err := s.put(ctx, u.Email, mine, etag); err != nil && !errors.Is(err, sidecar.ErrConflict) {
				failed = err
			}
			continue
		case now.After(deadline):
			return claim{}, failure.Unavailable(nil, "somebody is registering this address just now; try again in half a minute")
		}
		select {
		case <-time.After(20*time.Millisecond + rand.N(80*time.Millisecond)): //nolint:gosec // spreads load, guards nothing
		case <-ctx.Done():
			return claim{}, ctx.Err()
		}
	}
}

// release gives back the address of a user who is not stored and will not be. If that fails, the claim
// runs out by itself.
func (s *Store) release(ctx context.Context, u *user.User) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	c, etag, err := s.owner(ctx, u.Email)
	if err == nil && c.User == u.ID && !c.final() {
		err = s.put(ctx, u.Email, claim{User: u.ID, Until: 1}, etag)
	}
	if err != nil {
		s.log.Info("an address stays claimed until that runs out", "error", err)
	}
}

func (s *Store) put(ctx context.Context, address string, c claim, etag string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode a claim: %w", err)
	}
	return s.state.Put(ctx, sidecar.Write{Key: addressKey(address), Data: data, ETag: etag})
}
