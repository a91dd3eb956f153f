package notification

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	eventv1 "seaport.example/proto/seaport/event/v1"
	notificationv1 "seaport.example/proto/seaport/notification/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// A customer's mails: a welcome, a confirmation, a notice of cancellation; and what the service says of them.
func TestMailsOfACustomer(t *testing.T) {
	p := platform.Shared(t)
	operator := p.Client(t)
	vessel, depot := freight.Vessel(t, operator, 100, 100_000), freight.Depot(t, operator, 100)
	user := p.Register(t)
	welcome := waitMail(t, p, user.Email, "Welcome")

	order := freight.Order(vessel, 4_321, depot, depot)
	order.CustomerId, order.Description = "", "Clockwork & <springs>\nsecond line"
	customer := user.Client(t)
	booked := freight.Book(t, customer, order)
	confirmation := waitMail(t, p, user.Email, "confirmed")
	if _, err := customer.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: booked.GetId(), Reason: "ordered <twice>"}); err != nil {
		t.Fatal(err)
	}
	notice := waitMail(t, p, user.Email, "cancelled")

	for name, c := range map[string]struct {
		mail  platform.Mail
		words []string // in the text
		html  []string // and in the HTML, escaped
	}{
		"welcome": {welcome, []string{"A customer"}, []string{"A customer"}},
		"confirmation": {confirmation, []string{booked.GetId(), "4321 kg", vessel, "2 containers at " + depot, "Clockwork & <springs> second line"},
			[]string{booked.GetId(), "Clockwork &amp; &lt;springs&gt;"}},
		"notice": {notice, []string{booked.GetId(), "ordered <twice>"}, []string{booked.GetId(), "ordered &lt;twice&gt;"}},
	} {
		for _, word := range c.words {
			if !strings.Contains(c.mail.Text, word) {
				t.Errorf("the text of the %s does not say %q:\n%s", name, word, c.mail.Text)
			}
		}
		for _, word := range c.html {
			if !strings.Contains(c.mail.HTML, word) {
				t.Errorf("the HTML of the %s does not say %q:\n%s", name, word, c.mail.HTML)
			}
		}
		if !slices.Equal(c.mail.To, []string{user.Email}) || !strings.HasSuffix(c.mail.MessageID, "@seaport.example") {
			t.Errorf("the %s goes to %q as %q", name, c.mail.To, c.mail.MessageID)
		}
		if strings.Contains(c.mail.Text+c.mail.HTML, user.Password) {
			t.Errorf("the %s has the password in it", name)
		}
	}
	wantListed(t, p, user.Email, welcome, confirmation, notice)
}

// waitMail returns the one mail to an address whose subject has a word in it.
func waitMail(t *testing.T, p *platform.Platform, to, word string) (found platform.Mail) {
	t.Helper()
	platform.Wait(t, 20*time.Second, func() error {
		mails := about(p.Mails(t), to, word)
		if len(mails) != 1 {
			return fmt.Errorf("%d mails to %s about %q, want 1", len(mails), to, word)
		}
		found = mails[0]
		return nil
	})
	return found
}

func about(mails []platform.Mail, to, word string) (found []platform.Mail) {
	for _, m := range mails {
		if slices.Contains(m.To, to) && strings.Contains(m.Subject, word) {
			found = append(found, m)
		}
	}
	return found
}

// wantListed wants an admin to see what was sent, the newest first, and nobody else.
func wantListed(t *testing.T, p *platform.Platform, to string, sent ...platform.Mail) {
	t.Helper()
	admin := p.As(t, platform.Admin).Client(t)
	platform.Wait(t, 10*time.Second, func() error {
		list, err := admin.Emails.ListEmails(t.Context(), &notificationv1.ListEmailsRequest{PageSize: 200})
		if err != nil {
			return err
		}
		var ids []string
		for _, e := range slices.Backward(list.GetEmails()) {
			if e.GetEmail() != to {
				continue
			}
			if e.GetStatus() != notificationv1.EmailStatus_EMAIL_STATUS_SENT || e.GetSendTime() == nil {
				return fmt.Errorf("%s is %s", e.GetSubject(), e.GetStatus())
			}
			ids = append(ids, e.GetMessageId())
		}
		var want []string
		for _, m := range sent {
			want = append(want, m.MessageID)
		}
		if !slices.Equal(ids, want) {
			return fmt.Errorf("listed are %q, sent were %q", ids, want)
		}
		return nil
	})
	if _, err := p.Client(t).Emails.ListEmails(t.Context(), &notificationv1.ListEmailsRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("an operator lists e-mails: %v", err)
	}
}

// SendEmail, for services: once for each request id; bad requests are refused and nothing is sent.
func TestSendEmail(t *testing.T) {
	p := platform.Shared(t)
	c := p.AsApp(t, "user", "notification").Beside(t, "user.daprd", "notification")
	to := platform.NewAccount().Email
	request := &notificationv1.SendEmailRequest{Email: to, Content: "The quay is closed on Sunday.", RequestId: freight.RequestID()}
	var first string
	for range 3 {
		answer, err := c.Emails.SendEmail(t.Context(), request)
		if err != nil || answer.GetId() == "" || first != "" && answer.GetId() != first {
			t.Fatalf("got %v, %v, want the id %s", answer, err, first)
		}
		first = answer.GetId()
	}
	m := waitMail(t, p, to, "A message from Seaport")
	if !strings.Contains(m.Text, "The quay is closed on Sunday.") {
		t.Errorf("the text is %q", m.Text)
	}
	other := &notificationv1.SendEmailRequest{Email: to, Content: "Another content.", RequestId: request.GetRequestId()}
	if _, err := c.Emails.SendEmail(t.Context(), other); status.Code(err) != codes.AlreadyExists {
		t.Errorf("another e-mail with the same request id: %v", err)
	}
	before := len(p.Mails(t))
	for name, bad := range map[string]*notificationv1.SendEmailRequest{
		"no address":       {Content: "x"},
		"no content":       {Email: to},
		"two addresses":    {Email: to + ", " + to, Content: "x"},
		"header injection": {Email: to + "\r\nBcc: other@test.example", Content: "x"},
		"subject of lines": {Email: to, Content: "x", Subject: "a\r\nBcc: other@test.example"},
		"much":             {Email: to, Content: strings.Repeat("x", 100_001)},
	} {
		if _, err := c.Emails.SendEmail(t.Context(), bad); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v, want INVALID_ARGUMENT", name, err)
		}
	}
	if after := len(p.Mails(t)); after != before {
		t.Errorf("%d mails more", after-before)
	}
}

// A consignment that goes on its way: its customer is told, once for each event however often that comes.
func TestNewsOfAConsignment(t *testing.T) {
	p := platform.Shared(t)
	user := p.Register(t)
	publish := func(id, state string) {
		data, err := protojson.Marshal(&eventv1.ConsignmentStatusChanged{
			ConsignmentId: "consignment-" + id, CustomerId: user.UserID, VesselId: "vessel-7", Description: "Clockwork & <springs>",
			Status: state, Reason: "the tide", ChangeTime: timestamppb.New(time.Date(2031, 5, 4, 3, 2, 1, 0, time.UTC)),
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Publish(t, "consignment", platform.Event{
			ID: id, Topic: "consignment.status", Type: "seaport.event.v1.ConsignmentStatusChanged", ContentType: "application/json", Data: data,
		})
	}
	first, last := freight.RequestID(), freight.RequestID()
	publish(first, "in transit")
	m := waitMail(t, p, user.Email, "in transit")
	publish(first, "in transit")
	// Events of a topic are handled one after another: when the last one's mail is there, so is every mail of the first.
	publish(last, "delivered")
	waitMail(t, p, user.Email, "delivered")
	if mails := about(p.Mails(t), user.Email, "in transit"); len(mails) != 1 {
		t.Errorf("%d mails of one event", len(mails))
	}
	if m.Subject != "Your consignment: in transit" || !strings.Contains(m.HTML, "Clockwork &amp; &lt;springs&gt;") {
		t.Errorf("the mail is %q\n%s", m.Subject, m.HTML)
	}
	for _, word := range []string{"consignment-" + first, "in transit", "the tide", "4 May 2031, 03:02 UTC", "vessel-7", "Clockwork & <springs>"} {
		if !strings.Contains(m.Text, word) {
			t.Errorf("the text does not say %q:\n%s", word, m.Text)
		}
	}
}
