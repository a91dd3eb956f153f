package command

import (
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	userv1 "seaport.example/proto/seaport/user/v1"
)

// benchLine is the shortest bench.
var benchLine = []string{"bench", "--callers", "4", "--count", "8", "--warmup", "0"}

// kindsOfCalls is a command for each way of calling.
var kindsOfCalls = [][]string{
	{"vessel", "list"},
	{"ping", "vessel"},
	{"ping", "vessel", "--unary"},
	benchLine,
}

func TestCallsCarryTheLogin(t *testing.T) {
	for _, args := range kindsOfCalls {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			p := newPlatform(t)
			p.quiet = true
			p.logIn(t, time.Hour)
			p.admit = admitOnly("access-1")
			if got := p.run(t, "", args...); got.exit != exitOK || got.stderr != "" {
				t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
			}
		})
	}
}

func TestTokenGoesToItsServerOnly(t *testing.T) {
	p := newPlatform(t)
	login := p.logIn(t, time.Hour)
	if err := folder(t).Delete(p.address); err != nil {
		t.Fatal(err)
	}
	if err := folder(t).Put("localhost:1", login); err != nil {
		t.Fatal(err)
	}
	p.run(t, "", "vessel", "list")
	if len(p.tokens) != 1 || p.tokens[0] != "" {
		t.Errorf("tokens %q", p.tokens)
	}
}

func TestTokenOfTheEnvironmentGoesFirst(t *testing.T) {
	p := newPlatform(t)
	p.logIn(t, -time.Hour)
	t.Setenv(tokenEnv, " of-a-script\n")
	p.admit = admitOnly("of-a-script")
	if got := p.run(t, "", "vessel", "list"); got.exit != exitOK {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	if got := p.run(t, "", "token"); got.stdout != "of-a-script\n" {
		t.Errorf("token prints %q, %q", got.stdout, got.stderr)
	}
	t.Setenv(tokenEnv, "no such\ntoken")
	got := p.run(t, "", "vessel", "list")
	if got.exit != exitBadInput || got.stderr != "seaport: SEAPORT_TOKEN: is not a token\n" {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}

func TestSilentRefresh(t *testing.T) {
	tests := []struct {
		name  string
		lasts time.Duration
	}{
		{"expired", -time.Hour},
		{"about to expire", 30 * time.Second},
		{"refused though it has time left", time.Hour}, // clocks differ, or the keys changed
	}
	for _, tt := range tests {
		for _, args := range kindsOfCalls {
			t.Run(tt.name+" "+args[0]+args[len(args)-1], func(t *testing.T) {
				p := newPlatform(t)
				p.quiet = true
				p.logIn(t, tt.lasts)
				p.admit, p.refresh = admitOnly("access-2"), refreshOnce()
				got := p.run(t, "", args...)
				if got.exit != exitOK || got.stderr != "" {
					t.Fatalf("exit %d, stderr %q", got.exit, got.stderr)
				}
				if stored := p.stored(t); stored != "access-2" {
					t.Errorf("stored %q", stored)
				}
				if got = p.run(t, "", args...); got.exit != exitOK {
					t.Errorf("the next command: exit %d, stderr %q", got.exit, got.stderr)
				}
			})
		}
	}
}

func TestCommandsAtOnceRefreshOnce(t *testing.T) {
	p := newPlatform(t)
	p.logIn(t, -time.Hour)
	p.admit, p.refresh = admitOnly("access-2"), refreshOnce()
	var commands sync.WaitGroup
	for range 4 {
		commands.Go(func() {
			if got := p.run(t, "", "vessel", "list"); got.exit != exitOK {
				t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
			}
		})
	}
	commands.Wait()
	refreshes := 0
	for _, req := range p.received() {
		if _, ok := req.(*userv1.RefreshTokenRequest); ok {
			refreshes++
		}
	}
	if refreshes != 1 {
		t.Errorf("%d refreshes", refreshes)
	}
}

func TestRefreshWhoseAnswerIsLost(t *testing.T) {
	quickly(t)
	for _, tt := range []struct {
		name  string
		lasts time.Duration
		exit  int // of the command whose refresh is not answered
	}{
		{"the token is good for a moment yet", 30 * time.Second, exitOK},
		{"the token has expired", -time.Hour, exitUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			p.logIn(t, tt.lasts)
			exchange := refreshOnce()
			p.refresh = func(req *userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
				_, _ = exchange(req) // it was done, and nobody learns of it
				return nil, status.Error(codes.Unavailable, "the connection broke")
			}
			if got := p.run(t, "", "vessel", "list"); got.exit != tt.exit {
				t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
			}
			p.refresh, p.admit = exchange, admitOnly("access-2")
			if got := p.run(t, "", "vessel", "list"); got.exit != exitOK {
				t.Errorf("the next command: exit %d, stderr %q", got.exit, got.stderr)
			}
			ids := map[string]int{}
			for _, req := range p.received() {
				if r, ok := req.(*userv1.RefreshTokenRequest); ok {
					ids[r.GetRequestId()]++
				}
			}
			if len(ids) != 1 {
				t.Errorf("refreshes by request id: %v", ids)
			}
		})
	}
}

func TestSpentRefreshToken(t *testing.T) {
	for _, args := range kindsOfCalls {
		for _, lasts := range []time.Duration{-time.Hour, time.Hour} {
			t.Run(strings.Join(args, " ")+lasts.String(), func(t *testing.T) {
				p := newPlatform(t)
				p.logIn(t, lasts)
				p.admit = admitOnly("access-2")
				p.refresh = func(*userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
					return nil, status.Error(codes.Unauthenticated, "spent")
				}
				got := p.run(t, "", args...)
				want := "seaport: the log-in of operator@seaport.example at HOST:PORT has ended (UNAUTHENTICATED)\n" +
					"Log in again: seaport login --email operator@seaport.example --server HOST:PORT\n"
				if text := strings.ReplaceAll(got.stderr, p.address, "HOST:PORT"); got.exit != exitFailed || !strings.HasPrefix(text, want) {
					t.Errorf("exit %d, stderr %q", got.exit, text)
				}
				if stored := p.stored(t); stored != "" {
					t.Errorf("still stored: %q", stored)
				}
				got = p.run(t, "", args...)
				if got.exit != exitFailed || !strings.Contains(got.stderr, "Log in: seaport login --email ADDRESS --server "+p.address) {
					t.Errorf("the next command: exit %d, stderr %q", got.exit, got.stderr)
				}
			})
		}
	}
}

func TestAdviceToWhoMayNot(t *testing.T) {
	denied := func(string) error { return status.Error(codes.PermissionDenied, "this is for operators") }
	tests := []struct {
		name     string
		loggedIn bool
		token    string
		admit    func(string) error
		want     string
	}{
		{
			"nobody", false, "", admitOnly("x"),
			"seaport: the token is not good (UNAUTHENTICATED)\nLog in: seaport login --email ADDRESS --server HOST:PORT\n\"seaport user create\" registers you, if you are new.\n",
		},
		{
			"token of the environment", true, "old", admitOnly("x"),
			"seaport: the token is not good (UNAUTHENTICATED)\nSEAPORT_TOKEN has expired, or is not a token of this Seaport. Set another one, or unset it and log in: seaport login --email ADDRESS --server HOST:PORT\n",
		},
		{
			"without the role", true, "", denied,
			"seaport: this is for operators (PERMISSION_DENIED)\nYou are logged in as operator@seaport.example; \"seaport whoami\" says more. Log in as another: seaport login --email ADDRESS --server HOST:PORT\n",
		},
		{
			"environment without the role", false, "a", denied,
			"seaport: this is for operators (PERMISSION_DENIED)\nYou call with SEAPORT_TOKEN; \"seaport whoami\" says who that is. Without it, log in as another: seaport login --email ADDRESS --server HOST:PORT\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			if tt.loggedIn {
				p.logIn(t, time.Hour)
			}
			t.Setenv(tokenEnv, tt.token)
			p.admit = tt.admit
			for _, args := range kindsOfCalls {
				got := p.run(t, "", args...)
				// A bench adds what it needs.
				if text := strings.ReplaceAll(got.stderr, p.address, "HOST:PORT"); got.exit != exitFailed || !strings.HasPrefix(text, tt.want) {
					t.Errorf("%v: exit %d, got\n%swant\n%s", args, got.exit, text, tt.want)
				}
			}
			t.Setenv(serverEnv, p.address)
			if got := runLine(t, "", "vessel", "list"); strings.Contains(got.stderr, "--server") {
				t.Errorf("advises a --server that is the usual one: %q", got.stderr)
			}
		})
	}
}

func TestBenchIsForOperators(t *testing.T) {
	p := newPlatform(t)
	p.logIn(t, time.Hour)
	p.admit = func(string) error { return status.Error(codes.PermissionDenied, "this is for operators") }
	got := p.run(t, "", benchLine...)
	if got.exit != exitFailed || !strings.HasSuffix(got.stderr, "\nA bench needs an operator: it creates vessels and a depot, and books for customers of its own.\n") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	if sent := p.received(); len(sent) != 1 {
		t.Errorf("%d calls before it gave up", len(sent))
	}
}

func TestWarnsOfAnOpenConnection(t *testing.T) {
	for address, warned := range map[string]bool{
		"localhost:8080": false, "127.0.0.1:8080": false, "127.9.9.9:1": false, "[::1]:8080": false,
		"10.0.0.1:8080": true, "freight.example:80": true, "localhost.freight.example:80": true, "[fe80::1]:80": true,
	} {
		var stderr strings.Builder
		s := &session{stderr: &stderr, address: address}
		c := &caller{s: s}
		c.warn()
		c.warn()
		want := 0
		if warned {
			want = 1
		}
		if n := strings.Count(stderr.String(), "is not encrypted"); n != want {
			t.Errorf("%s: %q", address, stderr.String())
		}
	}
}

func TestDamagedCredentialsStopACommand(t *testing.T) {
	p := newPlatform(t)
	p.logIn(t, time.Hour)
	damage(t)
	got := p.run(t, "", "vessel", "list")
	if got.exit != exitFailed || !strings.Contains(got.stderr, "credentials.json is damaged: mend it, or remove it and log in again\n") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	if sent := p.received(); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
}
