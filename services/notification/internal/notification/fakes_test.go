package notification_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/notification/internal/notification"
)

var errAway = errors.New("away")

// book is a store in memory.
type book struct {
	mu      sync.Mutex
	handled map[string]bool
	emails  map[string]notification.Email
	added   []notification.Call
	fails   error  // of every call
	busy    string // a key that another is at
	puts    func() error
}

func newBook() *book {
	return &book{handled: make(map[string]bool), emails: make(map[string]notification.Email)}
}

func (b *book) Handled(_ context.Context, keys []string) (map[string]bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string]bool)
	for _, key := range keys {
		out[key] = b.handled[key]
	}
	return out, b.fails
}

func (b *book) Add(_ context.Context, calls []notification.Call) []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	errs := make([]error, len(calls))
	for i, call := range calls {
		switch {
		case b.fails != nil:
			errs[i] = b.fails
		case call.Key == b.busy:
			errs[i] = failure.Unavailable(nil, "busy")
		case !b.handled[call.Key]:
			b.handled[call.Key] = true
			b.added = append(b.added, call)
			if call.Email != nil {
				b.emails[call.Email.ID] = *call.Email
			}
		}
	}
	return errs
}

func (b *book) Get(_ context.Context, id string) (notification.Email, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.emails[id], b.fails
}

func (b *book) Update(_ context.Context, id string, change func(*notification.Email) error) (notification.Email, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.puts != nil {
		if err := b.puts(); err != nil {
			return notification.Email{}, err
		}
	}
	e := b.emails[id]
	if err := change(&e); err != nil {
		return e, err
	}
	b.emails[id] = e
	return e, nil
}

func (b *book) Page(context.Context, int32, string) ([]notification.Email, string, error) {
	return nil, "", b.fails
}

// people are by id; those whose name is "away" cannot be asked for.
type people struct {
	mu    sync.Mutex
	known map[string]notification.Person
	asked []string
}

func (p *people) Find(_ context.Context, id string) (notification.Person, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, id)
	if id == "away" {
		return notification.Person{}, false, errAway
	}
	person, ok := p.known[id]
	return person, ok, nil
}

type writer func(n *notification.Notice, to notification.Person) (notification.Letter, error)

func (w writer) Write(n *notification.Notice, to notification.Person) (notification.Letter, error) {
	return w(n, to)
}

func newNotices(b *book, p *people) *notification.Notices {
	return notification.NewNotices(notification.Config{
		Store: b, People: p, Domain: "seaport.example",
		Writer: writer(func(n *notification.Notice, to notification.Person) (notification.Letter, error) {
			return notification.Letter{Subject: n.Cargo.Description, Text: "to " + to.Name, HTML: "<p>"}, nil
		}),
		Now: func() time.Time { return time.Unix(1_900_000_000, 0) }, NewID: func() string { return "random" },
		Log: slog.New(slog.DiscardHandler),
	})
}
