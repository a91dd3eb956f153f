package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"

	"seaport.example/services/notification/internal/notification"
)

// Message returns an e-mail as it travels (RFC 5322): with its Message-ID, as text and as HTML for the reader to
// choose (RFC 2046, section 5.1.4). It is the same, to the byte, however often it is made.
func Message(from mail.Address, e *notification.Email) ([]byte, error) {
	page := e.HTML
	if page == "" {
		var err error
		if page, err = plain(e.Text); err != nil {
			return nil, err
		}
	}
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	sum := sha256.Sum256([]byte(e.MessageID + "\x00" + e.Text + "\x00" + page))
	if err := parts.SetBoundary(hex.EncodeToString(sum[:16])); err != nil {
		return nil, fmt.Errorf("e-mail %s: %w", e.ID, err)
	}
	// The last part is the one that is shown if it can be.
	for _, part := range []struct{ kind, content string }{{"text/plain", e.Text}, {"text/html", page}} {
		if err := addPart(parts, part.kind, part.content); err != nil {
			return nil, fmt.Errorf("e-mail %s: %w", e.ID, err)
		}
	}
	if err := parts.Close(); err != nil {
		return nil, fmt.Errorf("e-mail %s: %w", e.ID, err)
	}
	var message bytes.Buffer
	for _, header := range [][2]string{
		{"From", from.String()},
		{"To", (&mail.Address{Address: e.To}).String()},
		{"Subject", mime.QEncoding.Encode("utf-8", e.Subject)}, // which leaves no control character
		{"Date", e.CreateTime.UTC().Format(time.RFC1123Z)},
		{"Message-ID", "<" + e.MessageID + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: no out-of-office replies
		{"MIME-Version", "1.0"},
		{"Content-Type", `multipart/alternative; boundary="` + parts.Boundary() + `"`},
	} {
		if strings.ContainsAny(header[1], "\r\n") {
			return nil, fmt.Errorf("e-mail %s: a line break in its %s", e.ID, header[0])
		}
		// A long subject is many encoded words, one a line (RFC 2047, section 2).
		fmt.Fprintf(&message, "%s: %s\r\n", header[0], strings.ReplaceAll(header[1], "?= =?", "?=\r\n =?"))
	}
	message.WriteString("\r\n")
	message.Write(body.Bytes())
	return message.Bytes(), nil
}

func addPart(parts *multipart.Writer, kind, content string) error {
	part, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {kind + "; charset=utf-8"},
		"Content-Transfer-Encoding": {"quoted-printable"}, // lines of any length, and no line that begins with a dot
	})
	if err != nil {
		return err
	}
	encoded := quotedprintable.NewWriter(part)
	if _, err := encoded.Write([]byte(strings.ReplaceAll(content, "\r\n", "\n"))); err != nil {
		return err
	}
	return encoded.Close()
}
