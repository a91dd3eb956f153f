package identity

import (
	"crypto/rand"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/platform"
)

// Passwords, tokens and keys are in no log of any process, whatever went right or wrong with them,
// nor in what the processes were started with. The passwords of the sample users are printed by
// `seaport up`, once, when it makes them.
func TestNothingSecretIsLogged(t *testing.T) {
	data := platform.Folder(t)
	flags := []string{"--env", "SEAPORT_LOG_LEVEL=debug", "--env", "gateway:SEAPORT_LIMITS=off"}
	p := platform.StartIn(t, data, flags...)
	secret := make(map[string]string)
	use(t, p, secret)
	keys(t, p, secret)
	wantSecret(t, p, secret)
	p.Stop(t)

	// The next run has other tokens between its processes, and prints no password again.
	p = platform.StartIn(t, data, flags...)
	use(t, p, secret)
	keys(t, p, secret)
	wantSecret(t, p, secret)
}

// use makes users, log-ins and mistakes, and notes every password and token that is involved.
func use(t *testing.T, p *platform.Platform, secret map[string]string) {
	t.Helper()
	note := func(what, text string) string {
		secret[what+" "+strconv.Itoa(len(secret))] = text
		return text
	}
	noteTokens := func(tokens *userv1.Tokens) {
		note("access token", tokens.GetAccessToken())
		note("refresh token", tokens.GetRefreshToken())
	}
	users := p.Nobody().Client(t).Users
	for _, role := range []string{platform.Customer, platform.Operator, platform.Admin} {
		note("access token of the sample", p.As(t, role).Token(t))
	}
	user := p.Register(t)
	note("password", user.Password)
	noteTokens(user.Tokens)

	// What goes wrong is where secrets get into logs.
	for _, request := range []*userv1.AuthRequest{
		{Email: user.Email, Password: note("wrong password", rand.Text())},
		{Email: "nobody@test.example", Password: note("password of nobody", rand.Text())},
		{Email: "not an address", Password: note("password of no address", rand.Text())},
	} {
		if _, err := users.Auth(t.Context(), request); err == nil {
			t.Errorf("logged in as %q", request.GetEmail())
		}
	}
	for _, request := range []*userv1.CreateRequest{
		{Name: "", Email: "not an address", Password: note("password of a bad sign-up", rand.Text())},
		{Name: "Again", Email: user.Email, Password: note("password of a second sign-up", rand.Text())},
		{Name: "Long", Email: platform.NewAccount().Email, Password: note("password too long", strings.Repeat(rand.Text(), 20))},
	} {
		if _, err := users.Create(t.Context(), request); err == nil {
			t.Errorf("registered %q", request.GetEmail())
		}
	}
	spent := user.Tokens.GetRefreshToken()
	for i := range 3 {
		answer, err := users.RefreshToken(t.Context(), &userv1.RefreshTokenRequest{RefreshToken: spent})
		if i == 0 && err != nil || i > 0 && err == nil {
			t.Errorf("refreshing for the %d. time with one token: %v", i+1, err)
		}
		noteTokens(answer.GetTokens())
	}
	broken := note("broken token", user.Token(t)+"x")
	if _, err := p.With(broken).Client(t).Users.Get(t.Context(), &userv1.GetRequest{Id: "me"}); err == nil {
		t.Error("a broken token was accepted")
	}
	p.With(broken).REST(t, "GET", "/v1/users/me", nil)
	p.With(broken).CLI(t, "", "vessel", "list")
	for _, call := range []struct{ path, body string }{
		{"/v1/tokens", `{"email": "` + user.Email + `", "password": "` + user.Password + `"}`},
		{"/v1/tokens", `{"email": 7, "password": "` + user.Password + `"}`},
		{"/v1/tokens", `{"email": "x", "pasword": "` + note("password in a bad document", rand.Text()) + `"}`},
		{"/v1/tokens:validate", `{"token": "` + user.Token(t) + `"}`},
		{"/v1/tokens:validate?token=" + user.Token(t), `{`},
		{"/v1/users", `{"name": "A", "password": "` + note("password in half a document", rand.Text())},
	} {
		p.Nobody().REST(t, "POST", call.path, []byte(call.body))
	}

	folder := filepath.Join(t.TempDir(), "config")
	account := platform.NewAccount()
	note("password", account.Password)
	for _, command := range []struct {
		stdin string
		args  []string
	}{
		{account.Password + "\n", []string{"user", "create", "--name", "A customer", "--email", account.Email}},
		{note("wrong password", rand.Text()) + "\n", []string{"login", "--email", account.Email}},
		{account.Password + "\n", []string{"login", "--email", account.Email}},
		{"", []string{"whoami"}},
		{"", []string{"consignment", "list"}},
	} {
		p.CLIAt(t, folder, command.stdin, command.args...)
	}
	note("access token", strings.TrimSpace(p.CLIAt(t, folder, "", "token").Stdout))
	p.CLIAt(t, folder, "", "logout")
}

// keys notes what the platform itself keeps secret.
func keys(t *testing.T, p *platform.Platform, secret map[string]string) {
	t.Helper()
	for app, tokens := range p.AllAPITokens(t) {
		secret["token of the sidecar of "+app+" "+tokens.Sidecar[:4]], secret["token of the app "+app+" "+tokens.App[:4]] = tokens.Sidecar, tokens.App
	}
	for _, app := range apps {
		for _, key := range p.Keys(t, app, "app-keys") {
			secret["key of "+app+" "+key.ID] = key.D
		}
	}
	for _, key := range p.Keys(t, "user", "signing-keys") {
		secret["signing key "+key.ID] = key.D
	}
	secret["key of refresh tokens"] = p.Secrets(t, "user")["refresh-key"]
}

func wantSecret(t *testing.T, p *platform.Platform, secret map[string]string) {
	t.Helper()
	for what, text := range secret {
		if len(text) < 16 && text != "" {
			t.Fatalf("%s has %d characters: finding it would prove nothing", what, len(text))
		}
	}
	maps.DeleteFunc(secret, func(_, text string) bool { return text == "" })
	logs, err := filepath.Glob(filepath.Join(p.Data, "logs", "*"))
	if err != nil || len(logs) < len(p.Record(t).Processes) {
		t.Fatalf("%d logs of %d processes, %v", len(logs), len(p.Record(t).Processes), err)
	}
	samples := make(map[string]string)
	for _, role := range []string{platform.Customer, platform.Operator, platform.Admin} {
		samples["password of the sample "+role] = p.Account(t, role).Password
	}
	for _, name := range append(logs, filepath.Join(p.Data, "up.log"), filepath.Join(p.Data, "run.json")) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		wantWithout(t, filepath.Base(name), string(content), secret)
		if filepath.Base(name) != "up.log" {
			wantWithout(t, filepath.Base(name), string(content), samples)
			continue
		}
		for what, text := range samples {
			if n := strings.Count(string(content), text); n != 1 {
				t.Errorf("seaport up prints the %s %d times, want once", what, n)
			}
		}
	}
	for _, process := range p.Record(t).Processes {
		line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(process.PID), "cmdline"))
		wantWithout(t, "the command line of "+process.Name, string(line), secret)
		wantWithout(t, "the command line of "+process.Name, string(line), samples)
	}
}

// wantWithout wants none of the secrets in a text.
func wantWithout(t *testing.T, where, text string, secret map[string]string) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(secret)) {
		if strings.Contains(text, secret[what]) {
			t.Errorf("%s shows the %s", where, what)
		}
	}
}
