package user_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/user/internal/user"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var errAway = errors.New("the store is away")

// spelling is simple: addresses and names in one case; what has a "!" is no address and no password.
type spelling struct{}

func (spelling) Address(raw string) (string, error) { return plain(strings.TrimSpace(raw)) }
func (spelling) Name(raw string) string             { return strings.TrimSpace(raw) }
func (spelling) Password(raw string) (string, error) {
	_, err := plain(raw)
	return raw, err
}

func plain(raw string) (string, error) {
	if strings.Contains(raw, "!") {
		return "", errors.New("must not contain !")
	}
	return strings.ToLower(raw), nil
}

// world is everything behind the use-cases, in memory. Its functions, where set, come first.
type world struct {
	Users  *user.Users
	Logins *user.Logins

	log strings.Builder

	mu          sync.Mutex
	now         time.Time
	ids         int
	users       map[string]user.User
	credentials map[string]user.Credential
	sessions    map[string]user.Session
	hashes      []string // compared with, and made
	reads       []string // of accounts

	registering func(u *user.User) error     // before a user is stored
	writing     func(family string) error    // after a session is stored: the answer is lost
	minting     func() error                 // before an access token is made
	finding     func() error                 // before an account is read
	again       func(family string) (n bool) // whether a change of a session is made once more
}

func newWorld() *world {
	w := &world{
		now: noon, users: make(map[string]user.User), credentials: make(map[string]user.Credential), sessions: make(map[string]user.Session),
	}
	now := func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
	id := func() string { w.mu.Lock(); defer w.mu.Unlock(); w.ids++; return fmt.Sprintf("id%d", w.ids) }
	w.Users = user.NewUsers(user.Config{Accounts: w, Store: people{w}, Passwords: w, Spelling: spelling{}, Now: now, NewID: id})
	w.Logins = user.NewLogins(user.LoginConfig{
		Accounts: w, Store: people{w}, Sessions: sessions{w}, Passwords: w, Spelling: spelling{}, Mint: mint{w},
		RefreshTTL: 24 * time.Hour, Now: now, NewID: id, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	return w
}

// pass lets time pass.
func (w *world) pass(d time.Duration) { w.mu.Lock(); defer w.mu.Unlock(); w.now = w.now.Add(d) }

func (w *world) Register(_ context.Context, u *user.User, c user.Credential) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.registering != nil {
		if err := w.registering(u); err != nil {
			return err
		}
	}
	for _, other := range w.users {
		if other.Email == u.Email {
			return user.ErrTaken
		}
	}
	w.users[u.ID], w.credentials[u.ID] = *u, c
	return nil
}

func (w *world) Find(_ context.Context, address string) (user.User, user.Credential, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads = append(w.reads, address)
	if w.finding != nil {
		if err := w.finding(); err != nil {
			return user.User{}, user.Credential{}, err
		}
	}
	for id, u := range w.users {
		if u.Email == address {
			return u, w.credentials[id], nil
		}
	}
	return user.User{}, user.Credential{}, nil
}

func (w *world) Hash(_ context.Context, password string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hashes = append(w.hashes, "")
	return hashOf(password), nil
}

func (w *world) Matches(_ context.Context, password, hash string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hashes = append(w.hashes, hash)
	return hash == hashOf(password), nil
}

func hashOf(password string) string { return fmt.Sprintf("hash of %d letters", len(password)) }

// people is the users of a world.
type people struct{ *world }

func (p people) Get(_ context.Context, id string) (user.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users[id], nil
}

func (p people) Update(_ context.Context, id string, change func(*user.User) error) (user.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.users[id]
	if err := change(&u); err != nil {
		return user.User{}, err
	}
	p.users[id] = u
	return u, nil
}

func (p people) Page(context.Context, int32, string) ([]user.User, string, error) {
	return nil, "", failure.Invalid("page_token", "is not one")
}

// sessions is the sessions of a world.
type sessions struct{ *world }

func (s sessions) Get(_ context.Context, family string) (user.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[family], nil
}

func (s sessions) Update(_ context.Context, family string, change func(*user.Session) error) (user.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		session := s.sessions[family]
		if err := change(&session); err != nil {
			return user.Session{}, err
		}
		s.sessions[family] = session
		if s.writing != nil {
			if err := s.writing(family); err != nil {
				return user.Session{}, err
			}
		}
		if s.again == nil || !s.again(family) {
			return session, nil
		}
	}
}

// mint makes tokens that one can read.
type mint struct{ *world }

func (w mint) Access(u *user.User, id string, now time.Time) (string, time.Time, error) {
	if w.minting != nil {
		if err := w.minting(); err != nil {
			return "", time.Time{}, err
		}
	}
	return fmt.Sprint(u.ID, u.Roles, id), now.Add(time.Minute), nil
}

func (mint) Refresh(family string, counter uint32) (string, error) {
	return fmt.Sprintf("%s/%d", family, counter), nil
}

func (mint) Open(raw string) (family string, counter uint32, err error) {
	family, number, ok := strings.Cut(raw, "/")
	if _, err := fmt.Sscan(number, &counter); err != nil || !ok {
		return "", 0, user.ErrForeign
	}
	return family, counter, nil
}

// kane is a registration that is all right.
func kane() user.Registration {
	return user.Registration{Name: "Kane", Company: "Salty Secrets", Email: "Kane@Example.com", Password: "from hull to hamburg"}
}

// register registers kane.
func (w *world) register(t *testing.T) user.User {
	t.Helper()
	u, err := w.Users.Create(t.Context(), kane())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// wantFailure demands an error of a code about these fields.
func wantFailure(t *testing.T, what string, err error, code string, fields ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want %s", what, code)
		return
	}
	e := failure.From(err)
	var got []string
	for _, v := range e.Violations() {
		got = append(got, v.Field)
	}
	if e.Code().String() != code || strings.Join(got, " ") != strings.Join(fields, " ") {
		t.Errorf("%s: %v of %q (%v), want %s of %q", what, e.Code(), got, err, code, fields)
	}
}
