package identity

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/platform"
)

// shell is a command line of somebody with log-ins of their own.
type shell struct {
	*testing.T

	platform *platform.Platform
	config   string
}

func newShell(t *testing.T, p *platform.Platform) shell {
	t.Helper()
	return shell{t, p, filepath.Join(t.TempDir(), "config")}
}

func (s shell) run(stdin string, args ...string) platform.Outcome {
	s.Helper()
	return s.platform.CLIAt(s, s.config, stdin, args...)
}

// must runs a command that must succeed and say something.
func (s shell) must(says, stdin string, args ...string) string {
	s.Helper()
	out := s.run(stdin, args...)
	if out.Exit != 0 || !strings.Contains(out.Stdout, says) {
		s.Errorf("seaport %s: exit %d, it says %q and %q, want %q", strings.Join(args, " "), out.Exit, out.Stdout, out.Stderr, says)
	}
	return out.Stdout
}

// refused runs a command that must be refused with a code and an advice.
func (s shell) refused(code, advice, stdin string, args ...string) {
	s.Helper()
	out := s.run(stdin, args...)
	if out.Exit != 1 || !strings.Contains(out.Stderr, code) || !strings.Contains(out.Stderr, advice) {
		s.Errorf("seaport %s: exit %d, it says %q, want 1, %s and %q", strings.Join(args, " "), out.Exit, out.Stderr, code, advice)
	}
}

// login is a log-in as it is kept.
type login struct {
	Email        string    `json:"email"`
	AccessToken  string    `json:"access_token"`
	Expires      time.Time `json:"access_expire_time"`
	RefreshToken string    `json:"refresh_token"`
}

// kept returns the only log-in that is kept.
func (s shell) kept() login {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(s.config, "credentials.json"))
	if err != nil {
		s.Fatal(err)
	}
	var all map[string]login
	if err := json.Unmarshal(content, &all); err != nil || len(all) != 1 {
		s.Fatalf("%d log-ins are kept, %v", len(all), err)
	}
	for _, one := range all {
		return one
	}
	return login{}
}

// From the first command to the last, without a token of its own.
func TestCommandLine(t *testing.T) {
	p := shared(t)
	s := newShell(t, p)
	account := platform.NewAccount()
	password := account.Password + "\n"

	s.refused("UNAUTHENTICATED", "seaport login", "", "whoami")
	s.refused("UNAUTHENTICATED", "seaport login", "", "vessel", "list")
	s.refused("UNAUTHENTICATED", "seaport login", "", "token")

	s.must(account.Email, password, "user", "create", "--name", "A customer", "--company", "Of a test", "--email", strings.ToUpper(account.Email))
	s.must(account.Email, "", "whoami") // being the first, it is logged in
	for path, want := range map[string]os.FileMode{s.config: 0o700, filepath.Join(s.config, "credentials.json"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %o", path, info, err, want)
		}
	}
	s.must("", "", "vessel", "list")
	s.refused("PERMISSION_DENIED", "whoami", "", "user", "list")
	s.refused("PERMISSION_DENIED", "whoami", "", "depot", "stock", "Atlantis", "1")
	s.refused("ALREADY_EXISTS", "email", password, "user", "create", "--name", "Again", "--email", account.Email)

	var me userv1.GetResponse
	if err := protojson.Unmarshal([]byte(s.must("", "", "user", "get", "--output", "json")), &me); err != nil || me.GetUser().GetEmail() != account.Email {
		t.Fatalf("seaport user get: %v, %v", &me, err)
	}
	id := me.GetUser().GetId()
	token := strings.TrimSpace(s.must("", "", "token"))
	if got := p.With(token).REST(t, "GET", "/v1/users/me", nil); got.Status != 200 || !strings.Contains(string(got.Body), id) {
		t.Errorf("with what seaport token prints: answered %d %s", got.Status, got.Body)
	}

	admin := newShell(t, p)
	admin.must(platform.Admin, p.Account(t, platform.Admin).Password+"\n", "login", "--email", p.Account(t, platform.Admin).Email)
	admin.must(account.Email, "", "user", "list", "--all")
	admin.must(account.Email, "", "user", "get", id)
	admin.must("operator", "", "user", "set-roles", id, "customer,operator")
	admin.refused("FAILED_PRECONDITION", "", "", "user", "set-roles", p.Account(t, platform.Admin).UserID, "customer")

	s.must("operator", password, "login", "--email", account.Email)
	s.must("Atlantis", "", "depot", "stock", "Atlantis", "1")
	s.refused("UNAUTHENTICATED", "", "wrong-password\n", "login", "--email", account.Email)
	s.must(account.Email, "", "whoami") // a log-in that failed leaves the one there is

	t.Run("a token in the environment goes first", func(t *testing.T) {
		out := platform.CLI(t, []string{"SEAPORT_SERVER=" + p.Address(), "SEAPORT_CONFIG=" + s.config, "SEAPORT_TOKEN=" + p.As(t, platform.Admin).Token(t)}, "whoami")
		if out.Exit != 0 || !strings.Contains(out.Stdout, p.Account(t, platform.Admin).Email) {
			t.Errorf("exit %d, %s%s, want the admin", out.Exit, out.Stdout, out.Stderr)
		}
	})
	t.Run("logging out ends the log-in at the server too", func(t *testing.T) {
		before := s.kept()
		s.must("", "", "logout")
		s.refused("UNAUTHENTICATED", "seaport login", "", "whoami")
		visit(t, p).wantEnded(before.RefreshToken)
		s.must("", "", "logout") // again is no error
	})
	t.Run("everywhere ends those of other shells", func(t *testing.T) {
		other := newShell(t, p)
		for _, one := range []shell{s, other} {
			one.must("", password, "login", "--email", account.Email)
		}
		s.must("", "", "logout", "--everywhere")
		visit(t, p).wantEnded(other.kept().RefreshToken)
	})
}

// `seaport up` leaves the command line logged in, so that what it suggests works.
func TestUpLeavesTheCommandLineLoggedIn(t *testing.T) {
	data := platform.Folder(t)
	p := platform.StartIn(t, data)
	for range 2 {
		s := shell{t, p, p.Config()}
		s.must(p.Account(t, platform.Customer).Email, "", "whoami")
		s.must("Created: true", "", "consignment", "create", "examples/consignment.json")
		s.must("Spare parts", "", "consignment", "list")
		s.must("vessel001", "", "vessel", "list")
		s.must("operator", p.Account(t, platform.Operator).Password+"\n", "login", "--email", p.Account(t, platform.Operator).Email)
		s.must("", "", "logout")
		p.Stop(t)
		p = platform.StartIn(t, data)
	}
}

// Whoever is logged in notices nothing of tokens that live for two seconds.
func TestTokensAreRefreshedSilently(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "user:SEAPORT_TOKEN_TTL=2s", "--env", "gateway:SEAPORT_LIMITS=off")
	s := newShell(t, p)
	account := platform.NewAccount()
	s.must("", account.Password+"\n", "user", "create", "--name", "A customer", "--email", account.Email)
	expired := func() {
		t.Helper()
		platform.Wait(t, 10*time.Second, func() error {
			if left := time.Until(s.kept().Expires); left > 0 {
				return errStill(left)
			}
			return nil
		})
	}
	for range 3 {
		before := s.kept()
		expired()
		if out := s.run("", "consignment", "list"); out.Exit != 0 || out.Stderr != "" {
			t.Errorf("after the token expired: exit %d, %q", out.Exit, out.Stderr)
		}
		if after := s.kept(); after.AccessToken == before.AccessToken || after.RefreshToken == before.RefreshToken {
			t.Error("the tokens were not refreshed")
		}
	}
	t.Run("by several commands at once", func(t *testing.T) {
		for range 3 {
			expired()
			_, _ = atOnce(6, func(int) (any, error) {
				if out := s.run("", "consignment", "list"); out.Exit != 0 {
					t.Errorf("exit %d, %s", out.Exit, out.Stderr)
				}
				return nil, nil
			})
		}
	})
	t.Run("until the log-in is ended elsewhere", func(t *testing.T) {
		if _, err := p.LoggedIn(account).Client(t).Users.RevokeTokens(t.Context(), &userv1.RevokeTokensRequest{UserId: "me"}); err != nil {
			t.Fatal(err)
		}
		expired()
		s.refused("UNAUTHENTICATED", "seaport login", "", "consignment", "list")
		s.must("", account.Password+"\n", "login", "--email", account.Email)
		s.must("", "", "consignment", "list")
	})
}

type errStill time.Duration

func (e errStill) Error() string { return "the token is good for another " + time.Duration(e).String() }
