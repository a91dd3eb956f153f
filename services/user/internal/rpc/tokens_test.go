package rpc_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/user/internal/user"
)

// login logs kane in.
func (s *service) login(t *testing.T) *userv1.Tokens {
	t.Helper()
	resp, err := s.as("").Auth(t.Context(), &userv1.AuthRequest{Email: "KANE@example.com", Password: "from hull to hamburg"})
	wantUser(t, "log-in", resp.GetUser(), err, kane())
	return resp.GetTokens()
}

func TestAuth(t *testing.T) {
	t.Parallel()
	s := open(t)
	tokens := s.login(t)
	if tokens.GetAccessToken() == "" || !tokens.GetAccessExpireTime().AsTime().Equal(noon.Add(time.Minute)) ||
		tokens.GetRefreshToken() == "" || !tokens.GetRefreshExpireTime().AsTime().Equal(noon.Add(time.Hour)) {
		t.Errorf("got %v", tokens)
	}
	_, wrong := s.as("").Auth(t.Context(), &userv1.AuthRequest{Email: "kane@example.com", Password: "something else"})
	want(t, "wrong password", wrong, "Unauthenticated")
	_, unknown := s.as("garbage").Auth(t.Context(), &userv1.AuthRequest{Email: "able@example.com", Password: "from hull to hamburg"})
	want(t, "unknown address", unknown, "Unauthenticated")
	if wrong.Error() != unknown.Error() {
		t.Errorf("%v tells itself from %v", wrong, unknown)
	}
	_, err := s.as("").Auth(t.Context(), &userv1.AuthRequest{})
	want(t, "nothing", err, "InvalidArgument", "email", "password")
}

func TestRefreshToken(t *testing.T) {
	t.Parallel()
	s := open(t)
	first := s.login(t)
	exchange := func(raw, request string) (*userv1.Tokens, error) {
		resp, err := s.as("").RefreshToken(t.Context(), &userv1.RefreshTokenRequest{RefreshToken: raw, RequestId: request})
		return resp.GetTokens(), err
	}
	second, err := exchange(first.GetRefreshToken(), "r")
	want(t, "exchange", err, "OK")
	again, err := exchange(first.GetRefreshToken(), "r")
	want(t, "the same again", err, "OK")
	if second.GetRefreshToken() == first.GetRefreshToken() || again.GetRefreshToken() != second.GetRefreshToken() {
		t.Errorf("%s became %s and %s", first.GetRefreshToken(), second.GetRefreshToken(), again.GetRefreshToken())
	}
	_, err = exchange("", "")
	want(t, "nothing", err, "InvalidArgument", "refresh_token")
	_, err = exchange("garbage", "")
	want(t, "garbage", err, "Unauthenticated")
	_, err = exchange(first.GetRefreshToken(), "")
	want(t, "spent", err, "Unauthenticated")
	_, err = exchange(second.GetRefreshToken(), "")
	want(t, "its family", err, "Unauthenticated")
}

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	type request = userv1.RevokeTokensRequest
	for name, c := range map[string]struct {
		as     func(t *testing.T, s *service) string
		revoke func(refresh string) *request
		code   string
		fields []string
		ends   bool // kane's log-in
	}{
		"a refresh token, by nobody":  {nobody, func(raw string) *request { return &request{RefreshToken: raw} }, "OK", nil, true},
		"a refresh token, by another": {another, func(raw string) *request { return &request{RefreshToken: raw} }, "OK", nil, true},
		"no such log-in":              {nobody, func(string) *request { return &request{RefreshToken: "id99/0"} }, "OK", nil, false},
		"garbage":                     {nobody, func(string) *request { return &request{RefreshToken: "x"} }, "InvalidArgument", []string{"refresh_token"}, false},
		"nothing":                     {self, func(string) *request { return &request{} }, "InvalidArgument", []string{"refresh_token"}, false},
		"both":                        {self, func(raw string) *request { return &request{RefreshToken: raw, UserId: "id1"} }, "InvalidArgument", []string{"refresh_token"}, false},
		"oneself":                     {self, func(string) *request { return &request{UserId: "me"} }, "OK", nil, true},
		"oneself by id":               {self, func(string) *request { return &request{UserId: "id1"} }, "OK", nil, true},
		"by an admin":                 {boss, func(string) *request { return &request{UserId: "id1"} }, "OK", nil, true},
		"by another":                  {another, func(string) *request { return &request{UserId: "id1"} }, "NotFound", []string{"user_id"}, false},
		"another's, by an admin":      {boss, func(string) *request { return &request{UserId: "id2"} }, "OK", nil, false},
		"nobody's":                    {boss, func(string) *request { return &request{UserId: "id9"} }, "NotFound", []string{"user_id"}, false},
		"by nobody":                   {nobody, func(string) *request { return &request{UserId: "id1"} }, "Unauthenticated", nil, false},
		"by garbage":                  {func(*testing.T, *service) string { return "garbage" }, func(string) *request { return &request{UserId: "id1"} }, "Unauthenticated", nil, false},
		"by a service":                {func(t *testing.T, s *service) string { return s.authority.App(t, "vessel", "user") }, func(string) *request { return &request{UserId: "id1"} }, "Unauthenticated", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			tokens := s.login(t)
			client := s.as(c.as(t, s))
			_, err := client.RevokeTokens(t.Context(), c.revoke(tokens.GetRefreshToken()))
			want(t, "revoked", err, c.code, c.fields...)
			_, err = client.RevokeTokens(t.Context(), c.revoke(tokens.GetRefreshToken()))
			want(t, "revoked twice", err, c.code, c.fields...)
			_, err = s.as("").RefreshToken(t.Context(), &userv1.RefreshTokenRequest{RefreshToken: tokens.GetRefreshToken()})
			if ended := err != nil; ended != c.ends {
				t.Errorf("the log-in: %v", err)
			}
		})
	}
}

func nobody(*testing.T, *service) string   { return "" }
func self(t *testing.T, s *service) string { return s.authority.User(t, "id1", auth.Customer) }
func another(t *testing.T, s *service) string {
	return s.authority.User(t, "id2", auth.Customer, auth.Operator)
}
func boss(t *testing.T, s *service) string { return s.authority.User(t, "boss", auth.Admin) }

func TestValidateToken(t *testing.T) {
	t.Parallel()
	s := open(t)
	access := s.login(t).GetAccessToken()
	validate := func(raw string) (*userv1.ValidateTokenResponse, error) {
		return s.as("").ValidateToken(t.Context(), &userv1.ValidateTokenRequest{Token: raw})
	}
	got, err := validate(access)
	if left := time.Until(got.GetExpireTime().AsTime()); err != nil || !got.GetValid() || got.GetUserId() != "id1" ||
		!slices.Equal(got.GetRoles(), []userv1.Role{userv1.Role_ROLE_CUSTOMER}) || left < 50*time.Second || left > time.Minute {
		t.Errorf("a fresh token: %v, %v", got, err)
	}
	for name, raw := range map[string]string{
		"garbage": "garbage", "a service's": s.authority.App(t, "vessel", "user"), "of nobody": s.signed(&user.User{ID: "id9"}, "0.x"),
		"of another authority": authtest.New(t).User(t, "id1", auth.Customer),
		"changed":              access[:len(access)-4] + "AAAA", "just within the limit": strings.Repeat("a", 8<<10),
	} {
		got, err := validate(raw)
		if err != nil || got.GetValid() || got.GetUserId() != "" || got.GetRoles() != nil || got.GetExpireTime() != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, raw := range map[string]string{"nothing": "", "too long": strings.Repeat("a", 8<<10+1), "megabyte": strings.Repeat("a", 1<<20)} {
		_, err := validate(raw)
		want(t, name, err, "InvalidArgument", "token")
	}
	if _, err := s.as(access).RevokeTokens(t.Context(), &userv1.RevokeTokensRequest{UserId: "me"}); err != nil {
		t.Fatal(err)
	}
	if got, err := validate(access); err != nil || got.GetValid() {
		t.Errorf("after all log-ins ended: %v, %v", got, err)
	}
	if got, err := validate(s.login(t).GetAccessToken()); err != nil || !got.GetValid() {
		t.Errorf("a log-in right after that: %v, %v", got, err)
	}
}
