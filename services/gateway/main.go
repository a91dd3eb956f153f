// The gateway: REST/JSON and gRPC on one public port, passed on to the services.
package main

import (
	"context"
	"io"
	"os"

	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
)

func main() { os.Exit(serve.Main(run)) }

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := serve.ReadConfig("gateway", getenv)
	if err != nil {
		return err
	}
	front, err := edge.ReadConfig(cfg, getenv)
	if err != nil {
		return err
	}
	log := serve.NewLog(cfg, logs)
	dapr, err := sidecar.Open(cfg.Sidecar(), cfg.APIToken)
	if err != nil {
		return err
	}
	defer dapr.Close()
	front.Sidecar, front.Log = dapr, log
	front.Keys = auth.NewKeys(dapr.Secrets("secretstore"), cfg.AppID, log)

	public, err := edge.Listen(ctx, front)
	if err != nil {
		return err
	}
	return serve.Run(ctx, serve.Service{
		Config:  cfg,
		Sidecar: dapr,
		Log:     log,
		Keys:    front.Keys,
		Guard:   serve.NewGuard(cfg, front.Keys),
		Front:   public.Serve,
	})
}
