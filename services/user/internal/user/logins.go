package user

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"seaport.example/services/internal/failure"
)

// Sessions is where log-ins are kept, for as long as their refresh tokens are good.
type Sessions interface {
	// Get returns a session; the zero one when there is none.
	Get(ctx context.Context, family string) (Session, error)
	// Update changes a session, as [Store.Update] does a user.
	Update(ctx context.Context, family string, change func(*Session) error) (Session, error)
}

// ErrForeign says that something is no refresh token of ours.
var ErrForeign = errors.New("it is no refresh token of ours")

// Mint makes tokens. Errors: UNAVAILABLE while it has no keys.
type Mint interface {
	// Access returns an access token with this id and when it expires.
	Access(u *User, id string, now time.Time) (raw string, expires time.Time, err error)
	// Refresh returns a refresh token: number counter of a family, which is a UUID.
	Refresh(family string, counter uint32) (string, error)
	// Open is the inverse of Refresh. Errors: [ErrForeign].
	Open(raw string) (family string, counter uint32, err error)
}

// Tokens is what a logged-in user calls with. It shows itself in no log.
type Tokens struct {
	Access         string
	AccessExpires  time.Time
	Refresh        string
	RefreshExpires time.Time
}

// String hides the tokens.
func (Tokens) String() string { return hidden }

// LogValue hides the tokens.
func (Tokens) LogValue() slog.Value { return slog.StringValue(hidden) }

// LoginConfig is what [Logins] works with.
type LoginConfig struct {
	Accounts   Accounts
	Store      Store
	Sessions   Sessions
	Passwords  Passwords
	Spelling   Spelling
	Mint       Mint
	RefreshTTL time.Duration // how long a refresh token is good
	Now        func() time.Time
	NewID      func() string // a UUID, by chance
	Log        *slog.Logger
}

// Logins logs users in and out.
type Logins struct {
	LoginConfig
}

// NewLogins returns the use-cases of a log-in.
func NewLogins(cfg LoginConfig) *Logins { return &Logins{LoginConfig: cfg} }

// Begin logs a user in. It costs one hash whoever that is, and neither the answer nor what it takes to
// find it tells whether the address is known. Errors: INVALID_ARGUMENT for what is no address or
// no password at all, UNAUTHENTICATED.
func (l *Logins) Begin(ctx context.Context, email, secret string) (Tokens, User, error) {
	var wrong []*failure.Error
	email, err := address(email, l.Spelling)
	if err != nil {
		wrong = append(wrong, err)
	}
	if secret, err = password(secret, l.Spelling); err != nil {
		wrong = append(wrong, err)
	}
	if err := failure.All(wrong...); err != nil {
		return Tokens{}, User{}, err
	}
	return l.begin(ctx, email, secret)
}

func (l *Logins) begin(ctx context.Context, email, secret string) (Tokens, User, error) {
	u, credential, err := l.Accounts.Find(ctx, email)
	if err != nil {
		return Tokens{}, User{}, err
	}
	right, err := l.Passwords.Matches(ctx, secret, credential.Hash)
	if err != nil {
		return Tokens{}, User{}, err
	}
	if !right || !u.Exists() {
		return Tokens{}, User{}, failure.Unauthenticated("the address or the password is wrong")
	}
	now, family := l.Now().UTC(), l.NewID()
	session := Session{User: u.ID, Epoch: u.Epoch, Created: now, Expires: now.Add(l.RefreshTTL)}
	tokens, err := l.tokens(&u, family, session.Counter, now)
	if err != nil {
		return Tokens{}, User{}, err
	}
	tokens.RefreshExpires = session.Expires
	_, err = l.Sessions.Update(ctx, family, func(s *Session) error {
		*s = session // the family is new: what is there already is this call's, written and not answered
		return nil
	})
	return tokens, u, err
}

// tokens makes a pair, but for the time at which its refresh token expires.
func (l *Logins) tokens(u *User, family string, counter uint32, now time.Time) (t Tokens, err error) {
	if t.Access, t.AccessExpires, err = l.Mint.Access(u, u.tokenID(l.NewID()), now); err != nil {
		return Tokens{}, err
	}
	if t.Refresh, err = l.Mint.Refresh(family, counter); err != nil {
		return Tokens{}, err
	}
	return t, nil
}

// Refresh exchanges a refresh token for a new pair, with the roles the user has now. A repeat with the same
// request id gets the same refresh token for a minute. Errors: INVALID_ARGUMENT, UNAUTHENTICATED.
func (l *Logins) Refresh(ctx context.Context, raw, requestID string) (Tokens, error) {
	if raw == "" {
		return Tokens{}, failure.Invalid("refresh_token", "is missing")
	}
	if err := failure.Longest("request_id", requestID, maxRequestID); err != nil {
		return Tokens{}, err
	}
	over := failure.Unauthenticated("the refresh token is not good any more; log in again")
	family, counter, err := l.Mint.Open(raw)
	if errors.Is(err, ErrForeign) {
		return Tokens{}, over
	}
	if err != nil {
		return Tokens{}, err
	}
	session, err := l.Sessions.Get(ctx, family)
	if err != nil {
		return Tokens{}, err
	}
	if !session.Exists() {
		return Tokens{}, over
	}
	u, err := l.Store.Get(ctx, session.User)
	if err != nil {
		return Tokens{}, err
	}
	now := l.Now().UTC()
	// All that may fail comes before the exchange, which is not undone.
	tokens, err := l.tokens(&u, family, counter+1, now)
	if err != nil {
		return Tokens{}, err
	}
	outcome, session, err := l.exchange(ctx, family, counter, requestID, &u, now)
	if err != nil {
		return Tokens{}, err
	}
	if outcome != exchanged || !u.Exists() {
		return Tokens{}, over
	}
	tokens.RefreshExpires = session.Expires
	return tokens, nil
}

func (l *Logins) exchange(ctx context.Context, family string, counter uint32, requestID string, u *User, now time.Time) (exchange, Session, error) {
	if requestID == "" {
		requestID = l.NewID() // so that this call knows its own write if the store does not own up to it
	}
	request := hashOf(requestID)
	var outcome exchange
	session, err := l.Sessions.Update(ctx, family, func(s *Session) error {
		outcome = s.exchange(counter, request, u, now, l.RefreshTTL)
		return nil
	})
	if err == nil && outcome == stolen {
		l.Log.Warn("a spent refresh token came again; its log-in is ended", "user", session.User)
	}
	return outcome, session, err
}

// End logs out: the log-in that a refresh token belongs to, be it the one that is good or a spent one.
// Once is enough, more does no harm. Errors: INVALID_ARGUMENT.
func (l *Logins) End(ctx context.Context, raw string) error {
	family, _, err := l.Mint.Open(raw)
	if errors.Is(err, ErrForeign) {
		return failure.Invalid("refresh_token", "is not one that Seaport gave")
	}
	if err != nil {
		return err
	}
	_, err = l.Sessions.Update(ctx, family, func(s *Session) error {
		if s.Exists() {
			s.Revoked = true
		}
		return nil
	})
	return err
}

// EndAll ends every log-in of a user: of the owner alone, of anybody for "". Errors: INVALID_ARGUMENT,
// NOT_FOUND.
func (l *Logins) EndAll(ctx context.Context, owner, id string) error {
	if err := failure.Text("user_id", id, maxID); err != nil {
		return err
	}
	if owner != "" && owner != id {
		return unknown("user_id", id)
	}
	_, err := l.Store.Update(ctx, id, func(u *User) error {
		if !u.Exists() {
			return unknown("user_id", id)
		}
		u.Epoch++
		return nil
	})
	return err
}

// Stands says whether an access token whose signature is good was not revoked since: the user exists and
// has not ended all log-ins.
func (l *Logins) Stands(ctx context.Context, userID, tokenID string) (bool, error) {
	u, err := l.Store.Get(ctx, userID)
	return err == nil && u.Exists() && u.gave(tokenID), err
}
