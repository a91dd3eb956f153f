package mailrelay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// peer is a mail server that says what a test wants of it.
type peer struct {
	net.Listener
	replies map[string]string // by verb; "." is after the mail; empty hangs up

	mu    sync.Mutex
	lines []string // that it heard, but for the mail
	mails []string
}

func start(t *testing.T, replies map[string]string) *peer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Listener: listener, replies: replies}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.talk(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); wg.Wait() })
	return p
}

func (p *peer) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	say := func(verb, usual string) bool {
		reply, special := p.replies[verb]
		if !special {
			reply = usual
		}
		if reply == "" {
			return false
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", reply)
		return err == nil
	}
	heard := bufio.NewReader(conn)
	for ok := say("", "220 here"); ok; {
		line, err := heard.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		p.mu.Lock()
		p.lines = append(p.lines, strings.TrimSpace(line))
		p.mu.Unlock()
		switch verb {
		case "DATA":
			if ok = say(verb, "354 go on"); ok && p.replies[verb] == "" {
				var mail strings.Builder
				for line, err = heard.ReadString('\n'); err == nil && line != ".\r\n"; line, err = heard.ReadString('\n') {
					mail.WriteString(strings.TrimPrefix(line, "."))
				}
				p.mu.Lock()
				p.mails = append(p.mails, mail.String())
				p.mu.Unlock()
				ok = say(".", "250 taken")
			}
		default:
			ok = say(verb, "250 fine")
		}
	}
}

func post(t *testing.T, to string, kind, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("X-Mailer-Token", "token")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(said)
}

const letter = "From: \"Seaport\" <no-reply@seaport.example>\r\nTo: <kane@example.com>\r\nSubject: hi\r\nMessage-ID: <1@seaport.example>\r\n\r\nDear Kane\r\n.\r\n..\r\n"

func configOf(t *testing.T, address string) Config {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Host: host, Port: port, Token: "token", Log: io.Discard}
}

func relay(t *testing.T, address string) string {
	t.Helper()
	web := httptest.NewServer(handler(configOf(t, address), log.New(io.Discard, "", 0)))
	t.Cleanup(web.Close)
	return web.URL + "/"
}

func TestRelay(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	if code, said := post(t, relay(t, p.Addr().String()), "message/rfc822", letter); code != http.StatusNoContent {
		t.Fatalf("%d %s", code, said)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mails) != 1 || p.mails[0] != letter {
		t.Errorf("arrived %q", p.mails)
	}
	heard := strings.Join(p.lines, "\n")
	if !strings.Contains(heard, "MAIL FROM:<no-reply@seaport.example>") || !strings.Contains(heard, "RCPT TO:<kane@example.com>") {
		t.Errorf("heard %s", heard)
	}
}

// What a mail server says decides whether it makes sense to ask it again.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		replies map[string]string
		mail    string
		code    int
	}{
		"no such mailbox":        {map[string]string{"RCPT": "550 5.1.1 unknown"}, letter, 422},
		"sender refused":         {map[string]string{"MAIL": "553 no"}, letter, 422},
		"content refused":        {map[string]string{".": "554 spam"}, letter, 422},
		"mailbox busy":           {map[string]string{"RCPT": "450 later"}, letter, 503},
		"overloaded":             {map[string]string{".": "451 later"}, letter, 503},
		"closing":                {map[string]string{"": "421 closing"}, letter, 502},
		"hangs up":               {map[string]string{"": ""}, letter, 502},
		"hangs up in the middle": {map[string]string{".": ""}, letter, 503},
		"no mail":                {nil, "Dear Kane", 422},
		"nobody":                 {nil, "From: a@example.com\r\n\r\nhi", 422},
		"two":                    {nil, "From: a@example.com\r\nTo: b@example.com, c@example.com\r\n\r\nhi", 422},
		"huge":                   {nil, letter + strings.Repeat("x", 8<<20), 422},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code, said := post(t, relay(t, start(t, c.replies).Addr().String()), "message/rfc822", c.mail); code != c.code || strings.TrimSpace(said) == "" {
				t.Errorf("%d %s; want %d", code, said, c.code)
			}
		})
	}
}

func TestNotPosted(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	url := relay(t, p.Addr().String())
	if code, _ := post(t, url, "text/plain", letter); code != http.StatusUnsupportedMediaType {
		t.Errorf("of another type: %d", code)
	}
	if code, _ := post(t, url+"elsewhere", "message/rfc822", letter); code != http.StatusNotFound {
		t.Errorf("elsewhere: %d", code)
	}
	stranger, err := http.Post(url, "message/rfc822", strings.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	_ = stranger.Body.Close()
	if stranger.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the token: %d", stranger.StatusCode)
	}
	if p.lines != nil {
		t.Errorf("the mail server heard %q", p.lines)
	}
}

func TestAway(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	_ = p.Close()
	if code, said := post(t, relay(t, p.Addr().String()), "message/rfc822", letter); code != http.StatusBadGateway {
		t.Errorf("%d %s", code, said)
	}
}

// A password is not sent where others can read it.
func TestLogin(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "535 wrong"})
	err := server{Address: p.Addr().String(), User: "u", Password: "secret"}.Send(t.Context(), []byte(letter))
	if err == nil || errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "secret") {
		t.Errorf("a wrong password, which is not the mail's fault: %v", err)
	}
}

func TestServeEnds(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- serve(ctx, listener, configOf(t, start(t, nil).Addr().String()))
	}()
	if code, said := post(t, "http://"+listener.Addr().String()+"/", "message/rfc822", letter); code != http.StatusNoContent {
		t.Errorf("%d %s", code, said)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
