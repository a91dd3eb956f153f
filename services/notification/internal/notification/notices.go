package notification

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"seaport.example/services/internal/failure"
)

// Kind is what an e-mail is about.
type Kind int

// The kinds of e-mails that events call for.
const (
	Welcome      Kind = iota // to a new user
	Confirmation             // of a booking
	Cancellation             // of a consignment
	News                     // of a consignment that goes on its way
)

// Notice is what an event calls for.
type Notice struct {
	Kind     Kind
	Event    string // its id
	Topic    string
	To       Person // whom it tells; without an address:
	Customer string // whose that is
	Cargo    Cargo  // what it is about; nothing for a welcome
}

// Person is whom a letter is for.
type Person struct {
	Name    string
	Address string
}

// Cargo is what was booked or cancelled, or goes on its way.
type Cargo struct {
	Consignment string
	Vessel      string
	Description string
	Weight      int32 // kilograms; 0: not told
	Pickups     []Pickup
	Status      string    // for news: where it stands, in a word or two
	Since       time.Time // for news; the zero time: not told
	Reason      string    // of a cancellation, or of the news; may be empty
}

// Pickup is a number of containers at one origin.
type Pickup struct {
	Origin     string
	Containers int32
}

// Letter is what is written.
type Letter struct {
	Subject string
	Text    string
	HTML    string
}

// Call is what calls for an e-mail.
type Call struct {
	Key   string // the same whenever the same calls
	Email *Email
	Again bool // it is stored already, and listed: it is to be sent once more
}

// Store is where e-mails are kept.
type Store interface {
	// Handled says which of the keys were handled.
	Handled(ctx context.Context, keys []string) (map[string]bool, error)
	// Add stores the e-mails of calls that were not handled yet, to be sent, and that they are handled now, and
	// returns one error a call. Nothing is done about a call that was handled before, or is handled
	// elsewhere at present: for that one the error is UNAVAILABLE.
	Add(ctx context.Context, calls []Call) []error
	// Get returns an e-mail; the zero one when there is none.
	Get(ctx context.Context, id string) (Email, error)
	// Page lists e-mails, the newest first. Errors: INVALID_ARGUMENT.
	Page(ctx context.Context, size int32, token string) (page []Email, next string, err error)
}

// Writer writes letters.
type Writer interface {
	Write(n *Notice, to Person) (Letter, error)
}

// People knows users.
type People interface {
	// Find returns the user with an id; false when there is none.
	Find(ctx context.Context, id string) (Person, bool, error)
}

// Config is what [Notices] works with.
type Config struct {
	Store  Store
	Writer Writer
	People People
	Domain string // of Message-IDs
	Now    func() time.Time
	NewID  func() string
	Log    *slog.Logger
}

// Notices takes what there is to be written.
type Notices struct {
	Config
}

// NewNotices returns what takes notices.
func NewNotices(cfg Config) *Notices { return &Notices{Config: cfg} }

// Notify has e-mails written of events and returns one error a notice. An event that comes twice is told
// of once. Who is not known gets none.
func (s *Notices) Notify(ctx context.Context, notices []Notice) []error {
	failed := make(map[string]error) // by event
	people := s.find(ctx, notices)
	told := s.told(notices, people, failed)
	fresh, err := s.fresh(ctx, told)
	for i := range told {
		if err != nil {
			failed[told[i].Event] = err
		}
	}
	var calls []Call
	for i := range fresh {
		n := &fresh[i]
		email, err := s.write(n)
		if err != nil {
			failed[n.Event] = err
			continue
		}
		calls = append(calls, Call{Key: n.Event, Email: email})
	}
	if len(calls) > 0 {
		for i, err := range s.Store.Add(ctx, calls) {
			failed[calls[i].Key] = err
		}
	}
	errs := make([]error, len(notices))
	for i := range notices {
		errs[i] = failed[notices[i].Event]
	}
	return errs
}

// told returns the notices that have somebody to tell. The others have no effect, and so need no mark.
func (s *Notices) told(notices []Notice, people map[string]*found, failed map[string]error) []Notice {
	var told []Notice
	for _, n := range notices {
		if n.To.Address == "" {
			f := people[n.Customer]
			if f.err != nil {
				failed[n.Event] = f.err
				continue
			}
			if !f.known {
				s.Log.Debug("nobody to write to", "topic", n.Topic, "event", n.Event)
				continue
			}
			n.To = f.person
		}
		told = append(told, n)
	}
	return told
}

// fresh returns the notices that were not handled, each event once.
func (s *Notices) fresh(ctx context.Context, notices []Notice) ([]Notice, error) {
	var keys []string
	for i := range notices {
		keys = append(keys, notices[i].Event)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	handled, err := s.Store.Handled(ctx, keys)
	if err != nil {
		return nil, err
	}
	var fresh []Notice
	for _, n := range notices {
		if !handled[n.Event] {
			handled[n.Event] = true
			fresh = append(fresh, n)
		}
	}
	return fresh, nil
}

// found is what came of asking for a customer.
type found struct {
	person Person
	known  bool
	err    error
}

// askAtOnce is how many customers are asked for at the same time.
const askAtOnce = 8

// find asks who the customers are, once each.
func (s *Notices) find(ctx context.Context, notices []Notice) map[string]*found {
	people := make(map[string]*found)
	free := make(chan struct{}, askAtOnce)
	var wg sync.WaitGroup
	for i := range notices {
		id := notices[i].Customer
		if notices[i].To.Address != "" || people[id] != nil {
			continue
		}
		f := &found{}
		people[id] = f
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f.person, f.known, f.err = s.People.Find(ctx, id)
		})
	}
	wg.Wait()
	return people
}

// write writes what a notice calls for.
func (s *Notices) write(n *Notice) (*Email, error) {
	to := n.To
	if err := checkAddress("email", to.Address); err != nil {
		return nil, err
	}
	letter, err := s.Writer.Write(n.clean(), Person{Name: line(to.Name), Address: to.Address})
	if err != nil {
		return nil, err
	}
	return s.email(derivedID("event", n.Event), n, to.Address, letter), nil
}

// clean returns the notice with all that somebody chose on one line.
func (n *Notice) clean() *Notice {
	c := *n
	c.Cargo.Description, c.Cargo.Reason = line(n.Cargo.Description), line(n.Cargo.Reason)
	c.Cargo.Consignment, c.Cargo.Vessel, c.Cargo.Status = line(n.Cargo.Consignment), line(n.Cargo.Vessel), line(n.Cargo.Status)
	c.Cargo.Pickups = nil
	for _, p := range n.Cargo.Pickups {
		c.Cargo.Pickups = append(c.Cargo.Pickups, Pickup{Origin: line(p.Origin), Containers: p.Containers})
	}
	return &c
}

func (s *Notices) email(id string, n *Notice, to string, letter Letter) *Email {
	return &Email{
		ID: id, To: to, Subject: letter.Subject, Text: letter.Text, HTML: letter.HTML,
		MessageID: id + "@" + s.Domain, Topic: n.Topic, Event: n.Event, Status: Pending, CreateTime: s.Now().UTC(),
	}
}

// What a service may ask for.
const (
	maxContent   = 100_000 // characters
	maxSubject   = 200
	maxRequestID = 128
	plainSubject = "A message from Seaport"
)

// Message is an e-mail that a service asks for.
type Message struct {
	To        string
	Subject   string // empty for a plain one
	Text      string
	App       string // who asks
	RequestID string // the same one is sent once; empty for no such promise
}

func (m *Message) check() error {
	var wrong []*failure.Error
	for _, err := range []*failure.Error{
		checkAddress("email", m.To), checkContent(m.Text), failure.Longest("subject", m.Subject, maxSubject),
		failure.Longest("request_id", m.RequestID, maxRequestID),
	} {
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	if m.Subject != line(m.Subject) {
		wrong = append(wrong, failure.Invalid("subject", "must be one line without control characters or spaces around it"))
	}
	return failure.All(wrong...)
}

// Send takes an e-mail and returns its id. Errors: INVALID_ARGUMENT, ALREADY_EXISTS for a request id of another
// e-mail, UNAVAILABLE.
func (s *Notices) Send(ctx context.Context, m Message) (string, error) {
	if err := m.check(); err != nil {
		return "", err
	}
	if m.Subject == "" {
		m.Subject = plainSubject
	}
	id := s.NewID()
	if m.RequestID != "" {
		id = derivedID("request", m.App+"\x00"+m.RequestID)
	}
	email := s.email(id, &Notice{}, m.To, Letter{Subject: m.Subject, Text: m.Text})
	if err := errors.Join(s.Store.Add(ctx, []Call{{Key: "request/" + id, Email: email}})...); err != nil {
		return "", failure.Unavailable(err, "the e-mail could not be stored now; try again")
	}
	if m.RequestID == "" {
		return id, nil
	}
	stored, err := s.Store.Get(ctx, id)
	if err != nil {
		return "", failure.Unavailable(err, "the e-mail could not be looked up now; try again")
	}
	if stored.Exists() && !stored.same(email) {
		return "", failure.Exists("request_id", "was used for another e-mail")
	}
	return id, nil
}

// Page lists e-mails, the newest first. Errors: INVALID_ARGUMENT.
func (s *Notices) Page(ctx context.Context, size int32, token string) (page []Email, next string, err error) {
	return s.Store.Page(ctx, size, token)
}
