// Package credentials keeps what a person is logged in with, by server, in a file of their own. A
// refresh token is good once and several commands may run at the same time, so whoever changes the
// file holds a lock on it, a refresh from before its call until the answer is stored.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"seaport.example/cli/internal/flock"
)

// FolderEnv names the folder of the file; without it, it is "seaport" in the user's config folder.
const FolderEnv = "SEAPORT_CONFIG"

var (
	// ErrNone says that nobody is logged in at the server.
	ErrNone = errors.New("nobody is logged in")
	// ErrOver is wrapped by the error of a refresh that the server refused: the log-in is forgotten.
	ErrOver = errors.New("the log-in has ended")
)

// Login is who is logged in at a server, and the tokens of the log-in.
type Login struct {
	UserID         string    `json:"user_id"`
	Email          string    `json:"email"`
	Roles          []string  `json:"roles"`
	AccessToken    string    `json:"access_token"`
	AccessExpires  time.Time `json:"access_expire_time"`
	RefreshToken   string    `json:"refresh_token"`
	RefreshExpires time.Time `json:"refresh_expire_time"`
	// RefreshRequest is the request_id of the refresh that is under way, or whose answer never came:
	// who repeats it is not taken for a thief. Set by Refresh.
	RefreshRequest string `json:"refresh_request_id,omitempty"`
}

// String returns whose log-in it is, and no token.
func (l Login) String() string { return "log-in of " + l.Email }

// GoString is String.
func (l Login) GoString() string { return l.String() }

// Store is the log-ins of a person.
type Store struct{ folder string }

// Open returns the store of this person. Nothing is read or made yet. It fails when the folder is
// not known: there is neither a SEAPORT_CONFIG nor a home.
func Open() (*Store, error) {
	folder := os.Getenv(FolderEnv)
	if folder == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, fmt.Errorf("finding the folder for credentials (%s may name it): %w", FolderEnv, err)
		}
		folder = filepath.Join(config, "seaport")
	}
	return &Store{folder}, nil
}

// Get returns the log-in at a server (host:port), and whether there is one.
func (s *Store) Get(server string) (Login, bool, error) {
	key, err := keyOf(server)
	if err != nil {
		return Login{}, false, err
	}
	logins, err := s.read()
	login, ok := logins[key]
	return login, ok, err
}

// Put stores the log-in at a server in place of the one before.
func (s *Store) Put(server string, login Login) error {
	return s.change(server, func(logins map[string]Login, key string) bool {
		logins[key] = login
		return true
	})
}

// Delete forgets the log-in at a server. That there is none is no error.
func (s *Store) Delete(server string) error {
	return s.change(server, func(logins map[string]Login, key string) bool {
		_, found := logins[key]
		delete(logins, key)
		return found
	})
}

// Refresh returns a log-in with a usable access token: the stored one if usable finds it so by now,
// else the one that refresh returns, once it is stored. Refresh is handed the stored log-in; its call
// carries RefreshRequest as request_id. When refresh fails, its error is returned and the stored
// log-in stays, unless the error is ErrOver.
//
// Errors: ErrNone when nobody is logged in; that of ctx while another command has the lock.
func (s *Store) Refresh(ctx context.Context, server string, usable func(Login) bool, refresh func(Login) (Login, error)) (Login, error) {
	key, err := keyOf(server)
	if err != nil {
		return Login{}, err
	}
	var login Login
	err = s.locked(ctx, func() error {
		logins, err := s.read()
		if err != nil {
			return err
		}
		stored, found := logins[key]
		if !found {
			return ErrNone
		}
		if usable(stored) {
			login = stored
			return nil
		}
		login, err = s.exchange(logins, key, refresh)
		return err
	})
	return login, err
}

// exchange refreshes the log-in of key. What a repeat needs is on disk before the call, and what
// came of it before it is used.
func (s *Store) exchange(logins map[string]Login, key string, refresh func(Login) (Login, error)) (Login, error) {
	old := logins[key]
	if old.RefreshRequest == "" {
		old.RefreshRequest = uuid.NewString()
		logins[key] = old
		if err := s.write(logins); err != nil {
			return Login{}, err
		}
	}
	login, err := refresh(old)
	if errors.Is(err, ErrOver) {
		delete(logins, key)
		return Login{}, errors.Join(err, s.write(logins))
	}
	if err != nil {
		return Login{}, err
	}
	login.RefreshRequest = ""
	logins[key] = login
	if err := s.write(logins); err != nil {
		return Login{}, err
	}
	return login, nil
}

// patience is how long a change waits for another command's refresh, which has a time limit too.
const patience = time.Minute

// change reads the log-ins, changes them, and writes them if they did change.
func (s *Store) change(server string, apply func(logins map[string]Login, key string) bool) error {
	key, err := keyOf(server)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.locked(ctx, func() error {
		logins, err := s.read()
		if err != nil || !apply(logins, key) {
			return err
		}
		return s.write(logins)
	})
}

// locked calls do while no other command changes the file.
func (s *Store) locked(ctx context.Context, do func() error) (err error) {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return fmt.Errorf("making the folder for credentials: %w", err)
	}
	lock, err := flock.Wait(ctx, filepath.Join(s.folder, "credentials.lock"), func() {})
	if err != nil {
		return fmt.Errorf("waiting for another command that changes %s: %w", s.path(), err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return do()
}
