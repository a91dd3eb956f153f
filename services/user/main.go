// The user service: who there is, what each may do, and the tokens they call with.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/user/internal/mint"
	"seaport.example/services/user/internal/password"
	"seaport.example/services/user/internal/rpc"
	"seaport.example/services/user/internal/spelling"
	"seaport.example/services/user/internal/store"
	"seaport.example/services/user/internal/user"
)

func main() { os.Exit(serve.Main(run)) }

// config is what this service reads from its environment, besides what all do.
type config struct {
	lease      time.Duration // SEAPORT_LEASE: of a replica's seat
	tokenTTL   time.Duration // SEAPORT_TOKEN_TTL: how long an access token is good
	refreshTTL time.Duration // SEAPORT_REFRESH_TTL: how long a refresh token is
}

func readConfig(getenv func(string) string) (cfg config, err error) {
	var errs [3]error
	cfg.lease, errs[0] = serve.Duration(getenv, "SEAPORT_LEASE", 15*time.Second)
	cfg.tokenTTL, errs[1] = serve.Duration(getenv, "SEAPORT_TOKEN_TTL", 15*time.Minute)
	cfg.refreshTTL, errs[2] = serve.Duration(getenv, "SEAPORT_REFRESH_TTL", 30*24*time.Hour)
	return cfg, errors.Join(errs[:]...)
}

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := serve.ReadConfig("user", getenv)
	if err != nil {
		return err
	}
	own, err := readConfig(getenv)
	if err != nil {
		return err
	}
	hasher, err := password.New()
	if err != nil {
		return err
	}
	log := serve.NewLog(cfg, logs)
	dapr, err := sidecar.Open(cfg.Sidecar(), cfg.APIToken)
	if err != nil {
		return err
	}
	defer dapr.Close()
	secrets := dapr.Secrets("secretstore")
	keys := auth.NewKeys(secrets, cfg.AppID, log)
	guard := serve.NewGuard(cfg, keys, access.User)

	state := dapr.State("statestore")
	people := store.New(store.Config{
		State: state, Publisher: dapr.Publisher("pubsub"), DeadLetters: serve.Unpublished(cfg, dapr, log), Encoding: cfg.Events, Lease: own.lease, Now: time.Now, Log: log,
	})
	tokens := mint.New(mint.Config{Secrets: secrets, TTL: own.tokenTTL, Log: log})
	users := user.NewUsers(user.Config{
		Accounts: people, Store: people, Passwords: hasher, Spelling: spelling.Spelling{},
		Now: time.Now, NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
	})
	logins := user.NewLogins(user.LoginConfig{
		Accounts: people, Store: people, Sessions: store.NewSessions(state, own.refreshTTL),
		Passwords: hasher, Spelling: spelling.Spelling{}, Mint: tokens, RefreshTTL: own.refreshTTL,
		Now: time.Now, NewID: uuid.NewString, Log: log,
	})
	return serve.Run(ctx, serve.Service{
		Config:   cfg,
		Sidecar:  dapr,
		Log:      log,
		Keys:     keys,
		Guard:    guard,
		Register: func(server grpc.ServiceRegistrar) { rpc.Register(server, users, logins, keys) },
		Work:     []func(context.Context) error{people.Run, tokens.Run},
		Ready: func(ctx context.Context) error {
			return errors.Join(people.Ready(ctx), tokens.Ready(ctx))
		},
	})
}
