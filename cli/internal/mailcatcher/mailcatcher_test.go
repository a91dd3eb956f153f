package mailcatcher

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seaport.example/cli/internal/mailbox"
)

// catcher is a running mail catcher.
type catcher struct {
	address string
	folder  string
	log     *journal
	stop    func() error // ends it and returns what Serve did
}

func start(t *testing.T) *catcher {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &catcher{address: listener.Addr().String(), folder: filepath.Join(t.TempDir(), "mail"), log: &journal{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener, c.folder, c.log) }()
	c.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = c.stop() })
	return c
}

// mails reads what was kept, the newest first.
func (c *catcher) mails(t *testing.T) []string {
	t.Helper()
	entries, err := mailbox.List(c.folder)
	if err != nil {
		t.Fatal(err)
	}
	var mails []string
	for _, entry := range entries {
		content, err := os.ReadFile(entry.Path)
		if err != nil {
			t.Fatal(err)
		}
		mails = append(mails, string(content))
	}
	return mails
}

// journal takes lines from several goroutines.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *journal) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *journal) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestKeeps(t *testing.T) {
	c := start(t)
	mail := "Subject: Welcome\r\nMessage-ID: <1@seaport.example>\r\n\r\nHello\r\n.\r\nstill\r\n"
	if err := smtp.SendMail(c.address, nil, "noreply@seaport.example", []string{"a@x.example", "b@x.example"}, []byte(mail)); err != nil {
		t.Fatal(err)
	}
	want := "Return-Path: <noreply@seaport.example>\r\nX-Envelope-To: a@x.example,\r\n b@x.example\r\n" + mail
	if got := c.mails(t); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := c.stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if said := c.log.String(); !strings.Contains(said, "kept mail") || strings.Contains(said, "x.example") || strings.Contains(said, "Hello") {
		t.Errorf("the log: %s", said)
	}
}

func TestRefuses(t *testing.T) {
	c := start(t)
	tests := []struct {
		name string
		to   []string
		mail string
		code int
	}{
		{"the domain .invalid", []string{"a@x.Invalid"}, "Subject: x\r\n\r\n", 550},
		{"too large", []string{"a@x.example"}, "Subject: x\r\n\r\n" + strings.Repeat("x\r\n", largestMail/3+1), 552},
		{"too many recipients", strings.Split(strings.Repeat("a@x.example ", mostRecipients)+"a@x.example", " "), "Subject: x\r\n\r\n", 452},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := smtp.SendMail(c.address, nil, "noreply@seaport.example", tt.to, []byte(tt.mail))
			if refusal, ok := errors.AsType[*textproto.Error](err); !ok || refusal.Code != tt.code {
				t.Errorf("error %v, want code %d", err, tt.code)
			}
		})
	}
	if files, _ := os.ReadDir(c.folder); len(files) != 0 {
		t.Errorf("kept: %v", files)
	}
}

// A client that goes away in the middle leaves nothing.
func TestBreaksOff(t *testing.T) {
	c := start(t)
	client, err := smtp.Dial(c.address)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(client.Mail("noreply@seaport.example"), client.Rcpt("a@x.example")); err != nil {
		t.Fatal(err)
	}
	data, err := client.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Write([]byte("Subject: x\r\n\r\nHel")); err != nil {
		t.Fatal(err)
	}
	_ = client.Text.W.Flush()
	_ = client.Close()
	_ = c.stop() // waits for the connection
	if files, _ := os.ReadDir(c.folder); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// What cannot be kept is not taken: the sender tries again.
func TestFolderGone(t *testing.T) {
	c := start(t)
	client, err := smtp.Dial(c.address) // it has made the folder by now
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if err := os.RemoveAll(c.folder); err != nil {
		t.Fatal(err)
	}
	err = smtp.SendMail(c.address, nil, "noreply@seaport.example", []string{"a@x.example"}, []byte("Subject: x\r\n\r\n"))
	if refusal, ok := errors.AsType[*textproto.Error](err); !ok || refusal.Code != 451 {
		t.Errorf("error %v, want code 451", err)
	}
	if !strings.Contains(c.log.String(), "ERROR") {
		t.Errorf("the log: %s", c.log)
	}
}

// It ends although a client stays connected.
func TestEndsWithClients(t *testing.T) {
	c := start(t)
	client, err := smtp.Dial(c.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	done := make(chan error, 1)
	go func() { done <- c.stop() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * grace):
		t.Error("it still runs")
	}
}

// A client that goes away is no trouble for whoever reads the console; a panic is.
func TestTrouble(t *testing.T) {
	journal := &journal{}
	trouble := trouble{log.New(journal, "", 0)}
	trouble.Printf("error handling %s: reset", "127.0.0.1:1")
	trouble.Println("panic serving x")
	if want := "INFO error handling 127.0.0.1:1: reset\nERROR panic serving x\n"; journal.String() != want {
		t.Errorf("it says %q, want %q", journal, want)
	}
}

func TestPrintable(t *testing.T) {
	for address, want := range map[string]bool{"a@x.example": true, "ł@x.example": true, "a\r\nSubject: y@x.example": false, "a\x7f@x": false} {
		if printable(address) != want {
			t.Errorf("printable(%q) = %t", address, !want)
		}
	}
}
