package letter_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seaport.example/services/notification/internal/letter"
	"seaport.example/services/notification/internal/notification"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is now:\n%s\nIf that is meant: go test ./notification/internal/letter -update", name, got)
	}
}

var cargo = notification.Cargo{
	Consignment: "0197f2a0-0000-8000-8000-000000000001", Vessel: "vessel001", Description: "Rum & <b>sugar</b>", Weight: 55000,
	Pickups: []notification.Pickup{{Origin: "Manchester", Containers: 1}, {Origin: "Rotterdam", Containers: 2}},
	Reason:  "the hold was lost",
}

var underWay = notification.Cargo{
	Consignment: cargo.Consignment, Vessel: "vessel001", Description: cargo.Description, Status: "held at <customs>", Reason: "papers & stamps are missing",
	Since: time.Date(2031, 5, 4, 3, 2, 1, 0, time.FixedZone("", 3600)),
}

func TestLetters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		notice notification.Notice
		to     notification.Person
	}{
		"welcome":      {notification.Notice{Kind: notification.Welcome}, notification.Person{Name: `Kane <"of Hull">`, Address: "kane@example.com"}},
		"confirmation": {notification.Notice{Kind: notification.Confirmation, Cargo: cargo}, notification.Person{Name: "Kane", Address: "kane@example.com"}},
		"cancellation": {notification.Notice{Kind: notification.Cancellation, Cargo: cargo}, notification.Person{Name: "Kane", Address: "kane@example.com"}},
		"news":         {notification.Notice{Kind: notification.News, Cargo: underWay}, notification.Person{Name: "Kane", Address: "kane@example.com"}},
		"news-scant": {notification.Notice{Kind: notification.News, Cargo: notification.Cargo{Consignment: cargo.Consignment, Status: "delivered"}},
			notification.Person{Address: "kane@example.com"}},
		"cancellation-empty": {notification.Notice{Kind: notification.Cancellation}, notification.Person{Address: "kane@example.com"}},
	} {
		got, err := letter.Writer{}.Write(&c.notice, c.to)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", "Subject: "+got.Subject+"\n\n"+got.Text)
		golden(t, name+".html", got.HTML)
	}
	if _, err := (letter.Writer{}).Write(&notification.Notice{Kind: 99}, notification.Person{}); err == nil {
		t.Error("a letter of a kind that there is not")
	}
}

var from = mail.Address{Name: "Seaport", Address: "no-reply@seaport.example"}

func email() notification.Email {
	return notification.Email{
		ID: "id1", To: "kane@example.com", Subject: "Grüße", Text: "Dear Kane,\n.\nFrom the sea: ü\n", HTML: "<p>Dear Kane</p>\n",
		MessageID: "id1@seaport.example", CreateTime: time.Date(2031, 5, 4, 3, 2, 1, 0, time.UTC),
	}
}

// parse reads a message as a mail client does.
func parse(t *testing.T, raw []byte) (header mail.Header, parts map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts = make(map[string]string)
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		parts[part.Header.Get("Content-Type")] = strings.ReplaceAll(string(content), "\r\n", "\n")
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	e := email()
	raw, err := letter.Message(from, &e)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "message.eml", string(raw))
	again, err := letter.Message(from, &e)
	if err != nil || !bytes.Equal(raw, again) {
		t.Errorf("made again it is another: %v\n%s", err, again)
	}
	header, parts := parse(t, raw)
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || subject != "Grüße" || header.Get("Message-ID") != "<id1@seaport.example>" || header.Get("To") != "<kane@example.com>" {
		t.Errorf("%q, %v, %v", subject, header, err)
	}
	if parts["text/plain; charset=utf-8"] != e.Text || parts["text/html; charset=utf-8"] != e.HTML {
		t.Errorf("%q", parts)
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if strings.Contains(line, "\n") || len(line) > 998 {
			t.Errorf("a line that mail servers refuse: %q", line)
		}
	}
}

// Lines stay short enough for every mail server, and the subject is what it was.
func TestLongSubject(t *testing.T) {
	t.Parallel()
	e := email()
	e.Subject = strings.Repeat("🚢", 200)
	raw, err := letter.Message(from, &e)
	if err != nil {
		t.Fatal(err)
	}
	header, _ := parse(t, raw)
	if got, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject")); err != nil || got != e.Subject {
		t.Errorf("%q, %v", got, err)
	}
	for line := range strings.SplitSeq(string(raw), "\r\n") {
		if len(line) > 100 {
			t.Errorf("%q", line)
		}
	}
}

// A text that a service sends becomes HTML that says the same and does nothing.
func TestPlain(t *testing.T) {
	t.Parallel()
	e := email()
	e.HTML, e.Text = "", "<script>alert(1)</script>\nA & B\n"+strings.Repeat("long ", 2000)
	raw, err := letter.Message(from, &e)
	if err != nil {
		t.Fatal(err)
	}
	_, parts := parse(t, raw)
	page := parts["text/html; charset=utf-8"]
	if strings.Contains(page, "<script>") || !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;\nA &amp; B") {
		t.Errorf("%.300s", page)
	}
	if parts["text/plain; charset=utf-8"] != e.Text {
		t.Error("the text is another")
	}
}

// Nothing that anybody chose adds a header.
func TestNoHeaderIsInjected(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(e *notification.Email){
		"subject":    func(e *notification.Email) { e.Subject = "hi\r\nBcc: all@example.com" },
		"address":    func(e *notification.Email) { e.To = "kane@example.com>\r\nBcc: <all@example.com" },
		"message id": func(e *notification.Email) { e.MessageID = "x>\r\nBcc: <all@example.com" },
		"text":       func(e *notification.Email) { e.Text = "\r\n--x\r\nBcc: all@example.com\r\n\r\n.\r\nMAIL FROM:<a@b>" },
	} {
		e := email()
		change(&e)
		raw, err := letter.Message(from, &e)
		if err != nil {
			continue // refused
		}
		if header, parts := parse(t, raw); header.Get("Bcc") != "" || len(parts) != 2 {
			t.Errorf("%s: %v", name, header)
		}
	}
}
