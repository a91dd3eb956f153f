// Package token signs and verifies what callers show: JWTs (RFC 7519) signed with Ed25519 (RFC 8037).
// There are two kinds. The user service signs those of users; each service signs those by which it
// makes itself known to another. Nothing else is accepted: the algorithm is fixed, and a key is good
// for its own kind only.
package token

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// issuer signs for users; "seaport/<app-id>" signs for a service.
	issuer = "seaport"
	// audience is who tokens of users are for: every service. A service's token is for one callee.
	audience = "seaport"
	// Longest is how many bytes a token may have.
	Longest = 8 << 10
	// leeway is how far the clocks of two machines may differ.
	leeway = 10 * time.Second
)

// Claims is what a token says. Either User or App is set.
type Claims struct {
	User    string    // the id of a user
	Roles   []string  // what the user may do
	App     string    // the app-id of a service
	ID      string    // of this token
	Issued  time.Time // to the second
	Expires time.Time // to the second
	// KeyUntil is when its key retires; zero: not decided yet.
	KeyUntil time.Time
}

// own is the claim that RFC 7519 does not have.
type own struct {
	Roles []string `json:"roles,omitempty"`
}

// Why a token is refused.
var (
	ErrMalformed = errors.New("it is not a token of ours")
	ErrExpired   = errors.New("it has expired")
	ErrNotYet    = errors.New("it is not good yet")
	ErrKey       = errors.New("its key is unknown or retired")
	ErrForged    = errors.New("its signature does not fit")
	ErrOthers    = errors.New("it is for somebody else")
)

// Verify returns what a token says that was given to a user, or to a service that calls the app.
// Errors: one of those above.
func (r *Ring) Verify(raw, app string, now time.Time) (Claims, error) {
	if len(raw) > Longest {
		return Claims{}, ErrMalformed
	}
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(parsed.Headers) != 1 {
		return Claims{}, ErrMalformed
	}
	key, known := r.find(parsed.Headers[0].KeyID)
	if !known || key.retired(now) {
		return Claims{}, ErrKey
	}
	var claims jwt.Claims
	var more own
	if err := parsed.Claims(key.public, &claims, &more); err != nil {
		return Claims{}, ErrForged
	}
	expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}
	if key.app != "" {
		expected = jwt.Expected{Issuer: issuer + "/" + key.app, AnyAudience: jwt.Audience{app}, Time: now}
	}
	switch err := claims.ValidateWithLeeway(expected, leeway); {
	case errors.Is(err, jwt.ErrExpired):
		return Claims{}, ErrExpired
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return Claims{}, ErrNotYet
	case err != nil:
		return Claims{}, ErrOthers
	}
	if claims.Subject == "" || claims.Expiry == nil || claims.IssuedAt == nil {
		return Claims{}, ErrMalformed
	}
	found := Claims{ID: claims.ID, Issued: claims.IssuedAt.Time(), Expires: claims.Expiry.Time(), KeyUntil: key.until}
	if key.app != "" {
		found.App = key.app
		return found, nil
	}
	found.User, found.Roles = claims.Subject, more.Roles
	return found, nil
}

// Sign signs a token of a user with the newest key that is in use.
func (s *Signer) Sign(c Claims, now time.Time) (string, error) {
	return s.sign(jwt.Claims{
		Issuer: issuer, Audience: jwt.Audience{audience}, Subject: c.User, ID: c.ID,
		IssuedAt: jwt.NewNumericDate(c.Issued), Expiry: jwt.NewNumericDate(c.Expires),
	}, own{Roles: c.Roles}, now)
}

// SignFor signs a token by which an app makes itself known to another.
func (s *Signer) SignFor(app, callee string, expires, now time.Time) (string, error) {
	return s.sign(jwt.Claims{
		Issuer: issuer + "/" + app, Audience: jwt.Audience{callee}, Subject: app,
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expires),
	}, own{}, now)
}

func (s *Signer) sign(claims jwt.Claims, more own, now time.Time) (string, error) {
	key, err := s.current(now)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	signed, err := jwt.Signed(signer).Claims(claims).Claims(more).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed, nil
}
