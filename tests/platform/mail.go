package platform

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Mail is an e-mail that the mail catcher has kept.
type Mail struct {
	File      string
	Time      time.Time // when the mail server took it
	To        []string  // who the mail server was told
	Subject   string
	MessageID string // without angle brackets
	Header    mail.Header
	Text      string
	HTML      string
}

// Mails returns every mail so far, the oldest first. One that is not well-formed fails the test.
func (p *Platform) Mails(t testing.TB) []Mail {
	t.Helper()
	mails, err := p.ReadMails()
	if err != nil {
		t.Fatal(err)
	}
	return mails
}

// ReadMails is [Platform.Mails] for those who can wait.
func (p *Platform) ReadMails() ([]Mail, error) {
	// Their names begin with the time; Glob sorts them.
	files, err := filepath.Glob(filepath.Join(p.Data, "mail", "*.eml"))
	if err != nil {
		return nil, fmt.Errorf("looking for mails: %w", err)
	}
	mails := make([]Mail, 0, len(files))
	for _, file := range files {
		m, err := readMail(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		mails = append(mails, m)
	}
	return mails, nil
}

func readMail(path string) (Mail, error) {
	file, err := os.Open(path)
	if err != nil {
		return Mail{}, err
	}
	defer func() { _ = file.Close() }()
	message, err := mail.ReadMessage(file)
	if err != nil {
		return Mail{}, err
	}
	m := Mail{File: path, Header: message.Header}
	stamp, _, _ := strings.Cut(filepath.Base(path), "-")
	if m.Time, err = time.Parse("20060102T150405.000000000Z", stamp); err != nil {
		return Mail{}, fmt.Errorf("its name: %w", err)
	}
	for to := range strings.SplitSeq(message.Header.Get("X-Envelope-To"), ",") {
		m.To = append(m.To, strings.TrimSpace(to))
	}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return Mail{}, fmt.Errorf("its subject: %w", err)
	}
	id := message.Header.Get("Message-ID")
	if m.MessageID = strings.Trim(id, "<>"); m.MessageID == "" || id != "<"+m.MessageID+">" {
		return Mail{}, fmt.Errorf("its Message-ID is %q", id)
	}
	return m, m.readParts(message)
}

// readParts reads the forms of a mail that has several.
func (m *Mail) readParts(message *mail.Message) error {
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("its type: %w", err)
	}
	if kind != "multipart/alternative" {
		return fmt.Errorf("its type is %s, not multipart/alternative", kind)
	}
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	for {
		part, err := parts.NextPart() // which decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("its parts: %w", err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return fmt.Errorf("its parts: %w", err)
		}
		switch kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type")); kind {
		case "text/plain":
			m.Text = strings.ReplaceAll(string(content), "\r\n", "\n")
		case "text/html":
			m.HTML = strings.ReplaceAll(string(content), "\r\n", "\n")
		}
	}
}
