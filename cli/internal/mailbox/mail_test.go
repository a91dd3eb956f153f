package mailbox

import (
	"strings"
	"testing"
)

// lines writes a mail the way it comes over the wire.
func lines(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func TestRead(t *testing.T) {
	tests := []struct {
		name       string
		mail       string
		subject    string
		text, html string
		problem    string // part of it
	}{
		{
			name:    "plain",
			mail:    lines("Subject: Hi", "", "Hello", "there"),
			subject: "Hi", text: "Hello\nthere\n",
		},
		{
			name: "both forms",
			mail: lines("Subject: =?utf-8?q?L=C3=B3d=C5=BA?=", "Content-Type: multipart/alternative; boundary=b", "", "preamble",
				"--b", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable", "", "Gr=C3=BC=C3=9Fe =", "an alle",
				"--b", "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: base64", "", "PGI+SGk8L2I+", "--b--"),
			subject: "Lódź", text: "Grüße an alle", html: "<b>Hi</b>",
		},
		{
			name:    "a folded subject",
			mail:    lines("Subject: one", "\ttwo", " three", "", ""),
			subject: "one two three", text: "\n",
		},
		{
			name: "an attachment is no text",
			mail: lines("Subject: x", "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain",
				"Content-Disposition: attachment; filename=a.txt", "", "not this", "--b", "Content-Type: text/plain", "", "but this", "--b--"),
			subject: "x", text: "but this",
		},
		{
			name:    "ISO 8859-1",
			mail:    lines("Subject: x", "Content-Type: text/plain; charset=ISO-8859-1", "", "Gr\xfc\xdfe"),
			subject: "x", text: "Grüße\n",
		},
		{
			name:    "only HTML",
			mail:    lines("Subject: x", "Content-Type: text/html", "", "<p>"),
			subject: "x", html: "<p>\n",
		},
		{name: "empty", mail: ""},
		{name: "no header", mail: lines("", "Hello"), text: "Hello\n"},
		{name: "header without an end", mail: "Subject: x", subject: "x"},
		{
			name:    "lines that are no fields",
			mail:    lines("Subject: x", "nonsense", ": y", "To Whom: z", "\x00\xff", "", "Hello"),
			subject: "x", text: "Hello\n",
		},
		{
			name:    "no boundary",
			mail:    lines("Subject: x", "Content-Type: multipart/mixed", "", "Hello"),
			subject: "x", problem: "boundary",
		},
		{
			name:    "cut off",
			mail:    lines("Subject: x", "Content-Type: multipart/mixed; boundary=b", "", "--b", "", "Hello"),
			subject: "x", text: "Hello", problem: "EOF",
		},
		{
			name:    "broken base64",
			mail:    lines("Subject: x", "Content-Transfer-Encoding: base64", "", "SGVsbG8h", "!!!"),
			subject: "x", text: "Hello!", problem: "EOF",
		},
		{
			name:    "broken type",
			mail:    lines("Subject: x", "Content-Type: ;;;", "", "Hello"),
			subject: "x", problem: "Content-Type",
		},
		{
			name:    "a type that is none",
			mail:    lines("Subject: x", "Content-Type: \x01", "", "Hello"),
			subject: "x", problem: "Content-Type",
		},
		{
			name:    "many parts",
			mail:    lines("Subject: x", "Content-Type: multipart/mixed; boundary=b", "") + strings.Repeat("--b\r\n\r\nx\r\n", 10*mostParts) + "--b--\r\n",
			subject: "x", text: "x", problem: "more parts",
		},
		{
			name:    "parts in parts",
			mail:    lines("Subject: x", "Content-Type: multipart/mixed; boundary=b", "") + strings.Repeat("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", 1000),
			subject: "x", problem: " ", // whichever limit comes first
		},
		{
			name:    "a long text",
			mail:    lines("Subject: x", "", strings.Repeat("x", largestText+1)),
			subject: "x", text: strings.Repeat("x", largestText), problem: "longer",
		},
		{
			name:    "a long header",
			mail:    lines("Subject: x", "X-Long: "+strings.Repeat("x", 10*largestHeader), "", "Hello"),
			subject: "x", problem: "header is longer",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mail, err := Read(write(t, newFolder(t), noon, tt.mail).Path)
			if err != nil {
				t.Fatal(err)
			}
			if got := mail.Header.Get("subject"); got != tt.subject {
				t.Errorf("subject %q, want %q", got, tt.subject)
			}
			if mail.Text != tt.text {
				t.Errorf("text %.100q, want %.100q", mail.Text, tt.text)
			}
			if mail.HTML != tt.html {
				t.Errorf("HTML %.100q, want %.100q", mail.HTML, tt.html)
			}
			if (mail.Problem == "") != (tt.problem == "") || !strings.Contains(mail.Problem, tt.problem) {
				t.Errorf("problem %q, want %q", mail.Problem, tt.problem)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	tests := []struct {
		name          string
		mail          string
		to, messageID string
	}{
		{"of the mail", lines("To: A <a@x.example>", "Message-Id: <1@x.example>", ""), "A <a@x.example>", "1@x.example"},
		{"of the envelope", lines("X-Envelope-To: a@x.example,", " b@x.example", "To: c@x.example", ""), "a@x.example, b@x.example", ""},
		{"the sender's word comes second", lines("X-Envelope-To: a@x.example", "X-Envelope-To: c@x.example", ""), "a@x.example", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header, err := ReadHeader(write(t, newFolder(t), noon, tt.mail).Path)
			if err != nil || header.To() != tt.to || header.MessageID() != tt.messageID {
				t.Errorf("to %q, Message-ID %q, %v; want %q, %q", header.To(), header.MessageID(), err, tt.to, tt.messageID)
			}
		})
	}
}

// Whatever a mail is, it can be read.
func FuzzRead(f *testing.F) {
	f.Add(lines("Subject: =?utf-8?b?w4Q=?=", "Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Transfer-Encoding: base64", "", "!", "--b--"))
	f.Fuzz(func(t *testing.T, mail string) {
		if _, err := Read(write(t, newFolder(t), noon, mail).Path); err != nil {
			t.Error(err)
		}
	})
}
