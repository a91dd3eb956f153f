package user

import (
	"context"
	"errors"
	"time"

	"seaport.example/services/internal/failure"
)

// ErrTaken says that a user has the address already.
var ErrTaken = errors.New("a user has the address")

// Accounts is where people are registered, one for each address.
type Accounts interface {
	// Register stores a new user and announces it, both or neither. Errors: [ErrTaken]; UNAVAILABLE when
	// it may be stored or not.
	Register(ctx context.Context, u *User, c Credential) error
	// Find returns the user with an address; the zero one when there is none. It reads as much for the one
	// as for the other.
	Find(ctx context.Context, address string) (User, Credential, error)
}

// Store is where users are kept.
type Store interface {
	// Get returns a user; the zero one when there is none.
	Get(ctx context.Context, id string) (User, error)
	// Update changes a user and returns it as stored. A user that does not exist is given as the zero one.
	// The change may run several times; when it returns an error nothing is stored.
	Update(ctx context.Context, id string, change func(*User) error) (User, error)
	// Page lists users, the newest first. Errors: INVALID_ARGUMENT.
	Page(ctx context.Context, size int32, token string) (page []User, next string, err error)
}

// Passwords hashes passwords, at a price. Errors: the end of ctx while others are being hashed.
type Passwords interface {
	// Hash returns a hash that tells nothing of the password.
	Hash(ctx context.Context, password string) (string, error)
	// Matches says whether it is the hash of the password. The empty hash is of no password, and to
	// find that out costs as much as with any other.
	Matches(ctx context.Context, password, hash string) (bool, error)
}

// Config is what [Users] works with.
type Config struct {
	Accounts  Accounts
	Store     Store
	Passwords Passwords
	Spelling  Spelling
	Now       func() time.Time
	NewID     func() string
}

// Users registers and looks after users.
type Users struct {
	Config
}

// NewUsers returns the use-cases of a user.
func NewUsers(cfg Config) *Users { return &Users{Config: cfg} }

// Create registers a user, a customer at first. With a request id it does so once, however often it is
// called. Errors: INVALID_ARGUMENT, ALREADY_EXISTS, UNAVAILABLE.
func (s *Users) Create(ctx context.Context, r Registration) (User, error) {
	if err := r.Normalise(s.Spelling); err != nil {
		return User{}, err
	}
	existing, credential, err := s.Accounts.Find(ctx, r.Email)
	if err != nil {
		return User{}, err
	}
	if existing.Exists() {
		return s.repeat(ctx, &r, existing, credential)
	}
	hash, err := s.Passwords.Hash(ctx, r.Password) // before the address is claimed: others wait for that
	if err != nil {
		return User{}, err
	}
	now := s.Now().UTC()
	u := User{
		ID: s.NewID(), Name: r.Name, Company: r.Company, Email: r.Email, Roles: []Role{Customer},
		CreateTime: now, UpdateTime: now,
	}
	err = s.Accounts.Register(ctx, &u, Credential{Hash: hash, Request: r.fingerprint()})
	if !errors.Is(err, ErrTaken) {
		return u, err
	}
	if existing, credential, err = s.Accounts.Find(ctx, r.Email); err != nil {
		return User{}, err
	}
	return s.repeat(ctx, &r, existing, credential)
}

// repeat returns the user that the same registration made before. Errors: ALREADY_EXISTS when it was another.
func (s *Users) repeat(ctx context.Context, r *Registration, existing User, credential Credential) (User, error) {
	taken := failure.Exists("email", "a user with this address is registered already")
	if r.RequestID == "" || credential.Request != r.fingerprint() {
		return User{}, taken
	}
	same, err := s.Passwords.Matches(ctx, r.Password, credential.Hash)
	if err != nil {
		return User{}, err
	}
	if !same {
		return User{}, taken
	}
	return existing, nil
}

// Get returns a user: the owner alone, anybody for "". Errors: INVALID_ARGUMENT, NOT_FOUND.
func (s *Users) Get(ctx context.Context, owner, id string) (User, error) {
	if err := failure.Text("id", id, maxID); err != nil {
		return User{}, err
	}
	if owner != "" && owner != id {
		return User{}, unknown("id", id)
	}
	u, err := s.Store.Get(ctx, id)
	if err == nil && !u.Exists() {
		err = unknown("id", id)
	}
	return u, err
}

// Page lists users, the newest first. Errors: INVALID_ARGUMENT.
func (s *Users) Page(ctx context.Context, size int32, token string) (page []User, next string, err error) {
	return s.Store.Page(ctx, size, token)
}

// LastAdmin is the precondition that an admin goes on being one: who gave that up could not take it
// back, and it might be the last.
const LastAdmin = "LAST_ADMIN"

// SetRoles says what a user may do from the next token on. Caller is the user who says so. Errors:
// INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION for [LastAdmin].
func (s *Users) SetRoles(ctx context.Context, caller, id string, roles []Role) (User, error) {
	if err := failure.Text("id", id, maxID); err != nil {
		return User{}, err
	}
	roles, err := sorted(roles)
	if err != nil {
		return User{}, err
	}
	if id == caller && count(roles, Admin) == 0 {
		return User{}, failure.Short(LastAdmin, "roles", "another admin must take that role from you: you could not take it back")
	}
	now := s.Now().UTC()
	return s.Store.Update(ctx, id, func(u *User) error {
		if !u.Exists() {
			return unknown("id", id)
		}
		u.setRoles(roles, now)
		return nil
	})
}

func unknown(field, id string) *failure.Error {
	return failure.NotFound(field, "there is no user %s", id)
}
