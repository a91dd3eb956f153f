// Package mint makes the tokens that users call with: access tokens, which every service verifies by
// itself, and refresh tokens, which only this service understands. Its keys come from the secret store.
package mint

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/token"
	"seaport.example/services/user/internal/user"
)

// Names of the secrets that no other service has.
const (
	signingSecret = "signing-keys" // of access tokens
	refreshSecret = "refresh-key"  // of refresh tokens: base64 of 32 bytes
)

const keyLength = 32

// Config is what a mint works with.
type Config struct {
	Secrets auth.Secrets
	TTL     time.Duration // how long an access token is good
	Log     *slog.Logger
}

// Mint makes tokens. Use [New], then [Mint.Run].
type Mint struct {
	cfg    Config
	signer atomic.Pointer[token.Signer]
	secret atomic.Pointer[[]byte] // of refresh tokens
}

var _ user.Mint = (*Mint)(nil)

// New returns a mint that has no keys yet.
func New(cfg Config) *Mint { return &Mint{cfg: cfg} }

// Run reads the keys, and again every minute, until ctx ends.
func (m *Mint) Run(ctx context.Context) error { return auth.Follow(ctx, m.cfg.Log, m.read) }

func (m *Mint) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	text, err := m.cfg.Secrets.Get(ctx, signingSecret)
	if err != nil {
		return err
	}
	signer, err := token.ParseSigner(text)
	if err != nil {
		return err
	}
	if text, err = m.cfg.Secrets.Get(ctx, refreshSecret); err != nil {
		return err
	}
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(secret) != keyLength {
		return fmt.Errorf("secret %s: must be %d bytes in base64", refreshSecret, keyLength) // the library's words quote it
	}
	m.signer.Store(signer)
	m.secret.Store(&secret)
	return nil
}

// Ready returns nil once the keys are there.
func (m *Mint) Ready(context.Context) error {
	if m.signer.Load() == nil || m.secret.Load() == nil {
		return errors.New("the keys of tokens are not read yet")
	}
	return nil
}

var errNoKeys = failure.Unavailable(nil, "the keys of tokens are not known yet; try again")

// Access returns an access token and when it expires, which it knows to the second.
func (m *Mint) Access(u *user.User, id string, now time.Time) (raw string, expires time.Time, err error) {
	signer := m.signer.Load()
	if signer == nil {
		return "", time.Time{}, errNoKeys
	}
	expires = now.Add(m.cfg.TTL).Truncate(time.Second)
	claims := token.Claims{User: u.ID, ID: id, Issued: now, Expires: expires}
	for _, role := range u.Roles {
		claims.Roles = append(claims.Roles, string(role))
	}
	if raw, err = signer.Sign(claims, now); err != nil {
		return "", time.Time{}, fmt.Errorf("give %s an access token: %w", u.ID, err)
	}
	return raw, expires, nil
}
