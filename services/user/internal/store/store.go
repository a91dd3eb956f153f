// Package store keeps users in the state store.
//
// Keys: "user/<id>" is a user; "credential/<id>" what proves to be that user, apart from it so that nobody
// reads hashes who lists users; "email/<hash>" whose address it is, by its SHA-256; "session/<family>" a
// log-in; "list/user/all/…" the pages that list all users; "seats" and "outbox/<term>/<slot>" are which
// replicas there are, and the events of each that the broker has not taken yet.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/user/internal/topic"
	"seaport.example/services/user/internal/user"
)

const (
	userPrefix       = "user/"
	credentialPrefix = "credential/"
	everybody        = "all" // the list of all users
)

// State is what a [Store] needs of a state store.
type State interface {
	document.State
	outbox.State
}

// Config says what a store works with.
type Config struct {
	State     State
	Publisher outbox.Publisher
	Encoding  event.Encoding // of the events
	// DeadLetters keeps events that the broker refuses; nil to try them for ever.
	DeadLetters outbox.DeadLetters
	Lease       time.Duration // of the replica's seat; 0 means 15 s
	Now         func() time.Time
	Log         *slog.Logger
}

// Store is the user service's state, but for its sessions.
type Store struct {
	state  State
	users  *document.Store[user.User]
	list   *pages.List
	writer *pages.Writer
	seat   *seat.Seat
	outbox *outbox.Outbox
	now    func() time.Time
	log    *slog.Logger

	announce topic.Announcer
	writing  sync.Mutex
}

var (
	_ user.Accounts = (*Store)(nil)
	_ user.Store    = (*Store)(nil)
)

// New returns the store. It must be run.
func New(cfg Config) *Store {
	s := &Store{
		state: cfg.State,
		users: document.NewStore[user.User](cfg.State, userPrefix),
		list:  pages.New(cfg.State, "user"),
		now:   cfg.Now,
		log:   cfg.Log,

		announce: topic.Announcer{Encoding: cfg.Encoding},
	}
	s.writer = s.list.Writer()
	nothing := func(context.Context, []sidecar.Event) error { return nil } // the events entail nothing here
	s.outbox = outbox.New(outbox.Config{State: cfg.State, Doubt: cfg.Lease, Publisher: cfg.Publisher, DeadLetters: cfg.DeadLetters, Apply: nothing, Log: cfg.Log})
	s.seat = seat.New(seat.Config{State: cfg.State, Lease: cfg.Lease, Finish: s.outbox.Finish, Log: cfg.Log})
	return s
}

// Run keeps this replica's seat and publishes events until ctx ends; then it publishes what is
// left, for a few seconds at most.
func (s *Store) Run(ctx context.Context) error {
	return s.outbox.RunSeated(ctx, s.seat, func(context.Context, seat.Held) error { return nil })
}

// Ready returns nil once users can be stored.
func (s *Store) Ready(ctx context.Context) error { return s.seat.Ready(ctx) }

// Register stores a user whose address nobody has. Of many who register one address at the same time,
// whatever replica they come to, one claims it and the others wait for what comes of that.
func (s *Store) Register(ctx context.Context, u *user.User, c user.Credential) error {
	held, err := s.claim(ctx, u)
	if err != nil {
		return err
	}
	err = s.commit(ctx, u, c, held)
	if err == nil {
		return nil
	}
	if !errors.Is(err, outbox.ErrUncertain) { // else the address is nobody's until the claim runs out
		s.release(ctx, u)
	}
	return failure.Unavailable(err, "the registration could not be stored now; try again")
}

// commit stores a user, its credential, its address, its place in the list and its event in one
// transaction, under a claim.
func (s *Store) commit(ctx context.Context, u *user.User, c user.Credential, held claim) error {
	items, err := itemsOf(u, c, held)
	if err != nil {
		return err
	}
	created, err := s.announce.Created(u)
	if err != nil {
		return err
	}
	s.writing.Lock() // the pages have one writer
	defer s.writing.Unlock()
	seated, err := s.seat.Current(ctx)
	if err != nil {
		return err
	}
	if held.left(s.now()) < enough {
		return errLate
	}
	ctx, cancel := context.WithTimeout(ctx, s.seat.Timeout())
	defer cancel()
	entry := pages.Entry{ID: u.ID, Added: u.CreateTime.UnixMilli()}
	listed, err := s.writer.Stage(ctx, seated, map[string][]pages.Entry{everybody: {entry}})
	if err == nil {
		err = s.outbox.Commit(ctx, seated, append(items, listed...), []sidecar.Event{created})
	}
	s.writer.Done(err == nil)
	return err
}

func itemsOf(u *user.User, c user.Credential, held claim) ([]sidecar.Item, error) {
	items := []sidecar.Item{{Key: userPrefix + u.ID}, {Key: credentialPrefix + u.ID}, {Key: addressKey(u.Email), ETag: held.etag}}
	for i, doc := range []any{u, c, claim{User: u.ID}} {
		var err error
		if items[i].Data, err = json.Marshal(doc); err != nil {
			return nil, fmt.Errorf("encode %q: %w", items[i].Key, err)
		}
	}
	return items, nil
}

// nobody is an id that no user has.
const nobody = "nobody"

// Find returns the user with an address. An address that nobody has costs the same reads.
func (s *Store) Find(ctx context.Context, address string) (u user.User, c user.Credential, err error) {
	owner, _, err := s.owner(ctx, address)
	if err != nil {
		return u, c, err
	}
	if owner.User == "" {
		owner.User = nobody
	}
	userKey, credentialKey := userPrefix+owner.User, credentialPrefix+owner.User
	values, err := s.state.GetMany(ctx, []string{userKey, credentialKey})
	if err != nil || values[userKey].Missing() || values[credentialKey].Missing() {
		return u, c, err
	}
	if err := json.Unmarshal(values[userKey].Data, &u); err != nil {
		return user.User{}, c, fmt.Errorf("decode %q: %w", userKey, err)
	}
	if err := json.Unmarshal(values[credentialKey].Data, &c); err != nil {
		return user.User{}, user.Credential{}, fmt.Errorf("decode %q: %w", credentialKey, err)
	}
	return u, c, nil
}

// Get returns a user; the zero one when there is none.
func (s *Store) Get(ctx context.Context, id string) (user.User, error) { return s.users.Get(ctx, id) }

// Update changes a user.
func (s *Store) Update(ctx context.Context, id string, change func(*user.User) error) (user.User, error) {
	return s.users.Update(ctx, id, change)
}

// Page lists users, the newest first.
func (s *Store) Page(ctx context.Context, size int32, token string) (page []user.User, next string, err error) {
	ids, next, err := s.list.Page(ctx, everybody, size, token)
	if err != nil {
		return nil, "", err
	}
	found, err := s.users.GetMany(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	for _, id := range ids {
		if u, ok := found[id]; ok {
			page = append(page, u)
		}
	}
	return page, next, nil
}
