package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	eventv1 "seaport.example/proto/seaport/event/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/notification/internal/letter"
	"seaport.example/services/notification/internal/notification"
	"seaport.example/services/notification/internal/post"
	"seaport.example/services/notification/internal/rpc"
	"seaport.example/services/notification/internal/store"
	"seaport.example/services/notification/internal/topic"
)

// replica is all parts of the service but its process.
type replica struct {
	of      *sidecar.Sidecar
	handle  map[string]sidecar.Handler
	notices *notification.Notices
}

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

type nobody struct{}

func (nobody) Find(_ context.Context, id string) (notification.Person, bool, error) {
	return notification.Person{Name: "Kane", Address: id + "@example.com"}, id != "customer-1", nil
}

func start(t *testing.T, fake *sidecartest.Fake, logs *journal) *replica {
	t.Helper()
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := &replica{of: fake.Sidecar(t)}
	var sending *notification.Sender
	emails := store.New(store.Config{
		State: r.of.State(sidecartest.StateStore), Deliver: func(ctx context.Context, id string) error { return sending.Deliver(ctx, id) },
		Lease: time.Second, Now: time.Now, Log: log,
	})
	sending = notification.NewSender(notification.SenderConfig{
		Emails: emails, Mailer: post.New(r.of.Binding("mailer"), mail.Address{Address: "no-reply@seaport.example"}),
		Dead: topic.NewDeadLetters(r.of.Publisher(sidecartest.PubSub)), Attempts: 3, Pause: time.Millisecond, Now: time.Now, Log: log,
	})
	notices := notification.NewNotices(notification.Config{
		Store: emails, Writer: letter.Writer{}, People: nobody{}, Domain: "seaport.example", Now: time.Now, NewID: uuid.NewString, Log: log,
	})
	r.handle = topic.Handlers(notices)
	r.notices = notices
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = emails.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	sidecartest.Await(t, "the replica is ready", func() bool { return emails.Ready(ctx) == nil })
	return r
}

// serving returns how to call a replica.
func (r *replica) serving(t *testing.T, authority *authtest.Authority) notificationv1.NotificationServiceClient {
	t.Helper()
	server := serve.NewServer(slog.New(slog.DiscardHandler), auth.NewGuard(auth.GuardConfig{
		App: "notification", Keys: authority.Keys(t, "notification"), Rules: []auth.Rules{access.Notification},
	}))
	rpc.Register(server, r.notices)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return notificationv1.NewNotificationServiceClient(conn)
}

// bubble runs a test in which time passes when everybody waits (testing/synctest).
func bubble(t *testing.T, test func(t *testing.T, fake *sidecartest.Fake, logs *journal)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(15 * time.Second) }) // what is tried until it succeeds now does
		test(t, sidecartest.New(), &journal{})
	})
}

// takes is a mail server that takes all.
func takes(sidecartest.Delivery) ([]byte, map[string]string, error) {
	return nil, map[string]string{"statusCode": "204"}, nil
}

// messageIDs counts the mails that the mail server was given, by Message-ID.
func messageIDs(t *testing.T, fake *sidecartest.Fake) map[string]int {
	t.Helper()
	ids := make(map[string]int)
	for _, d := range fake.Deliveries() {
		m, err := mail.ReadMessage(bytes.NewReader(d.Data))
		if err != nil {
			t.Fatal(err)
		}
		ids[m.Header.Get("Message-ID")]++
	}
	return ids
}

func booked(t *testing.T, id string) sidecar.Event {
	t.Helper()
	e, err := event.JSON.New(id+".booked", event.ConsignmentBooked, &eventv1.ConsignmentBooked{ConsignmentId: id, CustomerId: "u1", Weight: 1})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// deliver delivers events as a sidecar does: as often as components/common/resiliency.yaml says, until they are handled.
func (r *replica) deliver(t *testing.T, events ...sidecar.Event) {
	t.Helper()
	var err error
	for range 9 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		err = errors.Join(r.handle[events[0].Topic](ctx, events)...)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(time.Second)
	}
	t.Errorf("the events are in the dead letters now: %v", err)
}

// 200 events, each delivered twice and more, to two replicas at once, while many a write to the store fails before or
// after it was carried out: every mail arrives, each once.
func TestEachOnce(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, logs *journal) {
		fake.Bind("mailer", takes)
		replicas := []*replica{start(t, fake, logs), start(t, fake, logs)}
		for _, op := range []sidecartest.Op{sidecartest.Transact, sidecartest.Put} {
			var n atomic.Int32
			fault := func(ctx context.Context, c sidecartest.Call) error {
				if n.Add(1)%17 == 0 {
					return sidecartest.Away(ctx, c)
				}
				return nil
			}
			fake.Inject(sidecartest.Fault{Op: op, Key: "inbox/", Before: fault, After: fault})
		}
		var wg sync.WaitGroup
		for lane := range 4 {
			wg.Go(func() {
				for i := 0; i < 200; i += 10 {
					var events []sidecar.Event
					for k := range 10 { // each lane has an order of its own, and every event
						events = append(events, booked(t, fmt.Sprint((i*(1+2*lane)+k*(1+2*lane)+7*lane)%200)))
					}
					replicas[lane%2].deliver(t, events...)
				}
			})
		}
		wg.Wait()
		for i := range 200 { // those that no lane had
			replicas[0].deliver(t, booked(t, fmt.Sprint(i)))
		}
		sidecartest.Await(t, "nothing is left to send", func() bool { return len(fake.Keys("outbox/")) == 0 })
		ids := messageIDs(t, fake)
		if len(ids) != 200 {
			t.Errorf("%d mails arrived", len(ids))
		}
		for id, n := range ids {
			if n != 1 {
				t.Errorf("%s arrived %d times", id, n)
			}
		}
	})
}

// The process dies at each step of a mail's way: another one brings the mail in, with the same Message-ID; twice only
// where it dies between the mail server's answer and the mark.
func TestDeathAtEachStep(t *testing.T) {
	for name, c := range map[string]struct {
		op    sidecartest.Op
		key   string
		after bool // the step was carried out
		times int
	}{
		"before the claim":       {sidecartest.Put, "inbox/", false, 1},
		"after the claim":        {sidecartest.Put, "inbox/", true, 1},
		"before the commit":      {sidecartest.Transact, "email/", false, 1},
		"after the commit":       {sidecartest.Transact, "email/", true, 1},
		"before the mail server": {sidecartest.Bind, "", false, 1},
		"after the mail server":  {sidecartest.Bind, "", true, 2},
		"before the mark":        {sidecartest.Put, "email/", false, 2},
		"after the mark":         {sidecartest.Put, "email/", true, 1},
		"before the row goes":    {sidecartest.Transact, "outbox/", false, 1},
		"after the row went":     {sidecartest.Transact, "outbox/", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake, logs *journal) {
				fake.Bind("mailer", takes)
				dying, died := start(t, fake, logs), make(chan struct{})
				var once sync.Once
				var revive func()
				kill := func(ctx context.Context, call sidecartest.Call) error {
					if c.key == "outbox/" && len(call.Keys) > 1 {
						return nil // that is the commit
					}
					once.Do(func() {
						revive = fake.Inject(sidecartest.Fault{Sidecar: dying.of, Before: sidecartest.Away})
						close(died)
					})
					return sidecartest.Away(ctx, call)
				}
				fault := sidecartest.Fault{Op: c.op, Key: c.key, Sidecar: dying.of, Before: kill}
				if c.after {
					fault.Before, fault.After = nil, kill
				}
				fake.Inject(fault)
				ctx := context.WithoutCancel(t.Context())
				go dying.handle[event.ConsignmentBooked](ctx, []sidecar.Event{booked(t, "c1")})
				<-died
				defer revive()
				heir := start(t, fake, logs)
				heir.deliver(t, booked(t, "c1")) // the broker has not heard that it was handled
				sidecartest.Await(t, "the mail arrives, and nothing is left to do", func() bool {
					return len(messageIDs(t, fake)) == 1 && len(fake.Keys("outbox/")) == 0
				})
				for id, n := range messageIDs(t, fake) {
					if n != c.times {
						t.Errorf("%s arrived %d times, want %d", id, n, c.times)
					}
				}
			})
		})
	}
}

// A mail server that is away holds nothing up for longer than it is; one that refuses gets the mail into the dead letters;
// the log says so and names no address.
func TestMailServer(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake, logs *journal) {
		var away atomic.Bool
		away.Store(true)
		fake.Bind("mailer", func(d sidecartest.Delivery) ([]byte, map[string]string, error) {
			switch {
			case bytes.Contains(d.Data, []byte("To: <bad@example.com>")):
				return []byte("550 <bad@example.com> unknown"), map[string]string{"statusCode": "422"}, nil
			case away.Load():
				return nil, nil, errors.New("connection refused")
			}
			return takes(d)
		})
		r := start(t, fake, logs)
		welcome := func(id, address string) sidecar.Event {
			e, err := event.JSON.New(id, event.UserCreated, &eventv1.UserCreated{UserId: id, Name: "K", Email: address})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		r.deliver(t, welcome("e1", "bad@example.com"), welcome("e2", "good@example.com"))
		sidecartest.Await(t, "the bad one is in the dead letters", func() bool { return len(fake.Events()) == 1 })
		away.Store(false)
		sidecartest.Await(t, "the good one is sent", func() bool { return len(fake.Keys("outbox/")) == 0 })
		page, _, err := r.notices.Page(t.Context(), 0, "")
		if err != nil || len(page) != 2 {
			t.Fatalf("%v, %v", page, err)
		}
		for _, e := range page {
			want := map[string]notification.Status{"bad@example.com": notification.Failed, "good@example.com": notification.Sent}[e.To]
			if e.Status != want {
				t.Errorf("%+v, want %s", e, want)
			}
		}
		away.Store(true)
		r.deliver(t, welcome("e3", "late@example.com"))
		sidecartest.Await(t, "it is given up", func() bool { return len(fake.Events()) == 2 })
		if told := logs.String(); !strings.Contains(told, "given up") || strings.Contains(told, "@example.com") {
			t.Errorf("the log is %s", told)
		}
	})
}

func TestRPC(t *testing.T) {
	t.Parallel()
	fake, authority := sidecartest.New(), authtest.New(t, "notification", "user")
	fake.Bind("mailer", takes)
	c := start(t, fake, &journal{}).serving(t, authority)
	as := func(token string) context.Context {
		return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	}
	service, admin, customer := as(authority.App(t, "user", "notification")), as(authority.User(t, "a1", auth.Admin)), as(authority.User(t, "u1", auth.Customer))
	req := &notificationv1.SendEmailRequest{Email: "kane@example.com", Content: "Dear Kane", RequestId: "r1"}
	first, err := c.SendEmail(service, req)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.SendEmail(service, req); err != nil || again.GetId() != first.GetId() {
		t.Errorf("again: %v, %v", again, err)
	}
	sidecartest.Await(t, "it is sent", func() bool {
		list, err := c.ListEmails(admin, &notificationv1.ListEmailsRequest{})
		return err == nil && len(list.GetEmails()) == 1 && list.GetEmails()[0].GetStatus() == notificationv1.EmailStatus_EMAIL_STATUS_SENT
	})
	list, err := c.ListEmails(admin, &notificationv1.ListEmailsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if e := list.GetEmails()[0]; e.GetId() != first.GetId() || e.GetEmail() != "kane@example.com" || e.GetContent() != "Dear Kane" ||
		e.GetSubject() != "A message from Seaport" || e.GetMessageId() != e.GetId()+"@seaport.example" || e.GetSendTime() == nil {
		t.Errorf("%v", e)
	}
	if ids := messageIDs(t, fake); len(ids) != 1 || ids["<"+first.GetId()+"@seaport.example>"] != 1 {
		t.Errorf("%v", ids)
	}
	for what, got := range map[string]error{
		"a customer sends": errorOf(c.SendEmail(customer, req)), "an admin sends": errorOf(c.SendEmail(admin, req)),
		"a customer lists": errorOf(c.ListEmails(customer, &notificationv1.ListEmailsRequest{})),
	} {
		if status.Code(got) != codes.PermissionDenied {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// errorOf is the error of a call.
func errorOf[T any](_ T, err error) error { return err }

func TestReadConfig(t *testing.T) {
	t.Parallel()
	usual := config{15 * time.Second, "seaport.example", mail.Address{Name: "Seaport", Address: "no-reply@seaport.example"}, 12, 500 * time.Millisecond}
	for name, c := range map[string]struct {
		env  map[string]string
		want config
		err  []string
	}{
		"nothing set": {nil, usual, nil},
		"all set": {map[string]string{"SEAPORT_LEASE": "2s", "SEAPORT_MAIL_DOMAIN": "hull.example", "SEAPORT_MAIL_FROM": "Hull <port@hull.example>",
			"SEAPORT_MAIL_ATTEMPTS": "3", "SEAPORT_MAIL_PAUSE": "1s"},
			config{2 * time.Second, "hull.example", mail.Address{Name: "Hull", Address: "port@hull.example"}, 3, time.Second}, nil},
		"wrong": {map[string]string{"SEAPORT_MAIL_DOMAIN": "a>b", "SEAPORT_MAIL_ATTEMPTS": "0", "SEAPORT_MAIL_PAUSE": "x"}, config{},
			[]string{"SEAPORT_MAIL_DOMAIN", "SEAPORT_MAIL_ATTEMPTS", "SEAPORT_MAIL_PAUSE"}},
		"no sender": {map[string]string{"SEAPORT_MAIL_FROM": "port"}, config{}, []string{"SEAPORT_MAIL_FROM"}},
	} {
		got, err := readConfig(func(name string) string { return c.env[name] })
		for _, field := range c.err {
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v does not name %s", name, err, field)
			}
		}
		if c.err == nil && (err != nil || got != c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
