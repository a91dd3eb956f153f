// Package notification decides who is written to and about what, and sees to it that each e-mail is
// sent, or given up and known to be.
package notification

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"seaport.example/services/internal/failure"
)

// Status is where an e-mail stands.
type Status string

// The statuses.
const (
	Pending Status = "pending" // to be sent
	Sent    Status = "sent"    // the mail server took it
	Failed  Status = "failed"  // it was given up
)

// Email is a message to one person.
type Email struct {
	ID         string    `json:"id"`
	To         string    `json:"to"` // an address, and nothing around it
	Subject    string    `json:"subject"`
	Text       string    `json:"text"`
	HTML       string    `json:"html,omitempty"` // the same for those who like it better; may be empty
	MessageID  string    `json:"message_id"`     // without angle brackets; the same however often it is sent
	Topic      string    `json:"topic,omitempty"`
	Event      string    `json:"event,omitempty"` // the event that called for it; empty when a service did
	Status     Status    `json:"status"`
	Attempts   int       `json:"attempts,omitempty"` // that failed
	Spent      int       `json:"spent,omitempty"`    // those of them that were made before it was last taken up again
	Reason     string    `json:"reason,omitempty"`   // why the last one did
	Refused    bool      `json:"refused,omitempty"`  // for good
	CreateTime time.Time `json:"create_time"`
	SendTime   time.Time `json:"send_time,omitzero"`
}

// Exists says whether the e-mail is stored.
func (e *Email) Exists() bool { return e.ID != "" }

// same says whether two e-mails say the same to the same person.
func (e *Email) same(other *Email) bool {
	return e.To == other.To && e.Subject == other.Subject && e.Text == other.Text
}

// tries returns how many attempts failed since the e-mail was last taken up.
func (e *Email) tries() int { return e.Attempts - e.Spent }

// settled says that an e-mail which was given up after so many attempts in all is so no longer: it was taken up
// again since, or sent.
func (e *Email) settled(attempts int) bool { return e.Status == Sent || e.Spent >= attempts }

// again takes up what was given up, as if it were new. What was tried is still counted: that tells one time of
// giving up from the next.
func (e *Email) again() { e.Status, e.Refused, e.Spent = Pending, false, e.Attempts }

// maxReason bounds what is kept of what a mail server says, in characters.
const maxReason = 500

// failed notes a failed attempt.
func (e *Email) failed(err error) {
	e.Attempts++
	e.Refused = errors.Is(err, ErrRefused)
	reason := []rune(strings.ToValidUTF8(err.Error(), "?"))
	e.Reason = string(reason[:min(len(reason), maxReason)])
}

// derivedID returns the id that a text stands for: a UUID of version 8 (RFC 9562, section 5.8), made from
// its hash.
func derivedID(kind, text string) string {
	sum := sha256.Sum256([]byte("email/1\x00" + kind + "\x00" + text))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// maxAddress is how many characters an address has at most (RFC 5321, section 4.5.3.1.3).
const maxAddress = 254

// checkAddress says what is wrong with an address; nil when nothing is. It must be of the form local@domain,
// without quotes, so that it means the same to everything that it passes.
func checkAddress(field, address string) *failure.Error {
	if strings.TrimSpace(address) == "" {
		return failure.Invalid(field, "is missing")
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" || len(address) > maxAddress ||
		strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>()[],;:\`, r) }) {
		return failure.Invalid(field, "must be an address such as kane@example.com")
	}
	return nil
}

// line returns a text that somebody chose as part of one line: control characters, line breaks too, become spaces.
func line(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
}

// checkContent says what is wrong with a text of lines; nil when nothing is.
func checkContent(text string) *failure.Error {
	switch {
	case strings.TrimSpace(text) == "":
		return failure.Invalid("content", "is missing")
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }):
		return failure.Invalid("content", "must not contain control characters but line breaks and tabs")
	}
	return failure.Longest("content", text, maxContent)
}
