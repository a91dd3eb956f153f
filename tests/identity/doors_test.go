package identity

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"seaport.example/tests/platform"
)

// An app port is for the app's own sidecar: without the app's token no method answers, whatever
// else is shown, but for the questions of a sidecar that starts.
func TestAppPortsNeedTheirToken(t *testing.T) {
	p := shared(t)
	operator := p.As(t, platform.Operator)
	for _, app := range apps {
		t.Run(app, func(t *testing.T) {
			all := methods(t, operator.Straight(t, app).Conn)
			if !slices.Contains(all, "/dapr.proto.runtime.v1.AppCallback/OnTopicEvent") || len(all) < 15 {
				t.Fatalf("%d methods are found: %v", len(all), all)
			}
			port := p.Port(t, app, "app")
			for name, metadata := range map[string]map[string]string{
				"no token":          nil,
				"a wrong token":     {"dapr-api-token": "rubbish"},
				"the sidecar's own": {"dapr-api-token": p.APITokens(t, app).Sidecar},
				"another app's":     {"dapr-api-token": p.APITokens(t, another(app)).App},
				"an empty token":    {"dapr-api-token": ""},
			} {
				wrong := map[string]string{"authorization": "Bearer " + operator.Token(t)}
				maps.Copy(wrong, metadata)
				client := p.Dial(t, port, wrong)
				for _, method := range all {
					if slices.Contains(questions, method) {
						continue
					}
					if err := knock(t, client, method); codeOf(err) != codes.Unauthenticated {
						t.Errorf("%s: %s answers %v, want UNAUTHENTICATED", name, method, err)
					}
				}
			}
		})
	}
}

// questions are what a sidecar asks its app without showing a token (Dapr 1.18): whether it takes
// calls, and what it listens to, which is nothing that is not in the files beside the sidecar.
var questions = []string{
	"/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck",
	"/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions",
	"/dapr.proto.runtime.v1.AppCallback/ListInputBindings",
}

func another(app string) string { return apps[(slices.Index(apps, app)+1)%len(apps)] }

// A sidecar's API is for its own app.
func TestSidecarsNeedTheirToken(t *testing.T) {
	p := shared(t)
	operator := p.As(t, platform.Operator).Token(t)
	for _, app := range apps {
		t.Run(app, func(t *testing.T) {
			sidecar := app + ".daprd"
			right := p.APITokens(t, app).Sidecar
			for _, path := range []string{"/v1.0/metadata", "/v1.0/secrets/secretstore/bulk", "/v1.0/state/statestore/anything"} {
				url := "http://" + p.Port(t, sidecar, "http") + path
				if got := platform.HTTP(t, "GET", url, nil, "dapr-api-token: "+right); got.Status >= 400 {
					t.Errorf("GET %s with the right token is answered %d %s", path, got.Status, got.Body)
				}
				for name, headers := range map[string][]string{
					"no token": nil, "a wrong token": {"dapr-api-token: rubbish"}, "the app's": {"dapr-api-token: " + p.APITokens(t, app).App},
					"another's": {"dapr-api-token: " + p.APITokens(t, another(app)).Sidecar}, "an operator's": {"authorization: Bearer " + operator},
				} {
					if got := platform.HTTP(t, "GET", url, nil, headers...); got.Status != 401 {
						t.Errorf("GET %s with %s is answered %d %s, want 401", path, name, got.Status, got.Body)
					}
				}
			}
			// Its own API, and calls that it would pass on to an app.
			for _, method := range []string{"/dapr.proto.runtime.v1.Dapr/GetMetadata", "/seaport.ops.v1.OpsService/Ping"} {
				for name, token := range map[string]string{"no token": "", "a wrong token": "rubbish"} {
					metadata := map[string]string{"dapr-app-id": "vessel", "authorization": "Bearer " + operator}
					if token != "" {
						metadata["dapr-api-token"] = token
					}
					if err := knock(t, p.Dial(t, p.Port(t, sidecar, "grpc"), metadata), method); codeOf(err) != codes.Unauthenticated {
						t.Errorf("%s with %s: got %v, want UNAUTHENTICATED", method, name, err)
					}
				}
				metadata := map[string]string{"dapr-app-id": "vessel", "authorization": "Bearer " + operator, "dapr-api-token": right}
				if err := knock(t, p.Dial(t, p.Port(t, sidecar, "grpc"), metadata), method); err != nil {
					t.Errorf("%s with the right token: %v", method, err)
				}
			}
		})
	}
}

// Events come from the app's own sidecar. A call that a sidecar passes on could name the same
// method, and would deliver what nobody published.
func TestCallbacksAreNotPassedOn(t *testing.T) {
	p := shared(t)
	for _, caller := range []platform.Caller{p.Nobody(), p.As(t, platform.Operator), p.As(t, platform.Admin), p.AsApp(t, "consignment", "vessel")} {
		client := caller.Beside(t, "consignment.daprd", "vessel")
		// The port by which sidecars reach each other asks for no token.
		inside := p.Dial(t, p.Port(t, "vessel.daprd", "internal"), map[string]string{"dapr-app-id": "vessel", "authorization": "Bearer " + caller.Token(t)})
		for _, method := range methods(t, p.As(t, platform.Operator).Straight(t, "vessel").Conn) {
			if !strings.HasPrefix(method, "/dapr.") || slices.Contains(questions, method) {
				continue
			}
			for door, c := range map[string]*platform.Client{"sidecar": client, "internal port": inside} {
				err := knock(t, c, method)
				switch codeOf(err) {
				case codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
				default:
					t.Errorf("%s passed on by the %s: got %v, want a refusal", method, door, err)
				}
			}
		}
	}
}

// Nothing of a local run can be reached from another machine.
func TestEverythingListensOnLoopback(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	p := shared(t)
	sockets := p.Listening(t)
	for _, process := range p.Record(t).Processes {
		if !slices.ContainsFunc(sockets, func(s platform.Socket) bool { return s.Process == process.Name }) {
			t.Errorf("no socket of %s is found", process.Name)
		}
	}
	for _, s := range sockets {
		if !s.Address.Addr().IsLoopback() {
			t.Errorf("%s listens on %s", s.Process, s.Address)
		}
	}
}

// Each app reads its own secrets and no other's.
func TestSecretsAreScoped(t *testing.T) {
	p := shared(t)
	for _, app := range apps {
		store := "http://" + p.Port(t, app+".daprd", "http") + "/v1.0/secrets/secretstore/"
		token := "dapr-api-token: " + p.APITokens(t, app).Sidecar
		answer := platform.HTTP(t, "GET", store+"bulk", nil, token)
		var secrets map[string]map[string]string
		if err := json.Unmarshal(answer.Body, &secrets); err != nil || answer.Status != 200 {
			t.Fatalf("%s: all secrets: answered %d, %v", app, answer.Status, err)
		}
		want := []string{"app-keys", "verification-keys"}
		switch app {
		case "user":
			want = []string{"app-keys", "refresh-key", "signing-keys", "verification-keys"}
		case "notification":
			want = []string{"app-keys", "mailer-token", "mailer-url", "verification-keys"}
		}
		if got := slices.Sorted(maps.Keys(secrets)); !slices.Equal(got, want) {
			t.Errorf("%s reads %v, want %v", app, got, want)
		}
		if app != "user" {
			for _, name := range []string{"signing-keys", "refresh-key"} {
				if got := platform.HTTP(t, "GET", store+name, nil, token); got.Status < 400 {
					t.Errorf("%s reads %s: answered %d", app, name, got.Status)
				}
			}
		}
		for _, other := range apps {
			for _, key := range append(p.Keys(t, other, "app-keys"), p.Keys(t, "user", "signing-keys")...) {
				if other != app && app != "user" && strings.Contains(string(answer.Body), key.D) {
					t.Errorf("%s reads a private key of another app", app)
				}
			}
		}
	}
}

// What is secret in the data folder is for its owner alone.
func TestModesOfSecretFiles(t *testing.T) {
	p := shared(t)
	files := map[string]os.FileMode{"tokens.json": 0o600, "users.json": 0o600, "secrets": 0o700, "config": 0o700, "config/credentials.json": 0o600}
	found, err := os.ReadDir(filepath.Join(p.Data, "secrets"))
	if err != nil || len(found) < len(apps) {
		t.Fatalf("%d files of secrets, %v", len(found), err)
	}
	for _, file := range found {
		files[filepath.Join("secrets", file.Name())] = 0o600
	}
	for name, want := range files {
		info, err := os.Stat(filepath.Join(p.Data, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}
