package token

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A key set is a JSON Web Key Set (RFC 7517) of Ed25519 keys with two members more that say when a
// key is in use. There are two keys at a time: the one in use and the one that follows. Since every
// service knows the next key long before anything is signed with it, and the last one until all that
// it signed has expired, keys change without anybody noticing.

// webKey is a key as it is stored.
type webKey struct {
	jose.JSONWebKey

	times times
}

type times struct {
	From  time.Time `json:"from"`           // signs from then on
	Until time.Time `json:"until,omitzero"` // is refused from then on; zero: not decided yet
}

// UnmarshalJSON reads the key and its times.
func (k *webKey) UnmarshalJSON(data []byte) error {
	if err := k.JSONWebKey.UnmarshalJSON(data); err != nil {
		return err
	}
	return json.Unmarshal(data, &k.times)
}

type keySet struct {
	Keys []webKey `json:"keys"`
}

// Ring is the keys that tokens are verified with. The zero Ring knows none.
type Ring struct {
	keys map[string]public
	set  []jose.JSONWebKey // those of users
}

type public struct {
	public ed25519.PublicKey
	app    string // whose tokens it is good for; empty: users'
	until  time.Time
}

func (k public) retired(now time.Time) bool { return !k.until.IsZero() && !now.Before(k.until) }

func (r *Ring) find(id string) (public, bool) {
	key, ok := r.keys[id]
	return key, ok && id != ""
}

// ParseRing reads the secret "verification-keys": {"users": key set, "apps": {app-id: key set}}.
func ParseRing(secret string) (*Ring, error) {
	var stored struct {
		Users keySet            `json:"users"`
		Apps  map[string]keySet `json:"apps"`
	}
	if err := json.Unmarshal([]byte(secret), &stored); err != nil {
		return nil, errors.New("verification keys: not JSON of the form {\"users\": {\"keys\": […]}, \"apps\": {…}}")
	}
	r := &Ring{keys: make(map[string]public)}
	if err := r.add("", stored.Users); err != nil {
		return nil, err
	}
	for app, set := range stored.Apps {
		if err := r.add(app, set); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Ring) add(app string, set keySet) error {
	for _, key := range set.Keys {
		k, ok := key.Key.(ed25519.PublicKey)
		if _, taken := r.keys[key.KeyID]; !ok || key.KeyID == "" || taken {
			return errors.New("verification keys: each must be a public Ed25519 key with a kid of its own")
		}
		r.keys[key.KeyID] = public{public: k, app: app, until: key.times.Until}
		if app == "" {
			r.set = append(r.set, jose.JSONWebKey{Key: k, KeyID: key.KeyID, Algorithm: string(jose.EdDSA), Use: "sig"})
		}
	}
	return nil
}

// WebKeys returns the keys of users that are not retired as a JSON Web Key Set, for verifiers
// outside.
func (r *Ring) WebKeys(now time.Time) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range r.set {
		if !r.keys[key.KeyID].retired(now) {
			set.Keys = append(set.Keys, key)
		}
	}
	return json.Marshal(set)
}

// Signer signs tokens.
type Signer struct {
	keys []private
}

type private struct {
	id      string
	private ed25519.PrivateKey
	times   times
}

// ParseSigner reads the secrets "signing-keys" and "app-keys": a key set with private keys.
func ParseSigner(secret string) (*Signer, error) {
	var stored keySet
	if err := json.Unmarshal([]byte(secret), &stored); err != nil {
		return nil, errors.New("signing keys: not a JSON Web Key Set") // the library's words may quote a key
	}
	s := &Signer{}
	for _, key := range stored.Keys {
		k, ok := key.Key.(ed25519.PrivateKey)
		if !ok || key.KeyID == "" {
			return nil, errors.New("signing keys: each must be a private Ed25519 key with a kid")
		}
		s.keys = append(s.keys, private{id: key.KeyID, private: k, times: key.times})
	}
	if len(s.keys) == 0 {
		return nil, errors.New("signing keys: there is none")
	}
	return s, nil
}

// current returns the newest key that is in use.
func (s *Signer) current(now time.Time) (private, error) {
	var found *private
	for i, key := range s.keys {
		if now.Before(key.times.From) || !key.times.Until.IsZero() && !now.Before(key.times.Until) {
			continue
		}
		if found == nil || found.times.From.Before(key.times.From) {
			found = &s.keys[i]
		}
	}
	if found == nil {
		return private{}, fmt.Errorf("none of %d signing keys is in use now", len(s.keys))
	}
	return *found, nil
}
