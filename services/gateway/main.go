// The gateway: REST/JSON and gRPC on one public port, passed on to the services.
package main

import (
	"context"
	"io"
	"net"
	"os"
	"strconv"

	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
)

func main() { os.Exit(serve.Main(run)) }

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := serve.ReadConfig("gateway", getenv)
	if err != nil {
		return err
	}
	port, err := serve.Port(getenv, "SEAPORT_PORT", 8080)
	if err != nil {
		return err
	}
	host := getenv("SEAPORT_LISTEN")
	if host == "" {
		host = "127.0.0.1"
	}
	log := serve.NewLog(cfg, logs)
	dapr, err := sidecar.Open(cfg.Sidecar(), cfg.APIToken)
	if err != nil {
		return err
	}
	defer dapr.Close()

	public, err := edge.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(port)), dapr, log)
	if err != nil {
		return err
	}
	return serve.Run(ctx, serve.Service{
		Config:  cfg,
		Sidecar: dapr,
		Log:     log,
		Front:   public.Serve,
	})
}
