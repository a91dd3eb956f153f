package deadletter

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/tests/platform"
)

// The mail server takes nothing until a welcome is given up; when it takes mails again the dead letter is replayed,
// twice: the mail comes once, and the letter is gone. One that is replayed too early comes back.
func TestReplayOfAnEmail(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_MAIL_ATTEMPTS=2", "--env", "SEAPORT_MAIL_PAUSE=100ms")
	admin := p.As(t, platform.Admin)
	open := closeMailbox(t, p)
	user := p.Register(t)
	first := waitEmailLetter(t, p, user.Email)
	if first.GetTopic() != "notification.dead" || first.GetAttempts() != 2 || !strings.Contains(first.GetReason(), `"Welcome to Seaport" to `+user.Email) {
		t.Errorf("kept is %v", first)
	}
	out := admin.CLI(t, "", "deadletter", "list", "notification")
	for _, word := range []string{first.GetId(), "Email", "Welcome to Seaport"} {
		if out.Exit != 0 || !strings.Contains(out.Stdout, word) {
			t.Errorf("the list does not say %q: exit %d\n%s%s", word, out.Exit, out.Stdout, out.Stderr)
		}
	}
	t.Logf("the list:\n%s", out.Stdout)

	replay := func(id string) {
		t.Helper()
		if out := admin.CLI(t, "", "deadletter", "replay", "notification", id); out.Exit != 0 {
			t.Errorf("replay of %s: exit %d\n%s%s", id, out.Exit, out.Stdout, out.Stderr)
		}
	}
	replay(first.GetId())
	second := waitEmailLetter(t, p, user.Email, first.GetId())
	if second.GetAttempts() != 4 {
		t.Errorf("after %d attempts in all, want 4", second.GetAttempts())
	}

	open()
	replay(second.GetId())
	replay(second.GetId())
	replay(first.GetId())
	sent := waitSent(t, p, user.Email)
	mails := slices.DeleteFunc(p.Mails(t), func(m platform.Mail) bool { return !slices.Contains(m.To, user.Email) })
	if len(mails) != 1 || mails[0].MessageID != sent.GetMessageId() {
		t.Errorf("%d mails came: %+v", len(mails), mails)
	}
	if left := emailLetters(t, p, user.Email); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// closeMailbox has the mail catcher take no mail, for it cannot keep any, until the mailbox is opened.
func closeMailbox(t *testing.T, p *platform.Platform) (open func()) {
	t.Helper()
	folder, away := filepath.Join(p.Data, "mail"), filepath.Join(p.Data, "mail.away")
	if err := os.Rename(folder, away); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.Rename(away, folder); err != nil {
			t.Fatal(err)
		}
	}
}

// emailLetters returns the dead letters about e-mails to an address.
func emailLetters(t *testing.T, p *platform.Platform, to string) []*opsv1.DeadLetter {
	t.Helper()
	return slices.DeleteFunc(letters(t, p, "notification"), func(l *opsv1.DeadLetter) bool { return !strings.Contains(l.GetReason(), to) })
}

// waitEmailLetter waits until there is one dead letter about e-mails to an address, and not one that is known.
func waitEmailLetter(t *testing.T, p *platform.Platform, to string, known ...string) (found *opsv1.DeadLetter) {
	t.Helper()
	platform.Wait(t, 30*time.Second, func() error {
		all := emailLetters(t, p, to)
		if len(all) != 1 || slices.Contains(known, all[0].GetId()) {
			return fmt.Errorf("the dead letters about %s are %v", to, all)
		}
		found = all[0]
		return nil
	})
	return found
}

// waitSent waits until the e-mail to an address is marked as sent.
func waitSent(t *testing.T, p *platform.Platform, to string) (sent *notificationv1.Email) {
	t.Helper()
	platform.Wait(t, 30*time.Second, func() error {
		list, err := p.As(t, platform.Admin).Client(t).Emails.ListEmails(t.Context(), &notificationv1.ListEmailsRequest{PageSize: 200})
		if err != nil {
			return err
		}
		for _, e := range list.GetEmails() {
			if e.GetEmail() == to && e.GetStatus() == notificationv1.EmailStatus_EMAIL_STATUS_SENT {
				sent = e
				return nil
			}
		}
		return fmt.Errorf("the e-mail to %s is not sent", to)
	})
	return sent
}
