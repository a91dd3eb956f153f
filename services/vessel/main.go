// The vessel service: the fleet and the room on it.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/holds"
	"seaport.example/services/internal/pages"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/shipping"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/vessel/internal/rpc"
	"seaport.example/services/vessel/internal/topic"
	"seaport.example/services/vessel/internal/vessel"
)

func main() { os.Exit(serve.Main(run)) }

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := serve.ReadConfig("vessel", getenv)
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
	guard := serve.NewGuard(cfg, keys, access.Vessel)

	state := dapr.State("statestore")
	fleet := vessel.NewFleet(vessel.Config{
		Vessels:      holds.NewKeeper[vessel.Vessel](state, "vessel", time.Now, log),
		Register:     pages.New(state, "vessel").Scope("all"),
		Consignments: shipping.New(auth.AsApp(dapr.App("consignment"), "consignment", keys)),
		HoldTTL:      holdTTL,
		Now:          time.Now,
		NewID:        uuid.NewString,
		Log:          log,
	})
	return serve.Run(ctx, serve.Service{
		Config:   cfg,
		Sidecar:  dapr,
		Log:      log,
		Keys:     keys,
		Guard:    guard,
		Handlers: topic.Handlers(fleet),
		Register: func(server grpc.ServiceRegistrar) { rpc.Register(server, fleet) },
		Work:     []func(context.Context) error{fleet.Sweep},
	})
}
