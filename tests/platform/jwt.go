package platform

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// Claims is what a token says (RFC 7519).
type Claims map[string]any

// Sign makes a token as the platform makes them.
func Sign(t testing.TB, key Key, claims Claims) string {
	t.Helper()
	return SignWith(t, Claims{"alg": "EdDSA", "typ": "JWT", "kid": key.ID}, claims, func(text []byte) []byte {
		return ed25519.Sign(key.Private(t), text)
	})
}

// SignWith makes a token with any header and any signature.
func SignWith(t testing.TB, header, claims Claims, sign func(text []byte) []byte) string {
	t.Helper()
	text := part(t, header) + "." + part(t, claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text)))
}

func part(t testing.TB, claims Claims) string {
	t.Helper()
	content, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(content)
}

// Parts returns the header and the claims of a token, which is not verified.
func Parts(t testing.TB, token string) (header, claims Claims) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token has %d parts, want 3", len(parts))
	}
	for i, into := range []*Claims{&header, &claims} {
		content, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(content, into)
		}
		if err != nil {
			t.Fatalf("part %d of a token: %v", i, err)
		}
	}
	return header, claims
}

// Verifies says whether a token is signed with the private part of a public key.
func Verifies(token string, key ed25519.PublicKey) bool {
	i := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	return err == nil && i > 0 && ed25519.Verify(key, []byte(token[:i]), signature)
}
