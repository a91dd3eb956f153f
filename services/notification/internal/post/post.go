// Package post hands e-mails to the mailer: a binding that takes a whole message (RFC 5322) and answers whether
// the mail server took it.
package post

import (
	"context"
	"fmt"
	"net/mail"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/sidecar"
	"seaport.example/services/notification/internal/letter"
	"seaport.example/services/notification/internal/notification"
)

// Binding is a way out of the platform.
type Binding interface {
	Invoke(ctx context.Context, operation string, data []byte, metadata map[string]string) (sidecar.Answer, error)
}

var _ Binding = (*sidecar.Binding)(nil)

// Mailer is the mailer.
type Mailer struct {
	binding Binding
	from    mail.Address
}

var _ notification.Mailer = (*Mailer)(nil)

// New returns the mailer behind a binding. Its mails come from the address.
func New(binding Binding, from mail.Address) *Mailer { return &Mailer{binding: binding, from: from} }

// Send returns nil once the mail server took an e-mail. An e-mail of which no message can be made is refused.
func (m *Mailer) Send(ctx context.Context, e *notification.Email) error {
	message, err := letter.Message(m.from, e)
	if err != nil {
		return fmt.Errorf("%w: %w", notification.ErrRefused, err)
	}
	answer, err := m.binding.Invoke(ctx, "create", message, map[string]string{
		"Content-Type":  "message/rfc822",
		"errorIfNot2XX": "false", // else the code would be in a text only
	})
	if err != nil {
		if status.Code(err) == codes.Unavailable {
			return fmt.Errorf("%w: %w", notification.ErrUnreached, err)
		}
		return err
	}
	return verdict(answer)
}

// verdict reads the answer of the relay. A binding of another kind has no code: it took the message, or there
// would be an error.
func verdict(answer sidecar.Answer) error {
	raw, ok := answer.Metadata["statusCode"]
	if !ok {
		return nil
	}
	code, err := strconv.Atoi(raw)
	switch {
	case err != nil:
		return fmt.Errorf("the mailer answered with the code %q", raw)
	case code/100 == 2:
		return nil
	case code == 422: // what the mail server said for good
		return fmt.Errorf("%w: %s", notification.ErrRefused, said(answer))
	}
	return fmt.Errorf("the mailer answered %d: %s", code, said(answer))
}

// said is the beginning of what the mailer wrote.
func said(answer sidecar.Answer) string {
	return strings.TrimSpace(string(answer.Data[:min(len(answer.Data), 300)]))
}
