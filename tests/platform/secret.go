package platform

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// APITokens is what a sidecar and its app ask each other for.
type APITokens struct {
	Sidecar string `json:"dapr_api_token"`
	App     string `json:"app_api_token"`
}

// APITokens returns the tokens between an app's process and its sidecar. Empty when it has none.
func (p *Platform) APITokens(t testing.TB, app string) APITokens {
	t.Helper()
	return p.AllAPITokens(t)[app]
}

// AllAPITokens returns the tokens of every app's process.
func (p *Platform) AllAPITokens(t testing.TB) map[string]APITokens {
	t.Helper()
	all := make(map[string]APITokens)
	p.readJSON(t, "tokens.json", &all)
	return all
}

// Secrets returns what an app's secret store holds.
func (p *Platform) Secrets(t testing.TB, app string) map[string]string {
	t.Helper()
	secrets := make(map[string]string)
	p.readJSON(t, filepath.Join("secrets", app+".json"), &secrets)
	return secrets
}

// readJSON reads a file of the data folder.
func (p *Platform) readJSON(t testing.TB, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.Data, name))
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatalf("reading %s of the data folder: %v", name, err)
	}
}

// Key is a private Ed25519 key (RFC 8037) and when it is in use.
type Key struct {
	ID    string    `json:"kid"`
	X     string    `json:"x"` // the public part, base64url
	D     string    `json:"d"` // the private part, base64url
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Public returns the public part.
func (k Key) Public(t testing.TB) ed25519.PublicKey {
	t.Helper()
	part, err := base64.RawURLEncoding.DecodeString(k.X)
	if err != nil || len(part) != ed25519.PublicKeySize {
		t.Fatalf("key %s has no public part: %v", k.ID, err)
	}
	return part
}

// Private returns the private part.
func (k Key) Private(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	seed, err := base64.RawURLEncoding.DecodeString(k.D)
	if err != nil || len(seed) != ed25519.SeedSize {
		t.Fatalf("key %s has no private part: %v", k.ID, err)
	}
	return ed25519.NewKeyFromSeed(seed)
}

// Keys returns the keys in a secret of an app: "app-keys", or "signing-keys" of user.
func (p *Platform) Keys(t testing.TB, app, secret string) []Key {
	t.Helper()
	var set struct {
		Keys []Key `json:"keys"`
	}
	if err := json.Unmarshal([]byte(p.Secrets(t, app)[secret]), &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("%s of %s has no keys: %v", secret, app, err)
	}
	return set.Keys
}

// KeyInUse returns the newest key that is in use.
func (p *Platform) KeyInUse(t testing.TB, app, secret string) Key {
	t.Helper()
	var found Key
	now := time.Now()
	for _, key := range p.Keys(t, app, secret) {
		if !now.Before(key.From) && (key.Until.IsZero() || now.Before(key.Until)) && key.From.After(found.From) {
			found = key
		}
	}
	if found.ID == "" {
		t.Fatalf("no key in %s of %s is in use", secret, app)
	}
	return found
}

// AsApp is a service that calls another in its own name.
func (p *Platform) AsApp(t testing.TB, app, callee string) Caller {
	t.Helper()
	if p.insecure {
		return p.Nobody()
	}
	now := time.Now()
	return p.With(Sign(t, p.KeyInUse(t, app, "app-keys"), Claims{
		"iss": "seaport/" + app, "aud": callee, "sub": app, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}))
}
