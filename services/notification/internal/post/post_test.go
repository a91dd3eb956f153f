package post_test

import (
	"bytes"
	"errors"
	"net/mail"
	"testing"
	"time"

	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/notification/internal/notification"
	"seaport.example/services/notification/internal/post"
)

var from = mail.Address{Name: "Seaport", Address: "no-reply@seaport.example"}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code    string // empty: a binding that has none
		err     error
		away    bool
		ok      bool
		refused bool
		unreach bool
	}{
		"taken":                 {code: "204", ok: true},
		"taken by another kind": {ok: true},
		"refused":               {code: "422", refused: true},
		"no token":              {code: "401"},
		"not now":               {code: "503"},
		"no mail server":        {code: "502"},
		"broken":                {code: "x"},
		"relay away":            {err: errors.New("connection refused")},
		"sidecar away":          {away: true, unreach: true},
	} {
		fake := sidecartest.New()
		fake.Bind("mailer", func(sidecartest.Delivery) ([]byte, map[string]string, error) {
			if c.code == "" {
				return nil, nil, c.err
			}
			return []byte("said so"), map[string]string{"statusCode": c.code}, c.err
		})
		if c.away {
			fake.Inject(sidecartest.Fault{Op: sidecartest.Bind, Before: sidecartest.Away})
		}
		err := post.New(fake.Sidecar(t).Binding("mailer"), from).Send(t.Context(), &notification.Email{
			ID: "id1", To: "kane@example.com", Subject: "hi", Text: "Dear Kane", MessageID: "id1@seaport.example", CreateTime: time.Now(),
		})
		if (err == nil) != c.ok || errors.Is(err, notification.ErrRefused) != c.refused || errors.Is(err, notification.ErrUnreached) != c.unreach {
			t.Errorf("%s: %v", name, err)
		}
		if c.away {
			continue
		}
		given := fake.Deliveries()
		if len(given) != 1 || given[0].Operation != "create" || given[0].Metadata["Content-Type"] != "message/rfc822" || given[0].Metadata["errorIfNot2XX"] != "false" {
			t.Fatalf("%s: %+v", name, given)
		}
		if m, err := mail.ReadMessage(bytes.NewReader(given[0].Data)); err != nil || m.Header.Get("Message-ID") != "<id1@seaport.example>" || m.Header.Get("To") != "<kane@example.com>" {
			t.Errorf("%s: %v, %s", name, err, given[0].Data)
		}
	}
}

// An e-mail of which no message can be made never will be one.
func TestNoMessage(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	err := post.New(fake.Sidecar(t).Binding("mailer"), from).Send(t.Context(), &notification.Email{To: "a@b.example", MessageID: "x\r\ny"})
	if !errors.Is(err, notification.ErrRefused) || fake.Count(sidecartest.Bind) != 0 {
		t.Error(err)
	}
}
