// The consignment service: what was booked, and booking it.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/consignment/internal/rpc"
	"seaport.example/services/consignment/internal/store"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
)

func main() { os.Exit(serve.Main(run)) }

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := serve.ReadConfig("consignment", getenv)
	if err != nil {
		return err
	}
	lease, err := serve.Duration(getenv, "SEAPORT_LEASE", 15*time.Second)
	if err != nil {
		return err
	}
	log := serve.NewLog(cfg, logs)
	dapr, err := sidecar.Open(cfg.Sidecar(), cfg.APIToken)
	if err != nil {
		return err
	}
	defer dapr.Close()
	keys := auth.NewKeys(dapr.Secrets("secretstore"), cfg.AppID, log)
	guard := serve.NewGuard(cfg, keys, access.Consignment)

	state := store.New(store.Config{
		State: dapr.State("statestore"), Publisher: dapr.Publisher("pubsub"), DeadLetters: serve.Unpublished(cfg, dapr, log), Encoding: cfg.Events, Lease: lease, Now: time.Now, Log: log,
	})
	bookings := consignment.NewBookings(consignment.Config{
		Vessels: rpc.NewVessels(auth.AsApp(dapr.App("vessel"), "vessel", keys)),
		Depots:  rpc.NewDepots(auth.AsApp(dapr.App("inventory"), "inventory", keys)),
		Store:   state,
		Now:     time.Now,
		NewID:   func() string { return uuid.Must(uuid.NewV7()).String() },
		Log:     log,
	})
	watches := consignment.NewWatches(ctx, state, log)
	return serve.Run(ctx, serve.Service{
		Config:   cfg,
		Sidecar:  dapr,
		Log:      log,
		Keys:     keys,
		Guard:    guard,
		Register: func(server grpc.ServiceRegistrar) { rpc.Register(server, bookings, watches, guard, ctx.Done()) },
		Work:     []func(context.Context) error{state.Run},
		Ready:    state.Ready,
	})
}
