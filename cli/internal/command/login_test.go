package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/credentials"
	userv1 "seaport.example/proto/seaport/user/v1"
)

// damage spoils the file of the log-ins.
func damage(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(os.Getenv(credentials.FolderEnv), "credentials.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLogin(t *testing.T) {
	for name, tt := range map[string]struct {
		stdin string
		args  []string
	}{
		"a line of standard input": {"correct horse\nand more\n", nil},
		"a line of Windows":        {"correct horse\r\n", nil},
		"without an end":           {"correct horse", nil},
		"a flag":                   {"", []string{"--password", "correct horse"}},
		"a flag above the line":    {"wrong", []string{"--password", "correct horse"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t)
			got := p.run(t, tt.stdin, append([]string{"login", "--email", "Operator@seaport.example"}, tt.args...)...)
			want := "Logged in at " + p.address + " as operator@seaport.example (operator).\n"
			if got.exit != exitOK || got.stdout != want || got.stderr != "" {
				t.Fatalf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
			}
			login, _, err := folder(t).Get(p.address)
			if err != nil || login.UserID != "u2" || login.Roles[0] != "operator" || login.RefreshToken != "refresh-1" || !login.AccessExpires.Equal(farAway) {
				t.Errorf("stored %+v, %v", login, err)
			}
		})
	}
}

func TestLoginRefused(t *testing.T) {
	p := newPlatform(t)
	before := p.logIn(t, time.Hour)
	for _, output := range []string{outputText, outputJSON} {
		got := p.run(t, "wrong horse\n", "login", "--email", "operator@seaport.example", "--output", output)
		if got.exit != exitFailed || got.stdout != "" || strings.Contains(got.stderr, "horse") {
			t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
		}
		if want := "seaport: the address or the password is wrong (UNAUTHENTICATED)\n"; output == outputText && got.stderr != want {
			t.Errorf("stderr %q", got.stderr)
		}
	}
	if stored := p.stored(t); stored != before.AccessToken {
		t.Errorf("the log-in before is gone: %q", stored)
	}
	p.auth = func(*userv1.AuthRequest) (*userv1.AuthResponse, error) { return &userv1.AuthResponse{}, nil }
	if got := p.run(t, "x\n", "login", "--email", "operator@seaport.example"); got.exit != exitFailed || p.stored(t) != before.AccessToken {
		t.Errorf("an answer without tokens: exit %d, stderr %q", got.exit, got.stderr)
	}
}

func TestLoginIsOvershadowed(t *testing.T) {
	p := newPlatform(t)
	t.Setenv(tokenEnv, "of-a-script")
	got := p.run(t, "correct horse\n", "login", "--email", "operator@seaport.example")
	if got.exit != exitOK || !strings.Contains(got.stdout, "SEAPORT_TOKEN is set and goes before this log-in") {
		t.Errorf("exit %d, stdout %q", got.exit, got.stdout)
	}
}

func TestLoginWithoutAFolderAsksNothing(t *testing.T) {
	p := newPlatform(t)
	for _, name := range []string{credentials.FolderEnv, "XDG_CONFIG_HOME", "HOME"} {
		t.Setenv(name, "")
	}
	got := p.run(t, "correct horse\n", "login", "--email", "operator@seaport.example")
	if got.exit != exitFailed || !strings.Contains(got.stderr, credentials.FolderEnv) || len(p.received()) > 0 {
		t.Errorf("exit %d, stderr %q, sent %v", got.exit, got.stderr, p.received())
	}
	if got := p.run(t, "", "vessel", "list"); got.exit != exitOK {
		t.Errorf("who needs no log-in: exit %d, stderr %q", got.exit, got.stderr)
	}
}

func TestLogout(t *testing.T) {
	quickly(t)
	tests := []struct {
		name   string
		revoke error
		exit   int
		stderr string // part of it
	}{
		{"told", nil, exitOK, ""},
		{"ended before", status.Error(codes.Unauthenticated, "spent"), exitOK, ""},
		{"not told", status.Error(codes.Unavailable, "away"), exitUnreachable, "is forgotten here, but Seaport was not told"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			p.logIn(t, -time.Hour) // which is not refreshed for that
			p.revoke = func(req *userv1.RevokeTokensRequest) error {
				if req.GetRefreshToken() != "refresh-1" || req.GetUserId() != "" {
					t.Errorf("revokes %v", req)
				}
				return tt.revoke
			}
			got := p.run(t, "", "logout")
			if got.exit != tt.exit || !strings.Contains(got.stderr, tt.stderr) || p.stored(t) != "" {
				t.Errorf("exit %d, stderr %q, stored %q", got.exit, got.stderr, p.stored(t))
			}
			if got = p.run(t, "", "logout"); got.exit != exitOK || got.stdout != "Nobody is logged in at "+p.address+".\n" {
				t.Errorf("again: exit %d, stdout %q", got.exit, got.stdout)
			}
		})
	}
}

func TestLogoutEverywhere(t *testing.T) {
	p := newPlatform(t)
	p.logIn(t, time.Hour)
	p.admit = admitOnly("access-1")
	refuse := status.Error(codes.Internal, "broken")
	p.revoke = func(req *userv1.RevokeTokensRequest) error {
		if req.GetUserId() != "me" || req.GetRefreshToken() != "" {
			t.Errorf("revokes %v", req)
		}
		return refuse
	}
	if got := p.run(t, "", "logout", "--everywhere"); got.exit != exitFailed || p.stored(t) == "" {
		t.Errorf("not done: exit %d, stored %q", got.exit, p.stored(t))
	}
	refuse = nil
	got := p.run(t, "", "logout", "--everywhere")
	if got.exit != exitOK || got.stdout != "Logged out everywhere: operator@seaport.example, at "+p.address+".\n" || p.stored(t) != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
	if got = p.run(t, "", "logout", "--everywhere"); got.exit != exitFailed || !strings.Contains(got.stderr, "nobody is logged in") {
		t.Errorf("again: exit %d, stderr %q", got.exit, got.stderr)
	}
}

func TestWhoeverIsNobody(t *testing.T) {
	p := newPlatform(t)
	for _, args := range [][]string{{"whoami"}, {"token"}} {
		got := p.run(t, "", args...)
		want := "seaport: nobody is logged in at HOST:PORT (UNAUTHENTICATED)\nLog in: seaport login --email ADDRESS --server HOST:PORT\n"
		if text := strings.ReplaceAll(got.stderr, p.address, "HOST:PORT"); got.exit != exitFailed || got.stdout != "" || !strings.HasPrefix(text, want) {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, got.exit, got.stdout, text)
		}
	}
}

func TestTokenIsRefreshed(t *testing.T) {
	p := newPlatform(t)
	p.logIn(t, time.Second)
	p.refresh = refreshOnce()
	if got := p.run(t, "", "token"); got.exit != exitOK || got.stdout != "access-2\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
}

func TestUserCreateLogsInWhereNobodyIs(t *testing.T) {
	p := newPlatform(t)
	line := []string{"user", "create", "--name", "New", "--email", "new@freight.example"}
	if got := p.run(t, "wrong horse", line...); got.exit != exitOK || !strings.HasSuffix(got.stdout, "\nNot logged in yet: seaport login --email new@freight.example --server "+p.address+"\n") {
		t.Errorf("log-in refused: exit %d, stdout %q", got.exit, got.stdout)
	}
	if got := p.run(t, "correct horse", line...); got.exit != exitOK || !strings.HasSuffix(got.stdout, "\nLogged in at "+p.address+" as new@freight.example.\n") {
		t.Errorf("exit %d, stdout %q", got.exit, got.stdout)
	}
	if got := p.run(t, "correct horse", line...); got.exit != exitOK || strings.Contains(got.stdout, "ogged in") {
		t.Errorf("somebody is logged in: exit %d, stdout %q", got.exit, got.stdout)
	}
	ids := map[string]bool{}
	for _, req := range p.received() {
		if r, ok := req.(*userv1.CreateRequest); ok {
			ids[r.GetRequestId()] = true
		}
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("request ids %v", ids)
	}
}
