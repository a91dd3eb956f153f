package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seaport.example/cli/internal/mailbox"
)

// runMail runs "seaport mail" on a data folder.
func runMail(t *testing.T, data string, args ...string) result {
	t.Helper()
	return runLine(t, "", append(append([]string{"mail"}, args...), "--data", data)...)
}

// sampleMails makes a data folder whose mails have the ids aa0000000001 (the oldest), ab0000000001 and so on.
func sampleMails(t *testing.T, mails ...string) string {
	t.Helper()
	data := t.TempDir()
	if err := mailbox.Open(mailbox.Folder(data)); err != nil {
		t.Fatal(err)
	}
	for i, mail := range mails {
		at := noon.AsTime().Add(time.Duration(i) * time.Second).Format("20060102T150405.000000000Z")
		name := fmt.Sprintf("%s-a%c%010d.eml", at, 'a'+i, 1)
		if err := os.WriteFile(filepath.Join(mailbox.Folder(data), name), []byte(strings.ReplaceAll(mail, "\n", "\r\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

const (
	welcomeMail = `Return-Path: <noreply@seaport.example>
X-Envelope-To: ada@x.example
From: Seaport <noreply@seaport.example>
To: ada@x.example
Subject: =?utf-8?q?Welcome_to_Seaport,_=C5=81ucja?=
Message-ID: <1@seaport.example>
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Hi =C5=81ucja!

	Welcome.
--b
Content-Type: text/html; charset=utf-8

<p>Hi!</p>
--b--
`
	hostileMail = "Subject: a\x1b[31mb\x00\nTo: =?utf-8?q?=E2=80=AEabc?=\nMessage-ID: <2@seaport.example>\n\nHello\x1b]0;x\x07\n"
	brokenMail  = "Subject: cut\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHalf"
)

func TestMail(t *testing.T) {
	data := sampleMails(t, welcomeMail, hostileMail, brokenMail)
	tests := []struct {
		name string
		args []string
	}{
		{"mail-list", []string{"list"}},
		{"mail-list-limit", []string{"list", "--limit", "1"}},
		{"mail-show", []string{"show", "aa0000000001"}},
		{"mail-show-hostile", []string{"show", "ab"}},
		{"mail-show-broken", []string{"show", "ac"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := runMail(t, data, tt.args...)
			if text.exit != exitOK {
				t.Fatalf("exit %d, stderr %q", text.exit, text.stderr)
			}
			golden(t, tt.name, text.stdout+"-- stderr --\n"+text.stderr)
			if strings.IndexFunc(strings.ReplaceAll(strings.ReplaceAll(text.stdout, "\n", ""), "\t", ""), hidden) >= 0 {
				t.Errorf("a hidden character in %q", text.stdout)
			}
			inJSON := runMail(t, data, append(tt.args, "--output", "json")...)
			if inJSON.exit != exitOK || !json.Valid([]byte(inJSON.stdout)) {
				t.Fatalf("exit %d, stderr %q, %s", inJSON.exit, inJSON.stderr, inJSON.stdout)
			}
			golden(t, tt.name+"-json", strings.ReplaceAll(inJSON.stdout, data, "DATA"))
		})
	}
}

func TestMailAsItCame(t *testing.T) {
	data := sampleMails(t, welcomeMail, hostileMail)
	if got := runMail(t, data, "show", "ab", "--raw"); got.stdout != strings.ReplaceAll(hostileMail, "\n", "\r\n") || got.exit != exitOK {
		t.Errorf("--raw: exit %d, %q", got.exit, got.stdout)
	}
	if got := runMail(t, data, "show", "aa", "--html"); got.stdout != "<p>Hi!</p>" || got.exit != exitOK {
		t.Errorf("--html: exit %d, %q", got.exit, got.stdout)
	}
	var shown bytes.Buffer
	if n, err := (lineWriter{&shown}).Write([]byte("a\x1b\r\nb\tc")); err != nil || n != 7 || shown.String() != "a\\x1b\nb\tc" {
		t.Errorf("on a terminal: %q, %d, %v", shown.String(), n, err)
	}
}

func TestMailRefusals(t *testing.T) {
	data := sampleMails(t, welcomeMail, hostileMail)
	none := t.TempDir()
	tests := []struct {
		name string
		data string
		args []string
		exit int
		says string
	}{
		{"no mail folder", none, []string{"list"}, exitFailed, `"seaport up" makes it`},
		{"no mail folder to look in", none, []string{"show", "aa"}, exitFailed, `"seaport up" makes it`},
		{"no such mail", data, []string{"show", "ff"}, exitFailed, `"seaport mail list" lists them`},
		{"a path", data, []string{"show", "../mail"}, exitFailed, "no mail in"},
		{"several", data, []string{"show", "a"}, exitFailed, "2 mails"},
		{"no HTML", data, []string{"show", "ab", "--html"}, exitFailed, "no HTML"},
		{"no id", data, []string{"show"}, exitBadInput, "--help"},
		{"raw HTML", data, []string{"show", "aa", "--raw", "--html"}, exitBadInput, "[raw html]"},
		{"raw JSON", data, []string{"show", "aa", "--raw", "-o", "json"}, exitBadInput, "does not go with"},
		{"a limit below zero", data, []string{"list", "--limit", "-1"}, exitBadInput, "--limit"},
		{"an output that is none", data, []string{"list", "-o", "xml"}, exitBadInput, "--output"},
		{"an address that is none", data, []string{"catch", "--listen", "nowhere"}, exitFailed, "nowhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := runMail(t, tt.data, tt.args...)
			if got.exit != tt.exit || !strings.Contains(got.stderr, tt.says) {
				t.Errorf("exit %d, want %d; it says %q, want %q in it", got.exit, tt.exit, got.stderr, tt.says)
			}
		})
	}
}

func TestMailCatch(t *testing.T) {
	data := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // for a free port
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan int, 1)
	go func() {
		done <- Run(ctx, []string{"mail", "catch", "--data", data, "--listen", address}, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})
	}()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := smtp.SendMail(address, nil, "noreply@seaport.example", []string{"ada@x.example"}, []byte("Subject: Hi\r\n\r\n"))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if got := runMail(t, data, "list"); !strings.Contains(got.stdout, "ada@x.example") || !strings.Contains(got.stdout, "Hi") {
		t.Errorf("listed: %q, %q", got.stdout, got.stderr)
	}
	stop()
	if exit := <-done; exit != exitOK {
		t.Errorf("exit %d", exit)
	}
}
