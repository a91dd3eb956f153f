package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar/sidecartest"
	"seaport.example/services/user/internal/mint"
	"seaport.example/services/user/internal/password"
	"seaport.example/services/user/internal/rpc"
	"seaport.example/services/user/internal/spelling"
	"seaport.example/services/user/internal/store"
	"seaport.example/services/user/internal/user"
)

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// start runs a replica of all parts of the service but its process, and returns how to call it.
func start(t *testing.T, fake *sidecartest.Fake, authority *authtest.Authority, logs *journal) userv1.UserServiceClient {
	t.Helper()
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	hasher, err := password.New()
	if err != nil {
		t.Fatal(err)
	}
	dapr := fake.Sidecar(t)
	state := dapr.State(sidecartest.StateStore)
	people := store.New(store.Config{State: state, Publisher: dapr.Publisher(sidecartest.PubSub), Now: time.Now, Log: log})
	secrets := authority.Secrets("user").With("refresh-key", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	tokens := mint.New(mint.Config{Secrets: secrets, TTL: time.Minute, Log: log})
	keys := authority.Keys(t, "user")
	server := serve.NewServer(log, auth.NewGuard(auth.GuardConfig{App: "user", Keys: keys, Rules: []auth.Rules{access.User}}))
	rpc.Register(server, user.NewUsers(user.Config{
		Accounts: people, Store: people, Passwords: hasher, Spelling: spelling.Spelling{}, Now: time.Now, NewID: uuid.NewString,
	}), user.NewLogins(user.LoginConfig{
		Accounts: people, Store: people, Sessions: store.NewSessions(state, time.Hour), Passwords: hasher, Spelling: spelling.Spelling{},
		Mint: tokens, RefreshTTL: time.Hour, Now: time.Now, NewID: uuid.NewString, Log: log,
	}), keys)

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, work := range []func(context.Context) error{people.Run, tokens.Run} {
		running.Go(func() { _ = work(ctx) })
	}
	listener := bufconn.Listen(1 << 20)
	running.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { server.Stop(); cancel(); running.Wait() })
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	sidecartest.Await(t, "the replica is ready", func() bool { return people.Ready(ctx) == nil && tokens.Ready(ctx) == nil })
	return userv1.NewUserServiceClient(conn)
}

const secret = "from hull to Hamburg"

// Fifty sign up at once with one address, each in a case of its own, through two replicas: one user.
func TestOneUserOfFifty(t *testing.T) {
	t.Parallel()
	fake, authority, logs := sidecartest.New(), authtest.New(t, "user"), &journal{}
	replicas := []userv1.UserServiceClient{start(t, fake, authority, logs), start(t, fake, authority, logs)}
	const address = "kane.of.hull@example.com"
	outcomes := make([]codes.Code, 50)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() {
			mixed := []byte(address)
			for bit := range 6 {
				if i>>bit&1 == 1 {
					mixed[bit*4] = strings.ToUpper(address)[bit*4]
				}
			}
			_, err := replicas[i%2].Create(t.Context(), &userv1.CreateRequest{Name: fmt.Sprint("Kane ", i), Email: string(mixed), Password: secret})
			outcomes[i] = status.Code(err)
		})
	}
	wg.Wait()
	slices.Sort(outcomes)
	if outcomes[0] != codes.OK || outcomes[1] != codes.AlreadyExists || outcomes[49] != codes.AlreadyExists || len(fake.Keys("user/")) != 1 {
		t.Errorf("%v, stored %q", outcomes, fake.Keys("user/"))
	}
}

// The same sign-up through two replicas, many times at once: all get the one user.
func TestSameSignUp(t *testing.T) {
	t.Parallel()
	fake, authority, logs := sidecartest.New(), authtest.New(t, "user"), &journal{}
	replicas := []userv1.UserServiceClient{start(t, fake, authority, logs), start(t, fake, authority, logs)}
	ids := make([]string, 10)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			resp, err := replicas[i%2].Create(t.Context(), &userv1.CreateRequest{Name: "Kane", Email: "kane@example.com", Password: secret, RequestId: "r"})
			if err != nil {
				t.Error(err)
			}
			ids[i] = resp.GetUser().GetId()
		})
	}
	wg.Wait()
	if slices.Sort(ids); ids[0] != ids[9] || ids[0] == "" || len(fake.Keys("user/")) != 1 {
		t.Errorf("%q, stored %q", ids, fake.Keys("user/"))
	}
}

// A life: sign-up, log-in, refresh, theft, log-out. No secret of it is in any log, event or row but its own.
func TestNoSecretIsToldOn(t *testing.T) {
	t.Parallel()
	fake, authority, logs := sidecartest.New(), authtest.New(t, "user"), &journal{}
	c := start(t, fake, authority, logs)
	ctx := t.Context()
	if _, err := c.Create(ctx, &userv1.CreateRequest{Name: "Kane", Email: "kane@example.com", Password: secret, RequestId: "r"}); err != nil {
		t.Fatal(err)
	}
	login, err := c.Auth(ctx, &userv1.AuthRequest{Email: "ＫＡＮＥ@example.com", Password: secret})
	if err != nil {
		t.Fatal(err)
	}
	first := login.GetTokens()
	if valid, err := c.ValidateToken(ctx, &userv1.ValidateTokenRequest{Token: first.GetAccessToken()}); err != nil || !valid.GetValid() {
		t.Errorf("a fresh token: %v, %v", valid, err)
	}
	second, err := c.RefreshToken(ctx, &userv1.RefreshTokenRequest{RefreshToken: first.GetRefreshToken()})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"wrong":  errorOf(c.Auth(ctx, &userv1.AuthRequest{Email: "kane@example.com", Password: secret + "?"})),
		"stolen": errorOf(c.RefreshToken(ctx, &userv1.RefreshTokenRequest{RefreshToken: first.GetRefreshToken()})),
		"ended":  errorOf(c.RefreshToken(ctx, &userv1.RefreshTokenRequest{RefreshToken: second.GetTokens().GetRefreshToken()})),
	} {
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: %v", what, err)
		}
	}
	fake.Inject(sidecartest.Fault{Key: "session/", Before: sidecartest.Away}) // so that an error is logged, too
	if _, err := c.Auth(ctx, &userv1.AuthRequest{Email: "kane@example.com", Password: secret}); status.Code(err) != codes.Unavailable {
		t.Errorf("without a store: %v", err)
	}
	sidecartest.Await(t, "the event is published", func() bool { return len(fake.Events()) == 1 })
	told := logs.String()
	for _, m := range fake.Messages() {
		told += string(m.Data)
	}
	for _, key := range fake.Keys("") {
		if !strings.HasPrefix(key, "credential/") {
			told += key + string(fake.Value(key))
		}
	}
	if !strings.Contains(told, "Unavailable") || !strings.Contains(told, "spent refresh token") {
		t.Fatalf("the log does not tell of the errors: %s", told)
	}
	for name, hidden := range map[string]string{
		"the password": secret, "its hash": "argon2id", "an access token": first.GetAccessToken(), "a refresh token": first.GetRefreshToken(),
		"the next": second.GetTokens().GetRefreshToken(), "the next access token": second.GetTokens().GetAccessToken(),
	} {
		if hidden == "" || strings.Contains(told, hidden) {
			t.Errorf("%s (%q) is told on", name, hidden)
		}
	}
}

// errorOf is the error of a call.
func errorOf[T any](_ T, err error) error { return err }

func TestReadConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		want config
		err  string
	}{
		"nothing set": {nil, config{15 * time.Second, 15 * time.Minute, 30 * 24 * time.Hour}, ""},
		"all set": {map[string]string{"SEAPORT_LEASE": "2s", "SEAPORT_TOKEN_TTL": "5s", "SEAPORT_REFRESH_TTL": "1h"},
			config{2 * time.Second, 5 * time.Second, time.Hour}, ""},
		"wrong": {map[string]string{"SEAPORT_TOKEN_TTL": "-1s", "SEAPORT_REFRESH_TTL": "month"}, config{}, "SEAPORT_TOKEN_TTL"},
	} {
		got, err := readConfig(func(name string) string { return c.env[name] })
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "SEAPORT_REFRESH_TTL") {
				t.Errorf("%s: %v", name, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
