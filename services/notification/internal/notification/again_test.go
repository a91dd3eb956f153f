package notification_test

import (
	"testing"

	"seaport.example/services/internal/failure"
	"seaport.example/services/notification/internal/notification"
)

func TestAgain(t *testing.T) {
	t.Parallel()
	failed := notification.Email{ID: "id1", MessageID: "id1@x", Status: notification.Failed, Attempts: 4, Refused: true, Reason: "no"}
	queued, sent, pending, later := failed, failed, failed, failed
	queued.Status, queued.Spent = notification.Pending, 4
	sent.Status = notification.Sent
	pending.Status = notification.Pending
	later.Attempts, later.Spent = 8, 4
	for name, c := range map[string]struct {
		stored notification.Email
		fails  error
		busy   string
		code   string // of the error; empty: none
		still  bool   // given up
		queued bool
	}{
		"given up":            {stored: failed, still: true, queued: true},
		"queued since":        {stored: queued},
		"given up once more":  {stored: later},
		"sent":                {stored: sent},
		"being given up":      {stored: pending, code: "Unavailable", still: true},
		"not there":           {code: "NotFound", still: true},
		"store away":          {stored: failed, fails: errAway, code: "Unavailable"},
		"another queues it":   {stored: failed, busy: "again/id1/4", code: "Unavailable", still: true},
		"another e-mail busy": {stored: failed, busy: "again/id1/3", still: true, queued: true},
	} {
		b := newBook()
		if c.stored.Exists() {
			b.emails["id1"] = c.stored
		}
		b.fails, b.busy = c.fails, c.busy
		notices := newNotices(b, &people{})
		if still, err := notices.GivenUp(t.Context(), "id1", 4); still != c.still || (err != nil) != (c.fails != nil) {
			t.Errorf("%s: given up is %t, %v", name, still, err)
		}
		if err := notices.Again(t.Context(), "id1", 4); (err != nil) != (c.code != "") || err != nil && failure.From(err).Code().String() != c.code {
			t.Errorf("%s: %v, want %q", name, err, c.code)
		}
		if (len(b.added) == 1) != c.queued {
			t.Fatalf("%s: queued are %+v", name, b.added)
		}
		if !c.queued {
			continue
		}
		if e := b.emails["id1"]; !b.added[0].Again || e.Status != notification.Pending || e.Refused || e.Spent != 4 || e.Attempts != 4 || e.MessageID != "id1@x" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
