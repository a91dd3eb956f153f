package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	userv1 "seaport.example/proto/seaport/user/v1"
)

// The roles, each of which has a sample user.
const (
	Customer = "customer"
	Operator = "operator"
	Admin    = "admin"
)

// Account is what somebody logs in with.
type Account struct {
	Role     string `json:"role"`
	UserID   string `json:"user_id"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Caller is somebody at the doors of a platform, who shows a token or none.
type Caller struct {
	platform *Platform
	token    tokens
}

// tokens gives the access token to call with, "" for none. It is [credentials.PerRPCCredentials].
type tokens func(ctx context.Context) (string, error)

// GetRequestMetadata is asked with each call.
func (token tokens) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	raw, err := token(ctx)
	if err != nil || raw == "" {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + raw}, nil
}

// RequireTransportSecurity is false: the platform listens on this machine only.
func (tokens) RequireTransportSecurity() bool { return false }

// Token returns what the caller shows at present.
func (c Caller) Token(t testing.TB) string {
	t.Helper()
	raw, err := c.token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// With is a caller who shows a token, whatever it is worth.
func (p *Platform) With(token string) Caller {
	return Caller{p, func(context.Context) (string, error) { return token, nil }}
}

// Nobody is a caller without a token.
func (p *Platform) Nobody() Caller { return p.With("") }

// As is the sample user of a role.
func (p *Platform) As(t testing.TB, role string) Caller {
	t.Helper()
	return p.LoggedIn(p.Account(t, role))
}

// usual is who calls when a test does not say: the operator, where there are users at all.
func (p *Platform) usual(t testing.TB) Caller {
	t.Helper()
	if p.insecure {
		return p.Nobody()
	}
	return p.As(t, Operator)
}

// Account returns the sample user of a role.
func (p *Platform) Account(t testing.TB, role string) Account {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.Data, "users.json"))
	if err != nil {
		t.Fatalf("reading the sample users: %v", err)
	}
	var all []Account
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatalf("reading the sample users: %v", err)
	}
	i := slices.IndexFunc(all, func(a Account) bool { return a.Role == role })
	if i < 0 {
		t.Fatalf("there is no sample user for %s", role)
	}
	return all[i]
}

// LoggedIn is a user who logs in when needed.
func (p *Platform) LoggedIn(account Account) Caller {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.sessions[account.Email]
	if known == nil {
		known = &session{account: account, platform: p}
		p.sessions[account.Email] = known
	}
	return Caller{p, known.current}
}

// session is a user's log-in.
type session struct {
	account  Account
	platform *Platform

	mu    sync.Mutex
	token string
	renew time.Time // when half of the token's life is over
}

// logInLimit is how long a log-in is repeated while the platform is not up to it.
const logInLimit = 30 * time.Second

func (s *session) current(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Before(s.renew) {
		return s.token, nil
	}
	client, err := s.platform.unknown()
	if err != nil {
		return "", err
	}
	began := time.Now()
	for {
		answer, err := client.Users.Auth(ctx, &userv1.AuthRequest{Email: s.account.Email, Password: s.account.Password})
		if err == nil {
			s.token = answer.GetTokens().GetAccessToken()
			s.renew = began.Add(answer.GetTokens().GetAccessExpireTime().AsTime().Sub(began) / 2)
			return s.token, nil
		}
		if status.Code(err) != codes.Unavailable || time.Since(began) > logInLimit {
			return "", fmt.Errorf("logging in %s: %w", s.account.Email, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// unknown returns the connection of those who are not logged in.
func (p *Platform) unknown() (*Client, error) {
	p.mu.Lock()
	known := p.nobody
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	client, err := p.connect(p.Address(), p.Nobody().token, nil)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nobody = client
	return client, nil
}
