package rpc

import (
	"context"
	"fmt"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// Ready asks a service, through both sidecars, whether it is ready.
func Ready(apps Apps, appID string) func(ctx context.Context) error {
	client := healthv1.NewHealthClient(apps.App(appID))
	return func(ctx context.Context) error {
		resp, err := client.Check(ctx, &healthv1.HealthCheckRequest{})
		if err != nil {
			return err
		}
		if resp.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			return fmt.Errorf("%s is %s", appID, resp.GetStatus())
		}
		return nil
	}
}
