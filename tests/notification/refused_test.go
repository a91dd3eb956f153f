package notification

import (
	"fmt"
	"strings"
	"testing"
	"time"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/platform"
)

// What the mail server refuses is given up at once, holds up nobody, and is among the dead letters. (The mail
// catcher refuses the domain .invalid.)
func TestRefusedByTheMailServer(t *testing.T) {
	p := platform.Shared(t)
	account := platform.NewAccount()
	account.Email = strings.Replace(account.Email, "@test.example", "@test.invalid", 1)
	_, err := p.Nobody().Client(t).Users.Create(t.Context(), &userv1.CreateRequest{Name: "A customer", Email: account.Email, Password: account.Password})
	if err != nil {
		t.Fatal(err)
	}
	waitMail(t, p, p.Register(t).Email, "Welcome")

	admin := p.As(t, platform.Admin).Client(t)
	platform.Wait(t, 20*time.Second, func() error {
		list, err := admin.Emails.ListEmails(t.Context(), &notificationv1.ListEmailsRequest{PageSize: 200})
		if err != nil {
			return err
		}
		for _, e := range list.GetEmails() {
			if e.GetEmail() == account.Email && e.GetStatus() == notificationv1.EmailStatus_EMAIL_STATUS_FAILED && e.GetReason() != "" {
				return nil
			}
		}
		return fmt.Errorf("the e-mail to %s is not given up", account.Email)
	})
	platform.Wait(t, 20*time.Second, func() error {
		list, err := admin.ListDeadLetters(t.Context(), &opsv1.ListDeadLettersRequest{AppId: "notification"})
		if err != nil {
			return err
		}
		for _, l := range list.GetDeadLetters() {
			if strings.Contains(string(l.GetData()), account.Email) {
				return nil
			}
		}
		return fmt.Errorf("the e-mail to %s is not among the dead letters", account.Email)
	})
	if found := about(p.Mails(t), account.Email, ""); len(found) > 0 {
		t.Errorf("it has arrived: %+v", found)
	}
}

// While the mail server or the relay is away mails wait; when it is back each comes.
func TestMailServerAway(t *testing.T) {
	p := platform.Shared(t)
	for _, name := range []string{"mailcatcher", "mailrelay"} {
		t.Run(name, func(t *testing.T) {
			p.Freeze(t, name)
			user := p.Register(t)
			p.WaitRestarted(t, name, p.Kill(t, name))
			platform.Wait(t, 30*time.Second, func() error {
				if len(about(p.Mails(t), user.Email, "Welcome")) == 0 {
					return fmt.Errorf("no welcome to %s", user.Email)
				}
				return nil
			})
		})
	}
}
