package identity

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"
	"time"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/platform"
)

// The identity bugs of the freight tutorial that Seaport descends from, each of which must not
// come back. That no secret is logged is in secrecy_test.go.
func TestIdentityBugsOfTheAncestor(t *testing.T) {
	p := shared(t)
	began := time.Now()
	one, two := p.Register(t), p.Register(t)
	users := p.Nobody().Client(t).Users
	validate := func(token string) *userv1.ValidateTokenResponse {
		answer, err := users.ValidateToken(t.Context(), &userv1.ValidateTokenRequest{Token: token})
		if err != nil {
			t.Fatalf("validating a token: %v", err)
		}
		return answer
	}

	t.Run("a fresh token validates", func(t *testing.T) {
		got := validate(one.Tokens.GetAccessToken())
		if !got.GetValid() || got.GetUserId() != one.UserID || !slices.Equal(got.GetRoles(), []userv1.Role{userv1.Role_ROLE_CUSTOMER}) {
			t.Errorf("got %v, want that it is valid, of %s, for a customer", got, one.UserID)
		}
		if !got.GetExpireTime().AsTime().Equal(one.Tokens.GetAccessExpireTime().AsTime()) {
			t.Errorf("it expires at %v, the log-in said %v", got.GetExpireTime().AsTime(), one.Tokens.GetAccessExpireTime().AsTime())
		}
	})
	t.Run("the token is looked at, and with the key", func(t *testing.T) {
		if got := validate(two.Tokens.GetAccessToken()); got.GetUserId() != two.UserID {
			t.Errorf("the token of %s is said to be of %q", two.UserID, got.GetUserId())
		}
		forged := platform.Sign(t, newKey(t), platform.Claims{
			"iss": "seaport", "aud": "seaport", "sub": one.UserID, "iat": began.Unix(), "exp": began.Add(time.Hour).Unix(),
		})
		for name, bad := range map[string]string{"forged": forged, "garbage": "rubbish", "a refresh token": one.Tokens.GetRefreshToken(), "empty": ""} {
			answer, err := users.ValidateToken(t.Context(), &userv1.ValidateTokenRequest{Token: bad})
			if err == nil && (answer.GetValid() || answer.GetUserId() != "" || len(answer.GetRoles()) > 0 || answer.GetExpireTime() != nil) {
				t.Errorf("%s is answered %v", name, answer)
			}
			if err != nil && name != "empty" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := one.Client(t).Users.Get(t.Context(), &userv1.GetRequest{Id: "me"}); err != nil {
			t.Errorf("calling with it: %v", err)
		}
	})
	t.Run("it says when it expires, which is soon and not past", func(t *testing.T) {
		_, claims := platform.Parts(t, one.Tokens.GetAccessToken())
		number, _ := claims["exp"].(float64)
		expires := time.Unix(int64(number), 0)
		if life := expires.Sub(began); life < 14*time.Minute || life > 16*time.Minute {
			t.Errorf("it lives for %s, want 15 minutes", life)
		}
		if !one.Tokens.GetAccessExpireTime().AsTime().Equal(expires) {
			t.Errorf("the log-in says %v, the token %v", one.Tokens.GetAccessExpireTime().AsTime(), expires)
		}
		if life := one.Tokens.GetRefreshExpireTime().AsTime().Sub(began); life < 29*24*time.Hour || life > 31*24*time.Hour {
			t.Errorf("the refresh token lives for %s, want 30 days", life)
		}
	})
	t.Run("others can verify it", func(t *testing.T) {
		header, claims := platform.Parts(t, one.Tokens.GetAccessToken())
		if header["alg"] != "EdDSA" || claims["iss"] != "seaport" || claims["sub"] != one.UserID {
			t.Errorf("the token says %v %v", header, claims)
		}
		i := slices.IndexFunc(webKeys(t, p), func(k webKey) bool { return k.ID == header["kid"] })
		if i < 0 {
			t.Fatalf("key %v is not published", header["kid"])
		}
		public, err := base64.RawURLEncoding.DecodeString(webKeys(t, p)[i].X)
		if err != nil || !platform.Verifies(one.Tokens.GetAccessToken(), public) {
			t.Errorf("the published key does not verify it: %v", err)
		}
	})
	t.Run("neither password nor its hash is ever answered", func(t *testing.T) {
		answer, err := p.As(t, platform.Admin).Client(t).Users.Get(t.Context(), &userv1.GetRequest{Id: one.UserID})
		if err != nil || answer.GetUser().GetEmail() != one.Email || answer.GetUser().GetName() == "" {
			t.Fatalf("got %v, %v", answer, err)
		}
		for key, row := range p.Rows(t, "user", "") {
			wantWithout(t, "row "+key+" of user", string(row), map[string]string{
				"a password": one.Password, "an access token": one.Tokens.GetAccessToken(), "a refresh token": one.Tokens.GetRefreshToken(),
			})
		}
	})
}

// webKey is a key as it is published (RFC 7517).
type webKey struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	ID    string `json:"kid"`
	X     string `json:"x"`
	D     string `json:"d"`
}

// webKeys returns the published keys.
func webKeys(t *testing.T, p *platform.Platform) []webKey {
	t.Helper()
	answer := p.Nobody().REST(t, "GET", "/.well-known/jwks.json", nil)
	var set struct {
		Keys []webKey `json:"keys"`
	}
	if err := json.Unmarshal(answer.Body, &set); err != nil || answer.Status != 200 {
		t.Fatalf("the published keys: answered %d %s, %v", answer.Status, answer.Body, err)
	}
	for _, key := range set.Keys {
		if key.D != "" || key.Type != "OKP" || key.Curve != "Ed25519" || key.ID == "" || key.X == "" {
			t.Errorf("published as %s", answer.Body)
		}
	}
	return set.Keys
}
