package secrets

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	apps  = []string{"user", "vessel"}
)

func open(t *testing.T, data string, now time.Time, apps ...string) *Keys {
	t.Helper()
	keys, err := Open(data, apps, now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// fileOf returns the secrets of an app by name.
func fileOf(t *testing.T, data, app string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(Folder(data), app+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var secrets map[string]string
	if err := json.Unmarshal(content, &secrets); err != nil {
		t.Fatal(err)
	}
	return secrets
}

func TestEachAppGetsItsOwn(t *testing.T) {
	data := t.TempDir()
	open(t, data, start, apps...)
	want := map[string][]string{
		"user":   {"app-keys", "refresh-key", "signing-keys", "verification-keys"},
		"vessel": {"app-keys", "verification-keys"},
	}
	seen := map[string]string{}
	for app, names := range want {
		secrets := fileOf(t, data, app)
		if got := slices.Sorted(maps.Keys(secrets)); !slices.Equal(got, names) {
			t.Errorf("%s has %v, want %v", app, got, names)
		}
		if other, taken := seen[secrets["app-keys"]]; taken {
			t.Errorf("%s and %s make themselves known by the same key", app, other)
		}
		seen[secrets["app-keys"]] = app
		if strings.Contains(secrets["verification-keys"], `"d"`) {
			t.Errorf("%s can verify with private keys", app)
		}
	}
	user, vessel := fileOf(t, data, "user"), fileOf(t, data, "vessel")
	if user["verification-keys"] != vessel["verification-keys"] {
		t.Error("two apps verify with different keys")
	}
	if key, err := base64.StdEncoding.DecodeString(user["refresh-key"]); err != nil || len(key) != 32 {
		t.Errorf("refresh-key has %d bytes, %v", len(key), err)
	}
}

// The component mailer of the app that writes e-mails finds the relay, and nobody else does; the token stays.
func TestMailTo(t *testing.T) {
	data := t.TempDir()
	keys := open(t, data, start, "user", mailing)
	if _, there := fileOf(t, data, mailing)[MailerURL]; there {
		t.Error("there is a relay that nobody told of")
	}
	const url = "http://127.0.0.1:8160/"
	if err := keys.MailTo(data, url); err != nil {
		t.Fatal(err)
	}
	told := fileOf(t, data, mailing)
	if told[MailerURL] != url || told[MailerToken] != keys.MailerToken() || len(told[MailerToken]) < 40 || told["app-keys"] == "" {
		t.Errorf("%s is told %q", mailing, slices.Sorted(maps.Keys(told)))
	}
	if user := fileOf(t, data, "user"); user[MailerToken] != "" || user[MailerURL] != "" {
		t.Error("user is told too")
	}
	if again := open(t, data, start, "user", mailing); again.MailerToken() != keys.MailerToken() {
		t.Error("the token is another one the next time")
	}
	if err := open(t, data, start, "user").MailTo(data, url); err != nil {
		t.Errorf("without such an app: %v", err)
	}
}

// Keys that were made before there was a token of the relay get one.
func TestTokenOfTheRelayIsAdded(t *testing.T) {
	data := t.TempDir()
	keys := open(t, data, start, apps...)
	keys.Mailer = nil
	if err := keys.write(Folder(data)); err != nil {
		t.Fatal(err)
	}
	again := open(t, data, start, apps...)
	kept, err := Read(data)
	if err != nil || len(again.Mailer) != mailerBytes || kept.MailerToken() != again.MailerToken() {
		t.Errorf("%d bytes, %v", len(again.Mailer), err)
	}
	again.Mailer = again.Mailer[1:]
	if err := again.write(Folder(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(data); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a token that is cut: %v", err)
	}
}

// The services read these files with the library alone, so what they expect of the form is written down here.
func TestForm(t *testing.T) {
	data := t.TempDir()
	keys := open(t, data, start, apps...)
	secrets := fileOf(t, data, "user")
	for name, form := range map[string]string{
		"app-keys": `{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":KID,"x":X,"d":D,"from":"2026-01-02T03:04:05Z"}]}`,
		"signing-keys": `{"keys":[` +
			`{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":KID,"x":X,"d":D,"from":"2026-01-02T03:04:05Z","until":"2026-02-01T03:24:05Z"},` +
			`{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":KID,"x":X,"d":D,"from":"2026-02-01T03:04:05Z"}]}`,
		"verification-keys": `{"users":{"keys":[` +
			`{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":KID,"x":X,"from":"2026-01-02T03:04:05Z","until":"2026-02-01T03:24:05Z"},` +
			`{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":KID,"x":X,"from":"2026-02-01T03:04:05Z"}]},` +
			`"apps":{"user":{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":KID,"x":X,"from":"2026-01-02T03:04:05Z"}]},` +
			`"vessel":{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":KID,"x":X,"from":"2026-01-02T03:04:05Z"}]}}}`,
	} {
		got := secrets[name]
		for _, set := range []keySet{keys.Users, keys.Apps["user"], keys.Apps["vessel"]} {
			for _, key := range set.Keys {
				got = strings.NewReplacer(`"`+key.ID+`"`, "KID", `"`+key.Public+`"`, "X", `"`+key.Private+`"`, "D").Replace(got)
			}
		}
		if got != form {
			t.Errorf("%s =\n%s\nwant\n%s", name, got, form)
		}
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(secrets["signing-keys"]), &set); err != nil || len(set.Keys) != 2 || !set.Keys[0].Valid() || set.Keys[0].IsPublic() {
		t.Errorf("signing-keys are no private keys to the library: %v", err)
	}
}

func TestKeysStay(t *testing.T) {
	data := t.TempDir()
	open(t, data, start, apps...)
	before := fileOf(t, data, "user")
	// What is derived may be lost, cut short or changed.
	if err := os.Remove(filepath.Join(Folder(data), "vessel.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(Folder(data), "user.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, data, start.Add(time.Hour), apps...)
	if after := fileOf(t, data, "user"); !maps.Equal(before, after) {
		t.Error("the keys are others after a restart")
	}
	if fileOf(t, data, "vessel")["verification-keys"] != before["verification-keys"] {
		t.Error("the file that was lost has other keys")
	}
}

func TestAppsComeAndGo(t *testing.T) {
	data := t.TempDir()
	open(t, data, start, apps...)
	user := fileOf(t, data, "user")["app-keys"]
	open(t, data, start, "user", "depot")
	if fileOf(t, data, "user")["app-keys"] != user {
		t.Error("the key of an app that stayed is another")
	}
	verification := fileOf(t, data, "depot")["verification-keys"]
	if !strings.Contains(verification, `"depot"`) || strings.Contains(verification, `"vessel"`) {
		t.Errorf("verification keys are of others than the apps there are: %s", verification)
	}
	if _, err := os.Stat(filepath.Join(Folder(data), "vessel.json")); !os.IsNotExist(err) {
		t.Errorf("the secrets of an app that is gone are still there: %v", err)
	}
}

func TestModes(t *testing.T) {
	data := t.TempDir()
	if err := os.Mkdir(Folder(data), 0o755); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(Folder(data), ".user.json-123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, data, start, apps...)
	if info, err := os.Stat(Folder(data)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(Folder(data))
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d entries, %v, want the lock and three files", len(entries), err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
		}
	}
}

func TestDamagedKeysAreToldAndKept(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"cut short", "}", "", "not JSON"},
		{"a key changed", `"d": "`, `"d": "AAAA`, "has no private part"},
		{"another public part", `"x": "`, `"y": "`, "do not belong together"},
		{"no times", `"from"`, `"form"`, "no Ed25519 key with a kid and a time"},
		{"no keys", `"users"`, `"user"`, "users: there is no key"},
		{"no key of refresh tokens", `"refresh"`, `"fresh"`, "refresh tokens"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := t.TempDir()
			keys := open(t, data, start, apps...)
			path := filepath.Join(Folder(data), allFile)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			broken := strings.ReplaceAll(string(content), test.old, test.new)
			if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, try := range []func(string, []string, time.Time) (*Keys, error){Open, Rotate} {
				_, err := try(data, apps, start)
				if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("error = %v, want file and %q", err, test.want)
				}
				if err != nil && strings.Contains(err.Error(), keys.Users.Keys[0].Private) {
					t.Error("the error quotes a key")
				}
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != broken {
				t.Errorf("the damaged file was changed, %v", err)
			}
		})
	}
}

func TestToken(t *testing.T) {
	data := t.TempDir()
	keys := open(t, data, start, apps...)
	later := start.Add(31 * 24 * time.Hour) // when the second key signs
	for i, now := range []time.Time{start, later} {
		raw, err := keys.Token("somebody", now, "admin", "operator")
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.Headers[0].KeyID; got != keys.Users.Keys[i].ID {
			t.Errorf("at %s signed with key %s, want %s", now, got, keys.Users.Keys[i].ID)
		}
		private, err := keys.Users.Keys[i].private()
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			jwt.Claims
			Roles []string `json:"roles"`
		}
		if err := parsed.Claims(private.Public(), &claims); err != nil {
			t.Fatal(err)
		}
		if err := claims.Validate(jwt.Expected{Issuer: "seaport", AnyAudience: jwt.Audience{"seaport"}, Subject: "somebody", Time: now}); err != nil {
			t.Error(err)
		}
		if !slices.Equal(claims.Roles, []string{"admin", "operator"}) || claims.ID == "" || claims.Expiry == nil {
			t.Errorf("claims = %+v", claims)
		}
	}
	if _, err := keys.Token("somebody", start.Add(-time.Hour), "admin"); err == nil {
		t.Error("a token is signed with a key that is not in use yet")
	}
}
