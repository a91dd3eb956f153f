// The inventory service: depots and their empty containers.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"

	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/holds"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/shipping"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/inventory/internal/inventory"
	"seaport.example/services/inventory/internal/rpc"
	"seaport.example/services/inventory/internal/topic"
)

func main() { os.Exit(serve.Main(run)) }

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := serve.ReadConfig("inventory", getenv)
	if err != nil {
		return err
	}
	holdTTL, err := serve.Duration(getenv, "SEAPORT_HOLD_TTL", 2*time.Minute)
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
	guard := serve.NewGuard(cfg, keys, access.Inventory)

	state := dapr.State("statestore")
	depots := inventory.NewDepots(inventory.Config{
		Store:        holds.NewKeeper[inventory.Depot](state, "depot", time.Now, log),
		Register:     pages.New(state, "depot").Scope("all"),
		Consignments: shipping.New(auth.AsApp(dapr.App("consignment"), "consignment", keys)),
		HoldTTL:      holdTTL,
		Now:          time.Now,
		Log:          log,
	})
	return serve.Run(ctx, serve.Service{
		Config:   cfg,
		Sidecar:  dapr,
		Log:      log,
		Keys:     keys,
		Guard:    guard,
		Handlers: topic.Handlers(depots),
		Register: func(server grpc.ServiceRegistrar) { rpc.Register(server, depots) },
		Work:     []func(context.Context) error{depots.Sweep},
	})
}
