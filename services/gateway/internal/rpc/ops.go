package rpc

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
)

// Behind is the services behind the gateway, by app-id.
var Behind = []string{"consignment", "inventory", "notification", "user", "vessel"}

// ops passes a call on to the service named in it.
type ops struct {
	opsv1.UnimplementedOpsServiceServer

	clients map[string]opsv1.OpsServiceClient
}

func registerOps(server grpc.ServiceRegistrar, cfg Config) {
	o := &ops{clients: make(map[string]opsv1.OpsServiceClient)}
	for _, app := range append(slices.Clone(Behind), "gateway") {
		o.clients[app] = opsv1.NewOpsServiceClient(cfg.passOn(app))
	}
	opsv1.RegisterOpsServiceServer(server, o)
}

func (o *ops) client(appID string) (opsv1.OpsServiceClient, error) {
	if appID == "" {
		appID = "gateway"
	}
	client, ok := o.clients[appID]
	if !ok {
		return nil, failure.NotFound("app_id", "there is no service %q; there are gateway, %s", appID, strings.Join(Behind, ", "))
	}
	return client, nil
}

func (o *ops) Ping(ctx context.Context, req *opsv1.PingRequest) (*opsv1.PingResponse, error) {
	client, err := o.client(req.GetAppId())
	if err != nil {
		return nil, err
	}
	return client.Ping(ctx, req)
}

func (o *ops) ListDeadLetters(ctx context.Context, req *opsv1.ListDeadLettersRequest) (*opsv1.ListDeadLettersResponse, error) {
	client, err := o.client(req.GetAppId())
	if err != nil {
		return nil, err
	}
	return client.ListDeadLetters(ctx, req)
}

func (o *ops) ReplayDeadLetters(ctx context.Context, req *opsv1.ReplayDeadLettersRequest) (*opsv1.ReplayDeadLettersResponse, error) {
	client, err := o.client(req.GetAppId())
	if err != nil {
		return nil, err
	}
	return client.ReplayDeadLetters(ctx, req)
}

func (o *ops) DiscardDeadLetters(ctx context.Context, req *opsv1.DiscardDeadLettersRequest) (*opsv1.DiscardDeadLettersResponse, error) {
	client, err := o.client(req.GetAppId())
	if err != nil {
		return nil, err
	}
	return client.DiscardDeadLetters(ctx, req)
}

// publishTime is how long publishing may take, its repeats by the sidecars included: while the broker is away they
// repeat it for longer than a caller waits.
const publishTime = 20 * time.Second

// PublishEvent goes to the service whose topic it is.
func (o *ops) PublishEvent(ctx context.Context, req *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error) {
	topic, err := event.TopicNamed(req.GetTopic())
	if err != nil {
		return nil, err
	}
	identify(&req.Id)
	try, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	resp, err := o.clients[topic.App].PublishEvent(try, req)
	if err != nil && try.Err() != nil && ctx.Err() == nil {
		return nil, failure.Unavailable(err, "%s cannot publish at present; try again with the same id: it is handled once", topic.App)
	}
	return resp, err
}

func (o *ops) PingPong(stream opsv1.OpsService_PingPongServer) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	client, err := o.client(first.GetAppId())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	behind, err := client.PingPong(ctx)
	if err != nil {
		return err
	}
	_ = behind.Send(first) // if it does not go, receiving tells why
	return exchange(ctx, cancel, stream, behind)
}
