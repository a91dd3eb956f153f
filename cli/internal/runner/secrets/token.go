package secrets

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// tokenLife is how long a token of the runner is good: longer than a start may take.
const tokenLife = 5 * time.Minute

// Token signs a token as the user service would for a user with these roles. The platform is set up with it, before
// there is anybody who could log in.
func (k *Keys) Token(user string, now time.Time, roles ...string) (string, error) {
	signing, err := k.inUse(now)
	if err != nil {
		return "", err
	}
	private, err := signing.private()
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: signing.ID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: "seaport", Audience: jwt.Audience{"seaport"}, Subject: user, ID: uuid.NewString(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(tokenLife)),
	}).Claims(map[string]any{"roles": roles}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}

// inUse returns the newest key that signs now.
func (k *Keys) inUse(now time.Time) (*key, error) {
	for i := len(k.Users.Keys) - 1; i >= 0; i-- {
		if key := &k.Users.Keys[i]; !now.Before(key.From) && !key.retired(now) {
			return key, nil
		}
	}
	return nil, errors.New("no key of users' tokens is in use now: is the clock of this machine right?")
}
