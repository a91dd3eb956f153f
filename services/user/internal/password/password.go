// Package password hashes passwords with argon2id (RFC 9106), and no more of them at once than there are
// processors: neither memory nor time runs out because many log in together.
package password

import (
	"context"
	"fmt"
	"runtime"

	"github.com/alexedwards/argon2id"

	"seaport.example/services/user/internal/user"
)

// cost is what a hash takes: the second of the settings that OWASP holds equal in strength
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
var cost = argon2id.Params{
	Memory:      19 << 10, // KiB
	Iterations:  2,
	Parallelism: 1,
	SaltLength:  16, // bytes
	KeyLength:   32, // bytes
}

// Hasher hashes passwords.
type Hasher struct {
	working chan struct{} // holds a token for each hash in progress
	nobodys string        // the hash that no user has
}

var _ user.Passwords = (*Hasher)(nil)

// New returns a hasher.
func New() (*Hasher, error) {
	nobodys, err := argon2id.CreateHash("", &cost)
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	return &Hasher{working: make(chan struct{}, runtime.NumCPU()), nobodys: nobodys}, nil
}

// Hash returns the hash of a password with a salt of its own, in PHC string format.
func (h *Hasher) Hash(ctx context.Context, password string) (hash string, err error) {
	return hash, h.work(ctx, func() error {
		hash, err = argon2id.CreateHash(password, &cost)
		return err
	})
}

// Matches says whether it is the hash of the password. The empty hash is of none, and is compared all the
// same, against one that nobody has: so it takes as long.
func (h *Hasher) Matches(ctx context.Context, password, hash string) (matches bool, err error) {
	known := hash != ""
	if !known {
		hash = h.nobodys
	}
	err = h.work(ctx, func() error {
		matches, err = argon2id.ComparePasswordAndHash(password, hash)
		return err
	})
	return matches && known && err == nil, err
}

// work waits for its turn. Errors: the end of ctx before that.
func (h *Hasher) work(ctx context.Context, hash func() error) error {
	select {
	case h.working <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.working }()
	if err := ctx.Err(); err != nil { // both were ready: who left is not worked for
		return err
	}
	if err := hash(); err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	return nil
}
