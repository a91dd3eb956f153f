package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/notification/internal/notification"
	"seaport.example/services/notification/internal/store"
)

// The tests here run in a bubble (testing/synctest): time passes when everybody waits.

// replica is one process of the service, with a sender that takes all.
type replica struct {
	*store.Store
	of   *sidecar.Sidecar
	stop func()

	mu        sync.Mutex
	delivered []string
	hold      func(ctx context.Context, id string) error // nil: nothing holds a delivery up
}

// start runs a replica until its stop, or the test ends.
func start(t *testing.T, fake *sidecartest.Fake, hold func(ctx context.Context, id string) error) *replica {
	t.Helper()
	r := &replica{of: fake.Sidecar(t), hold: hold}
	r.Store = store.New(store.Config{
		State: r.of.State(sidecartest.StateStore), Deliver: r.deliver, Lease: 2 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	t.Cleanup(func() {
		r.stop()
		time.Sleep(15 * time.Second) // what is tried until it succeeds now does
	})
	sidecartest.Await(t, "a replica gets its seat", func() bool { return r.Ready(ctx) == nil })
	return r
}

func (r *replica) deliver(ctx context.Context, id string) error {
	if r.hold != nil {
		if err := r.hold(ctx, id); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delivered = append(r.delivered, id)
	return nil
}

func (r *replica) sent() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := slices.Clone(r.delivered)
	slices.Sort(sent)
	return sent
}

// hang holds a delivery up until its process dies.
func hang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func call(key string) notification.Call {
	return notification.Call{Key: key, Email: &notification.Email{
		ID: "mail-" + key, To: "kane@example.com", Text: "hi", Status: notification.Pending, CreateTime: time.Now().UTC(),
	}}
}

func (r *replica) add(ctx context.Context, keys ...string) []error {
	var calls []notification.Call
	for _, key := range keys {
		calls = append(calls, call(key))
	}
	return r.Add(ctx, calls)
}

func codes(errs []error) string {
	var words []string
	for _, err := range errs {
		if err == nil {
			words = append(words, "OK")
		} else {
			words = append(words, failure.From(err).Code().String())
		}
	}
	return strings.Join(words, " ")
}

func bubble(t *testing.T, test func(t *testing.T, fake *sidecartest.Fake)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, sidecartest.New()) })
}

func TestAddIsOneTransaction(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake, nil)
		var together []string
		fake.Inject(sidecartest.Fault{Op: sidecartest.Transact, Key: "email/", After: func(_ context.Context, call sidecartest.Call) error {
			together = call.Keys
			return nil
		}})
		if got := codes(r.add(t.Context(), "e1", "e2")); got != "OK OK" {
			t.Fatal(got)
		}
		for _, prefix := range []string{"email/mail-e1", "email/mail-e2", "inbox/e1", "inbox/e2", "list/email/all/", "outbox/"} {
			if !slices.ContainsFunc(together, func(key string) bool { return strings.HasPrefix(key, prefix) }) {
				t.Errorf("%s is not in the transaction of %q", prefix, together)
			}
		}
		time.Sleep(time.Second)
		if !slices.Equal(r.sent(), []string{"mail-e1", "mail-e2"}) || len(fake.Keys("outbox/")) != 0 {
			t.Errorf("sent %q, left %q", r.sent(), fake.Keys("outbox/"))
		}
		handled, err := r.Handled(t.Context(), []string{"e1", "e3"})
		if err != nil || !handled["e1"] || handled["e3"] {
			t.Errorf("handled: %v, %v", handled, err)
		}
	})
}

// However often, in whatever company and through whatever replica: one e-mail, one place in the list, sent once.
func TestOnce(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		replicas := []*replica{start(t, fake, nil), start(t, fake, nil)}
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				keys := []string{"e1", fmt.Sprint("e", 2+i%3)}
				for strings.Contains(codes(replicas[i%2].add(t.Context(), keys...)), "Unavailable") { // as a sidecar delivers it
					time.Sleep(time.Second)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		sent := append(replicas[0].sent(), replicas[1].sent()...)
		slices.Sort(sent)
		page, _, err := replicas[0].Page(t.Context(), 0, "")
		if !slices.Equal(sent, []string{"mail-e1", "mail-e2", "mail-e3", "mail-e4"}) || err != nil || len(page) != 4 {
			t.Errorf("sent %q, listed %d, %v", sent, len(page), err)
		}
	})
}

// A call for no e-mail is handled too, and leaves nothing but that.
func TestNobodyToWriteTo(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake, nil)
		if got := codes(r.Add(t.Context(), []notification.Call{{Key: "e1"}, {Key: "e2"}})); got != "OK OK" {
			t.Error(got)
		}
		if keys := append(fake.Keys("email/"), fake.Keys("list/")...); len(keys) != 0 || len(fake.Keys("inbox/")) != 2 {
			t.Errorf("stored %q", fake.Keys(""))
		}
	})
}

// Whatever fails, before it or with its answer lost: a success is stored, and the same again makes it right, once.
func TestAddFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault  sidecartest.Fault
		also   sidecartest.Fault
		first  string
		second string // at once
	}{
		"inbox not read":           {fault: sidecartest.Fault{Op: sidecartest.GetMany, Key: "inbox/", Before: sidecartest.Away}, first: "Unavailable", second: "OK"},
		"claim not written":        {fault: sidecartest.Fault{Op: sidecartest.Put, Key: "inbox/", Before: sidecartest.Away}, first: "Unavailable", second: "OK"},
		"claim, answer lost":       {fault: sidecartest.Fault{Op: sidecartest.Put, Key: "inbox/", After: sidecartest.Away}, first: "OK", second: "OK"},
		"list not read":            {fault: sidecartest.Fault{Op: sidecartest.GetMany, Key: "list/", Before: sidecartest.Away}, first: "Unavailable", second: "OK"},
		"not committed":            {fault: sidecartest.Fault{Op: sidecartest.Transact, Key: "email/", Before: sidecartest.NotSent}, first: "Unavailable", second: "OK"},
		"perhaps committed":        {fault: sidecartest.Fault{Op: sidecartest.Transact, Key: "email/", Before: sidecartest.Away}, first: "Unavailable", second: "Unavailable"},
		"committed, not said":      {fault: sidecartest.Fault{Op: sidecartest.Transact, Key: "email/", After: sidecartest.Away}, first: "OK", second: "OK"},
		"committed, not known":     {fault: sidecartest.Fault{Op: sidecartest.Transact, Key: "email/", After: sidecartest.Away}, also: sidecartest.Fault{Op: sidecartest.Get, Key: "outbox/", Before: sidecartest.Away}, first: "Unavailable", second: "OK"},
		"not committed, nor known": {fault: sidecartest.Fault{Op: sidecartest.Transact, Key: "email/", Before: sidecartest.Away}, also: sidecartest.Fault{Op: sidecartest.Get, Key: "outbox/", Before: sidecartest.Away}, first: "Unavailable", second: "Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
				one, two := start(t, fake, nil), start(t, fake, nil)
				for _, fault := range []sidecartest.Fault{c.fault, c.also} {
					if fault.Op != "" {
						fault.Times = 1
						fake.Inject(fault)
					}
				}
				if got := codes(one.add(t.Context(), "e1")); got != c.first {
					t.Errorf("first: %s, want %s", got, c.first)
				}
				if got := codes(two.add(t.Context(), "e1")); got != c.second {
					t.Errorf("second: %s, want %s", got, c.second)
				}
				time.Sleep(15 * time.Second) // as long as a claim
				if got := codes(two.add(t.Context(), "e1")); got != "OK" {
					t.Errorf("third: %s", got)
				}
				time.Sleep(time.Second)
				page, _, err := one.Page(t.Context(), 0, "")
				if sent := append(one.sent(), two.sent()...); len(sent) != 1 || err != nil || len(page) != 1 {
					t.Errorf("sent %q, listed %d, %v", sent, len(page), err)
				}
			})
		})
	}
}

// What a dead replica had to send, another sends, and its own meanwhile: nobody's waits for another's.
func TestDeadReplica(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		dying := start(t, fake, hang)
		var keys []string
		for i := range 40 {
			keys = append(keys, fmt.Sprintf("mail-e%02d", i))
			if got := codes(dying.add(t.Context(), fmt.Sprintf("e%02d", i))); got != "OK" {
				t.Fatal(got)
			}
		}
		fake.Inject(sidecartest.Fault{Sidecar: dying.of, Before: sidecartest.Away})
		slow := make(chan struct{})
		heir := start(t, fake, func(ctx context.Context, id string) error {
			if id != "mail-e00" {
				return nil
			}
			select {
			case <-slow:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		sidecartest.Await(t, "all but one are sent", func() bool { return slices.Equal(heir.sent(), keys[1:]) })
		time.Sleep(time.Minute)
		if err := heir.Ready(t.Context()); err != nil { // the seat's beat went on
			t.Error(err)
		}
		if got := codes(heir.add(t.Context(), "new")); got != "OK" {
			t.Error(got)
		}
		if rows := fake.Keys("outbox/"); len(rows) == 0 || len(rows) > 2 {
			t.Errorf("rows left: %q", rows)
		}
		close(slow)
		sidecartest.Await(t, "the slow one, too", func() bool { return len(heir.sent()) == 41 })
		time.Sleep(time.Second)
		if rows := fake.Keys("outbox/"); len(rows) != 0 {
			t.Errorf("rows left: %q", rows)
		}
	})
}

// A replica that is asked to end leaves what it cannot send to the next one.
func TestShutdown(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		one := start(t, fake, hang)
		if got := codes(one.add(t.Context(), "e1")); got != "OK" {
			t.Fatal(got)
		}
		one.stop()
		if len(fake.Keys("outbox/")) != 1 {
			t.Fatalf("left %q", fake.Keys("outbox/"))
		}
		two := start(t, fake, nil)
		sidecartest.Await(t, "the next one sends it", func() bool { return slices.Equal(two.sent(), []string{"mail-e1"}) })
	})
}

// Long e-mails make short pages; together the pages hold all of them, the newest first.
func TestPage(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake, nil)
		var want []string
		for i := range 60 {
			time.Sleep(time.Millisecond)
			c := call(fmt.Sprintf("e%02d", i))
			c.Email.HTML = "<p>"
			if i%2 == 0 {
				c.Email.Text = strings.Repeat("<", 100_000)
			}
			if got := codes(r.Add(t.Context(), []notification.Call{c})); got != "OK" {
				t.Fatal(got)
			}
			want = append([]string{c.Email.ID}, want...)
		}
		var got []string
		pages := 0
		for token := ""; ; pages++ {
			page, next, err := r.Page(t.Context(), 200, token)
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, e := range page {
				got = append(got, e.ID)
				size += len(e.Text)
			}
			if size > 2<<20 {
				t.Errorf("a page of %d bytes", size)
			}
			if token = next; token == "" {
				break
			}
		}
		if !slices.Equal(got, want) || pages != 1 {
			t.Errorf("%d pages of %q", pages+1, got)
		}
		if _, _, err := r.Page(t.Context(), 201, ""); codes([]error{err}) != "InvalidArgument" {
			t.Errorf("201 on a page: %v", err)
		}
	})
}

func TestUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, fake *sidecartest.Fake) {
		r := start(t, fake, nil)
		if got := codes(r.add(t.Context(), "e1")); got != "OK" {
			t.Fatal(got)
		}
		if _, err := r.Update(t.Context(), "mail-e1", func(e *notification.Email) error { e.Status = notification.Sent; return nil }); err != nil {
			t.Fatal(err)
		}
		if e, err := r.Get(t.Context(), "mail-e1"); err != nil || e.Status != notification.Sent || e.To != "kane@example.com" {
			t.Errorf("%+v, %v", e, err)
		}
	})
}
