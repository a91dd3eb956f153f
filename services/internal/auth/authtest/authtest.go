// Package authtest makes keys and tokens for tests.
package authtest

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/token"
)

// Authority has the keys of a platform.
type Authority struct {
	private map[string]string // key sets by app; that of users under ""
	public  string            // the secret verification-keys
}

// New returns an authority over the apps, with one key for users and one for each app.
func New(t testing.TB, apps ...string) *Authority {
	t.Helper()
	a := &Authority{private: make(map[string]string)}
	type set struct {
		Keys []jose.JSONWebKey `json:"keys"`
	}
	ring := struct {
		Users set            `json:"users"`
		Apps  map[string]set `json:"apps"`
	}{Apps: make(map[string]set)}
	for _, app := range append([]string{""}, apps...) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		id := "key of " + app
		a.private[app] = encode(t, set{[]jose.JSONWebKey{{Key: private, KeyID: id}}})
		own := set{[]jose.JSONWebKey{{Key: public, KeyID: id}}}
		if app == "" {
			ring.Users = own
		} else {
			ring.Apps[app] = own
		}
	}
	a.public = encode(t, ring)
	return a
}

func encode(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Secrets returns an app's own secret store.
func (a *Authority) Secrets(app string) Store {
	return Store{"verification-keys": a.public, "app-keys": a.private[app], "signing-keys": a.private[""]}
}

// Store is a secret store in memory.
type Store map[string]string

var _ auth.Secrets = Store{}

// Get returns a secret.
func (s Store) Get(_ context.Context, name string) (string, error) {
	if s[name] == "" {
		return "", errors.New("there is no secret " + name)
	}
	return s[name], nil
}

// With returns the store with another secret.
func (s Store) With(name, value string) Store {
	other := maps.Clone(s)
	other[name] = value
	return other
}

// Keys returns the keys of an app, read.
func (a *Authority) Keys(t testing.TB, app string) *auth.Keys {
	t.Helper()
	if a.private[app] == "" {
		t.Fatalf("the authority has no keys of %q", app)
	}
	keys := auth.NewKeys(a.Secrets(app), app, slog.New(slog.DiscardHandler))
	go func() { _ = keys.Run(t.Context()) }()
	for keys.Ready(t.Context()) != nil {
		if t.Context().Err() != nil {
			t.Fatal("the keys were not read")
		}
		time.Sleep(time.Millisecond)
	}
	return keys
}

// User returns an access token of a user, good for a minute.
func (a *Authority) User(t testing.TB, id string, roles ...auth.Role) string {
	t.Helper()
	c := token.Claims{User: id, ID: "token of " + id, Issued: time.Now(), Expires: time.Now().Add(time.Minute)}
	for _, role := range roles {
		c.Roles = append(c.Roles, string(role))
	}
	raw, err := a.signer(t, "").Sign(c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// App returns the token by which an app makes itself known to another, good for a minute.
func (a *Authority) App(t testing.TB, app, callee string) string {
	t.Helper()
	raw, err := a.signer(t, app).SignFor(app, callee, time.Now().Add(time.Minute), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (a *Authority) signer(t testing.TB, app string) *token.Signer {
	t.Helper()
	signer, err := token.ParseSigner(a.private[app])
	if err != nil {
		t.Fatal(err)
	}
	return signer
}
