package identity

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"seaport.example/tests/platform"
)

// kind is one kind of caller and what a rule answers to it.
type kind struct {
	name  string
	token string
	want  func(r rule) codes.Code
}

// strangers are the callers whose token is no good, in every way that a token can be. Apart from
// what is wrong with it each token says that it is an admin's and everybody's.
func (w world) strangers(t *testing.T) []kind {
	t.Helper()
	key := w.KeyInUse(t, "user", "signing-keys")
	fresh := newKey(t)
	claims := func(changes platform.Claims) platform.Claims {
		now := time.Now()
		all := platform.Claims{
			"iss": "seaport", "aud": "seaport", "sub": w.Account(t, platform.Admin).UserID, "jti": rand.Text(),
			"roles": []string{platform.Customer, platform.Operator, platform.Admin},
			"iat":   now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
		}
		maps.Copy(all, changes)
		maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
		return all
	}
	signed := func(changes platform.Claims) string { return platform.Sign(t, key, claims(changes)) }
	hmacWith := func(secret []byte) string {
		return platform.SignWith(t, platform.Claims{"alg": "HS256", "typ": "JWT", "kid": key.ID}, claims(nil), func(text []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(text)
			return mac.Sum(nil)
		})
	}
	none := func(header string) string {
		return platform.SignWith(t, platform.Claims{"alg": header, "typ": "JWT", "kid": key.ID}, claims(nil), func([]byte) []byte { return nil })
	}
	good := signed(nil)
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	tokens := []struct{ name, token string }{
		{"no token", ""},
		{"garbage", "rubbish"},
		{"garbage of three parts", "cnViYmlzaA.cnViYmlzaA.cnViYmlzaA"},
		{"expired", signed(platform.Claims{"iat": ago(time.Hour), "exp": ago(time.Minute)})},
		{"not good yet", signed(platform.Claims{"nbf": ago(-time.Hour)})},
		{"issued in the future", signed(platform.Claims{"iat": ago(-time.Hour), "exp": ago(-2 * time.Hour)})},
		{"that never expires", signed(platform.Claims{"exp": nil})},
		{"that is nobody's", signed(platform.Claims{"sub": nil})},
		{"for another audience", signed(platform.Claims{"aud": "somebody else"})},
		{"for no audience", signed(platform.Claims{"aud": nil})},
		{"of another issuer", signed(platform.Claims{"iss": "https://seaport.example"})},
		{"of no issuer", signed(platform.Claims{"iss": nil})},
		{"signed with a key nobody knows", platform.Sign(t, fresh, claims(nil))},
		{"signed with another key under a known id", platform.Sign(t, platform.Key{ID: key.ID, D: fresh.D}, claims(nil))},
		{"signed with a key of no id", platform.Sign(t, platform.Key{D: key.D}, claims(nil))},
		{"signed with the key of a service", platform.Sign(t, w.KeyInUse(t, "vessel", "app-keys"), claims(nil))},
		{"alg none", none("none")},
		{"alg None", none("None")},
		{"unsigned", none("EdDSA")},
		{"HS256 by the bytes of the public key", hmacWith(key.Public(t))},
		{"HS256 by the text of the public key", hmacWith([]byte(key.X))},
		{"cut short", good[:len(good)-4]},
		{"with another payload", withRoles(t, good)},
		{"too long", signed(platform.Claims{"more": strings.Repeat("a", 10_000)})},
	}
	kinds := make([]kind, len(tokens))
	for i, token := range tokens {
		kinds[i] = kind{token.name, token.token, func(r rule) codes.Code { return r.nobody }}
	}
	return kinds
}

// withRoles keeps the signature of a token and changes what it says.
func withRoles(t *testing.T, token string) string {
	t.Helper()
	header, claims := platform.Parts(t, token)
	claims["jti"] = "another"
	_, signature, _ := strings.Cut(token[strings.IndexByte(token, '.')+1:], ".")
	changed := platform.SignWith(t, header, claims, func([]byte) []byte { return nil })
	return changed + signature
}

func newKey(t *testing.T) platform.Key {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return platform.Key{ID: rand.Text(), X: encode(public), D: encode(private.Seed())}
}

// users are the callers whom the platform knows.
func (w world) users(t *testing.T) []kind {
	t.Helper()
	return []kind{
		{"a customer", w.mine.Token(t), func(r rule) codes.Code { return r.customer }},
		{"another customer", w.other.Token(t), func(r rule) codes.Code { return r.other }},
		{"an operator", w.As(t, platform.Operator).Token(t), func(r rule) codes.Code { return r.operator }},
		{"an admin", w.As(t, platform.Admin).Token(t), func(r rule) codes.Code { return r.admin }},
		{"a user without a role", w.roleless(t), func(r rule) codes.Code {
			switch {
			case r.anyone:
				return r.nobody
			case r.method == revoke: // is for anyone as far as roles go
				return hidden
			}
			return denied
		}},
	}
}

// roleless is the token of a user who may do nothing.
func (w world) roleless(t *testing.T) string {
	t.Helper()
	now := time.Now()
	return platform.Sign(t, w.KeyInUse(t, "user", "signing-keys"), platform.Claims{
		"iss": "seaport", "aud": "seaport", "sub": w.other.UserID, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	})
}

// services are the callers that are services, at the door of one of them.
func (w world) services(t *testing.T, callee string) []kind {
	t.Helper()
	var kinds []kind
	for _, app := range apps {
		kinds = append(kinds, kind{"the service " + app, w.AsApp(t, app, callee).Token(t), func(r rule) codes.Code {
			switch {
			case r.anyone:
				return r.nobody
			case r.method == revoke:
				return unknown
			case contains(r.apps, app):
				return whatever
			}
			return denied
		}})
	}
	now := time.Now()
	claims := platform.Claims{"iss": "seaport/consignment", "aud": callee, "sub": "consignment", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	past := platform.Claims{"iss": "seaport/consignment", "aud": callee, "sub": "consignment", "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(-time.Minute).Unix()}
	for name, token := range map[string]string{
		"a service that calls somebody else":      w.AsApp(t, "consignment", "somebody").Token(t),
		"a service that calls everybody":          w.AsApp(t, "consignment", "seaport").Token(t),
		"a service with the key of another":       platform.Sign(t, w.KeyInUse(t, "vessel", "app-keys"), claims),
		"a service with the key of users' tokens": platform.Sign(t, w.KeyInUse(t, "user", "signing-keys"), claims),
		"a service whose token has expired":       platform.Sign(t, w.KeyInUse(t, "consignment", "app-keys"), past),
	} {
		kinds = append(kinds, kind{name, token, func(r rule) codes.Code { return r.nobody }})
	}
	return kinds
}

// whatever is an answer that is no refusal to the caller.
const whatever = codes.Code(99)
