package secrets

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// key is an Ed25519 key as a JSON Web Key (RFC 8037) with two members more that say when it is in use.
type key struct {
	Type      string    `json:"kty"`
	Curve     string    `json:"crv"`
	Use       string    `json:"use"`
	Algorithm string    `json:"alg"`
	ID        string    `json:"kid"`
	Public    string    `json:"x"`              // base64url
	Private   string    `json:"d,omitempty"`    // base64url; empty in what verifiers get
	From      time.Time `json:"from"`           // signs from then on
	Until     time.Time `json:"until,omitzero"` // is refused from then on; zero: not decided yet
}

// keySet is a JSON Web Key Set (RFC 7517).
type keySet struct {
	Keys []key `json:"keys"`
}

// newKey makes a key. Its id is its thumbprint (RFC 7638).
func newKey(from time.Time) (key, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return key{}, fmt.Errorf("making a key: %w", err)
	}
	thumbprint, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return key{}, fmt.Errorf("naming a key: %w", err)
	}
	return key{
		Type: "OKP", Curve: "Ed25519", Use: "sig", Algorithm: string(jose.EdDSA),
		ID:      base64.RawURLEncoding.EncodeToString(thumbprint),
		Public:  base64.RawURLEncoding.EncodeToString(public),
		Private: base64.RawURLEncoding.EncodeToString(private.Seed()),
		From:    from,
	}, nil
}

// private returns the key itself. Errors name the key and quote nothing of it.
func (k *key) private() (ed25519.PrivateKey, error) {
	if k.Type != "OKP" || k.Curve != "Ed25519" || k.ID == "" || k.From.IsZero() {
		return nil, fmt.Errorf("key %q is no Ed25519 key with a kid and a time", k.ID)
	}
	seed, err := base64.RawURLEncoding.DecodeString(k.Private)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("key %q has no private part", k.ID)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if base64.RawURLEncoding.EncodeToString(private[ed25519.SeedSize:]) != k.Public {
		return nil, fmt.Errorf("the two parts of key %q do not belong together", k.ID)
	}
	return private, nil
}

// retired says whether the key is refused.
func (k *key) retired(now time.Time) bool { return !k.Until.IsZero() && !now.Before(k.Until) }

// check finds what is wrong with a set of private keys.
func (s keySet) check() error {
	if len(s.Keys) == 0 {
		return errors.New("there is no key")
	}
	for i := range s.Keys {
		if _, err := s.Keys[i].private(); err != nil {
			return err
		}
	}
	return nil
}

// public is the set without its private parts.
func (s keySet) public() keySet {
	public := keySet{Keys: make([]key, 0, len(s.Keys))}
	for _, k := range s.Keys {
		k.Private = ""
		public.Keys = append(public.Keys, k)
	}
	return public
}
