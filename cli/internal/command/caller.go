package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/credentials"
	userv1 "seaport.example/proto/seaport/user/v1"
)

// tokenEnv holds an access token to call with, above any log-in.
const tokenEnv = "SEAPORT_TOKEN"

// margin is how long before it expires an access token is exchanged.
const margin = time.Minute

// caller is whom a command line calls as: the holder of SEAPORT_TOKEN, else who is logged in at
// the server, else nobody. It is safe for concurrent use.
type caller struct {
	s     *session
	fixed string             // the token of SEAPORT_TOKEN
	store *credentials.Store // nil where there is no folder for it

	turnedAway atomic.Bool // a call was refused for want of a good token
	warned     sync.Once

	mu       sync.Mutex
	read     bool // whether login and loggedIn are known
	loggedIn bool
	login    credentials.Login
	tried    time.Time // when this process last refreshed, or failed to
}

// newCaller finds who calls. Without a folder for credentials nobody is logged in.
func newCaller(s *session) (*caller, error) {
	fixed := strings.TrimSpace(os.Getenv(tokenEnv))
	if strings.IndexFunc(fixed, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return nil, badInput("%s: is not a token", tokenEnv)
	}
	store, _ := credentials.Open() // why there is none matters to "login" only, which says it
	return &caller{s: s, fixed: fixed, store: store}, nil
}

// token returns the access token to call with, refreshed if it is about to expire; empty when
// nobody is logged in.
func (c *caller) token(ctx context.Context) (string, error) {
	if c.fixed != "" {
		return c.fixed, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(); err != nil || !c.loggedIn {
		return "", err
	}
	// Clocks differ, and tokens may be short-lived: one just got is good until the server says else.
	if lasts(c.login) || time.Since(c.tried) < margin {
		return c.login.AccessToken, nil
	}
	err := c.refresh(ctx, lasts)
	if err != nil && c.loggedIn && time.Now().Before(c.login.AccessExpires) {
		err = nil // it is good for a moment yet, and the next command tries again
	}
	if err != nil || !c.loggedIn {
		return "", err
	}
	return c.login.AccessToken, nil
}

func lasts(l credentials.Login) bool { return time.Until(l.AccessExpires) > margin }

// renew returns another token than the one that was refused; empty when there is none to be had.
func (c *caller) renew(ctx context.Context, refused string) (string, error) {
	if c.fixed != "" || refused == "" {
		return "", nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.login.AccessToken == refused { // else another call renewed it meanwhile
		err := c.refresh(ctx, func(l credentials.Login) bool { return l.AccessToken != refused && lasts(l) })
		if err != nil {
			return "", err
		}
	}
	return c.login.AccessToken, nil
}

// load reads the stored log-in, once.
func (c *caller) load() (err error) {
	if c.read || c.store == nil {
		return nil
	}
	c.login, c.loggedIn, err = c.store.Get(c.s.address)
	c.read = err == nil
	return err
}

// refresh exchanges the stored log-in, unless another command has done so: usable tells.
func (c *caller) refresh(ctx context.Context, usable func(credentials.Login) bool) error {
	c.tried = time.Now()
	login, err := c.store.Refresh(ctx, c.s.address, usable, func(old credentials.Login) (credentials.Login, error) {
		return c.s.exchange(ctx, old)
	})
	switch {
	case errors.Is(err, credentials.ErrNone): // another command logged out
		c.login, c.loggedIn = credentials.Login{}, false
		return nil
	case errors.Is(err, credentials.ErrOver):
		c.loggedIn = false // whose it was is still to be said
		c.turnedAway.Store(true)
	}
	if err != nil {
		return err
	}
	c.login = login
	return nil
}

// exchange spends the refresh token of a log-in for a new pair.
func (s *session) exchange(ctx context.Context, old credentials.Login) (credentials.Login, error) {
	conn, err := s.connect() // one that repeats: not every connection does
	if err != nil {
		return old, err
	}
	resp, err := userv1.NewUserServiceClient(conn).RefreshToken(ctx,
		&userv1.RefreshTokenRequest{RefreshToken: old.RefreshToken, RequestId: old.RefreshRequest})
	switch status.Code(err) {
	case codes.OK:
		return withTokens(old, resp.GetTokens())
	case codes.Unauthenticated, codes.InvalidArgument:
		return old, &endedError{fmt.Sprintf("the log-in of %s at %s has ended", old.Email, s.address)}
	}
	return old, fmt.Errorf("refresh the log-in: %w", err)
}

// endedError is a log-in whose refresh token is good no more.
type endedError struct{ message string }

func (e *endedError) Error() string { return e.message }
func (e *endedError) Unwrap() error { return credentials.ErrOver }

// GRPCStatus makes it the refusal that the call would have met.
func (e *endedError) GRPCStatus() *status.Status { return status.New(codes.Unauthenticated, e.message) }

// withTokens returns the log-in with another pair of tokens.
func withTokens(l credentials.Login, tokens *userv1.Tokens) (credentials.Login, error) {
	if tokens.GetAccessToken() == "" || tokens.GetRefreshToken() == "" {
		return l, errors.New("the answer holds no tokens")
	}
	l.AccessToken, l.AccessExpires = tokens.GetAccessToken(), tokens.GetAccessExpireTime().AsTime()
	l.RefreshToken, l.RefreshExpires = tokens.GetRefreshToken(), tokens.GetRefreshExpireTime().AsTime()
	return l, nil
}

// warn says, once, that what is secret goes to another machine as it is. A script reads one JSON
// object from stderr, if anything.
func (c *caller) warn() {
	host, _, _ := net.SplitHostPort(c.s.address)
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() || c.s.format() == outputJSON {
		return
	}
	c.warned.Do(func() {
		fmt.Fprintf(c.s.stderr, "seaport: warning: the connection to %s is not encrypted; others on the way can read passwords and tokens\n", visible(c.s.address))
	})
}
