package notification_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seaport.example/services/internal/failure"
	"seaport.example/services/notification/internal/notification"
)

var kane = notification.Person{Name: "Kane", Address: "kane@example.com"}

func crowd() *people { return &people{known: map[string]notification.Person{"u1": kane}} }

func TestNotify(t *testing.T) {
	t.Parallel()
	b, p := newBook(), crowd()
	b.handled["old"] = true
	errs := newNotices(b, p).Notify(t.Context(), []notification.Notice{
		{Event: "e1", Topic: "user.created", To: kane},
		{Event: "e2", Topic: "consignment.booked", Kind: notification.Confirmation, Customer: "u1", Cargo: notification.Cargo{Description: "rum\r\nBcc: x"}},
		{Event: "e2", Topic: "consignment.booked", Kind: notification.Confirmation, Customer: "u1"}, // the same again
		{Event: "e3", Customer: "customer-1"}, // no user: without an effect, and so without a mark
		{Event: "e4", Customer: "u1"},
		{Event: "e5", Customer: "away"},
		{Event: "old", Customer: "u1"},
		{Event: "e6", To: notification.Person{Address: "two@example.com, three@example.com"}},
	})
	for i, failed := range []bool{false, false, false, false, false, true, false, true} {
		if (errs[i] != nil) != failed {
			t.Errorf("notice %d: %v", i, errs[i])
		}
	}
	if len(b.added) != 3 || b.added[2].Key != "e4" {
		t.Fatalf("added %+v", b.added)
	}
	e := b.added[1].Email
	if e.To != kane.Address || e.Subject != "rum  Bcc: x" || e.Text != "to Kane" || e.Status != notification.Pending ||
		e.Topic != "consignment.booked" || e.Event != "e2" || e.MessageID != e.ID+"@seaport.example" {
		t.Errorf("%+v", e)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(e.ID) {
		t.Errorf("%q is no UUID of version 8", e.ID)
	}
	slices.Sort(p.asked)
	if !slices.Equal(p.asked, []string{"away", "customer-1", "u1"}) {
		t.Errorf("asked for %q, each once", p.asked)
	}
}

// The same event makes the same e-mail, in any replica; another one another.
func TestSameEventSameEmail(t *testing.T) {
	t.Parallel()
	one, two := newBook(), newBook()
	newNotices(one, crowd()).Notify(t.Context(), []notification.Notice{{Event: "e1", To: kane}, {Event: "e2", To: kane}})
	newNotices(two, crowd()).Notify(t.Context(), []notification.Notice{{Event: "e1", To: kane}})
	if a, b, c := one.added[0].Email, two.added[0].Email, one.added[1].Email; a.ID != b.ID || a.MessageID != b.MessageID || a.ID == c.ID {
		t.Errorf("%s, %s, %s", a.ID, b.ID, c.ID)
	}
}

func TestNotifyFails(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.busy = "e1"
	errs := newNotices(b, crowd()).Notify(t.Context(), []notification.Notice{{Event: "e1", To: kane}, {Event: "e2", To: kane}})
	if errs[0] == nil || errs[1] != nil {
		t.Errorf("one is busy: %v", errs)
	}
	b.fails = errAway
	for i, err := range newNotices(b, crowd()).Notify(t.Context(), []notification.Notice{{Event: "e3", To: kane}, {Event: "e4", To: kane}}) {
		if !errors.Is(err, errAway) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if errs := newNotices(b, crowd()).Notify(t.Context(), nil); len(errs) != 0 {
		t.Errorf("of nothing: %v", errs)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	b := newBook()
	s := newNotices(b, crowd())
	send := func(m notification.Message) (string, error) { return s.Send(t.Context(), m) }
	message := notification.Message{To: "kane@example.com", Subject: "hi", Text: "Dear Kane", App: "user", RequestID: "r1"}
	id, err := send(message)
	if err != nil || b.emails[id].Text != "Dear Kane" || b.emails[id].MessageID != id+"@seaport.example" {
		t.Fatalf("%s, %v, %+v", id, err, b.emails)
	}
	if again, err := send(message); err != nil || again != id || len(b.added) != 1 {
		t.Errorf("again: %s, %v", again, err)
	}
	other := message
	other.Text = "Dear Able"
	if _, err := send(other); failure.From(err).Code().String() != "AlreadyExists" {
		t.Errorf("the same request id for another e-mail: %v", err)
	}
	other.App = "vessel"
	if elsewhere, err := send(other); err != nil || elsewhere == id {
		t.Errorf("another service's request id: %s, %v", elsewhere, err)
	}
	plain, err := send(notification.Message{To: "kane@example.com", Text: "x"})
	if err != nil || plain != "random" || b.emails[plain].Subject != "A message from Seaport" {
		t.Errorf("without a subject or request id: %s, %v, %+v", plain, err, b.emails[plain])
	}
	b.fails = errAway
	if _, err := send(message); failure.From(err).Code().String() != "Unavailable" {
		t.Errorf("without a store: %v", err)
	}
}

func TestSendChecks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(m *notification.Message)
		field  string
	}{
		"no address":         {func(m *notification.Message) { m.To = " " }, "email"},
		"no domain":          {func(m *notification.Message) { m.To = "kane" }, "email"},
		"a name around it":   {func(m *notification.Message) { m.To = "Kane <kane@example.com>" }, "email"},
		"two addresses":      {func(m *notification.Message) { m.To = "a@example.com,b@example.com" }, "email"},
		"a header":           {func(m *notification.Message) { m.To = "a@example.com\r\nBcc: b@example.com" }, "email"},
		"quotes":             {func(m *notification.Message) { m.To = `"a b"@example.com` }, "email"},
		"long address":       {func(m *notification.Message) { m.To = strings.Repeat("a", 250) + "@example.com" }, "email"},
		"no content":         {func(m *notification.Message) { m.Text = "\n" }, "content"},
		"long content":       {func(m *notification.Message) { m.Text = strings.Repeat("ä", 100_001) }, "content"},
		"control characters": {func(m *notification.Message) { m.Text = "a\x00b" }, "content"},
		"long subject":       {func(m *notification.Message) { m.Subject = strings.Repeat("ä", 201) }, "subject"},
		"two lines":          {func(m *notification.Message) { m.Subject = "a\r\nBcc: b@example.com" }, "subject"},
		"long request id":    {func(m *notification.Message) { m.RequestID = strings.Repeat("a", 129) }, "request_id"},
	} {
		m := notification.Message{To: "kane@example.com", Text: "hi"}
		c.change(&m)
		b := newBook()
		_, err := newNotices(b, crowd()).Send(t.Context(), m)
		e := failure.From(err)
		if e == nil || e.Code().String() != "InvalidArgument" || len(e.Violations()) != 1 || e.Violations()[0].Field != c.field || len(b.added) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := newNotices(newBook(), crowd()).Send(t.Context(), notification.Message{To: "o'brien+x@ex-ample.co", Text: strings.Repeat("ä", 100_000), Subject: strings.Repeat("ä", 200)}); err != nil {
		t.Error(err)
	}
}
