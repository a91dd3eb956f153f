package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/token"
)

// Secrets is a secret store.
type Secrets interface {
	// Get returns a secret. Errors: an error when there is none.
	Get(ctx context.Context, name string) (string, error)
}

// Names of the secrets that every service has.
const (
	verificationSecret = "verification-keys" // of all tokens
	appSecret          = "app-keys"          // by which this app makes itself known
)

const (
	// readEvery is how often keys are read again: a store that changes them is followed.
	readEvery = time.Minute
	// serviceTokenLife is how long a token of a service is good, and renewBefore how long before its end it
	// is replaced.
	serviceTokenLife = 5 * time.Minute
	renewBefore      = time.Minute
	// rememberAtMost bounds the memory of verified tokens.
	rememberAtMost = 10_000
)

// Keys is the keys of a service: those that it verifies with, and its own. Use [NewKeys], then Run.
type Keys struct {
	secrets Secrets
	app     string
	log     *slog.Logger
	now     func() time.Time

	ring   atomic.Pointer[token.Ring]
	signer atomic.Pointer[token.Signer]

	mu       sync.Mutex
	verified map[string]Caller // by token: verifying costs 50 µs, looking up less than one
	minted   map[string]minted // by callee
}

// minted is a token of this service.
type minted struct {
	raw   string
	until time.Time
}

// NewKeys returns the keys of an app.
func NewKeys(secrets Secrets, app string, log *slog.Logger) *Keys {
	return &Keys{
		secrets: secrets, app: app, log: log, now: time.Now,
		verified: make(map[string]Caller), minted: make(map[string]minted),
	}
}

// Run reads the keys, and again every minute, until ctx ends.
func (k *Keys) Run(ctx context.Context) error { return Follow(ctx, k.log, k.read) }

// Follow reads secrets, and again every minute, since a store may change them, or every second while that fails,
// until ctx ends.
func Follow(ctx context.Context, log *slog.Logger, read func(ctx context.Context) error) error {
	for {
		wait := readEvery
		if err := read(ctx); err != nil && ctx.Err() == nil {
			log.Warn("keys not read; will be tried again", "error", err)
			wait = time.Second
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ready returns nil once the keys are there.
func (k *Keys) Ready(context.Context) error {
	if k.ring.Load() == nil || k.signer.Load() == nil {
		return errors.New("the keys are not read yet")
	}
	return nil
}

func (k *Keys) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	secret, err := k.secrets.Get(ctx, verificationSecret)
	if err != nil {
		return err
	}
	ring, err := token.ParseRing(secret)
	if err != nil {
		return err
	}
	if secret, err = k.secrets.Get(ctx, appSecret); err != nil {
		return err
	}
	signer, err := token.ParseSigner(secret)
	if err != nil {
		return err
	}
	k.signer.Store(signer)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ring.Store(ring)
	clear(k.verified) // a key may be gone
	return nil
}

// verify returns whose token it is.
func (k *Keys) verify(raw, app string, now time.Time) (Caller, error) {
	k.mu.Lock()
	known, ok := k.verified[raw]
	k.mu.Unlock()
	if ok && now.Before(known.until) {
		return known, nil
	}
	claims, until, err := k.claims(raw, app, now)
	if err != nil {
		return Caller{}, err
	}
	caller := Caller{User: claims.User, App: claims.App, Token: raw, until: until}
	for _, role := range claims.Roles {
		caller.Roles = append(caller.Roles, Role(role))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.verified) >= rememberAtMost {
		clear(k.verified)
	}
	k.verified[raw] = caller
	return caller, nil
}

// claims verifies a token and returns until when it is good.
func (k *Keys) claims(raw, app string, now time.Time) (token.Claims, time.Time, error) {
	ring := k.ring.Load()
	if ring == nil {
		return token.Claims{}, time.Time{}, failure.Unavailable(nil, "the keys of tokens are not known yet; try again")
	}
	claims, err := ring.Verify(raw, app, now)
	if err != nil {
		return token.Claims{}, time.Time{}, refusal(err)
	}
	until := claims.Expires
	if claims.KeyUntil.Before(until) && !claims.KeyUntil.IsZero() {
		until = claims.KeyUntil
	}
	return claims, until, nil
}

// Verify returns what a token of a user says. Errors: UNAUTHENTICATED; UNAVAILABLE while the keys are
// not known.
func (k *Keys) Verify(raw string) (token.Claims, error) {
	claims, _, err := k.claims(raw, k.app, k.now())
	return claims, err
}

// WebKeys returns the keys of users' tokens as a JSON Web Key Set.
func (k *Keys) WebKeys() ([]byte, error) {
	ring := k.ring.Load()
	if ring == nil {
		return nil, failure.Unavailable(nil, "the keys of tokens are not known yet; try again")
	}
	return ring.WebKeys(k.now())
}

// mint returns a token by which this app makes itself known to another.
func (k *Keys) mint(callee string) (string, error) {
	now := k.now()
	k.mu.Lock()
	known := k.minted[callee]
	k.mu.Unlock()
	if now.Before(known.until) {
		return known.raw, nil
	}
	signer := k.signer.Load()
	if signer == nil {
		return "", failure.Unavailable(nil, "this service does not know its own keys yet; try again")
	}
	raw, err := signer.SignFor(k.app, callee, now.Add(serviceTokenLife), now)
	if err != nil {
		return "", fmt.Errorf("make %s known to %s: %w", k.app, callee, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.minted[callee] = minted{raw: raw, until: now.Add(serviceTokenLife - renewBefore)}
	return raw, nil
}
