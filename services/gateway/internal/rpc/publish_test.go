package rpc_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/services/gateway/internal/rpc"
	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
)

// publisher is the ops service of one app.
type publisher struct {
	opsv1.UnimplementedOpsServiceServer
	app     string
	publish func(context.Context, *opsv1.PublishEventRequest) error
}

func (p publisher) PublishEvent(ctx context.Context, req *opsv1.PublishEventRequest) (*opsv1.PublishEventResponse, error) {
	return &opsv1.PublishEventResponse{Id: req.GetId(), AppId: p.app}, p.publish(ctx, req)
}

// publishers returns a gateway before apps that do no more than publish.
func publishers(t *testing.T, publish func(context.Context, *opsv1.PublishEventRequest) error) opsv1.OpsServiceClient {
	t.Helper()
	behind := apps{}
	for _, app := range append(slices.Clone(rpc.Behind), "gateway") {
		behind[app] = listen(t, func(s *grpc.Server) { opsv1.RegisterOpsServiceServer(s, publisher{app: app, publish: publish}) })
	}
	return opsv1.NewOpsServiceClient(listen(t, func(s *grpc.Server) { rpc.Register(s, rpc.Config{Apps: behind, Insecure: true}) }))
}

func TestPublishEvent(t *testing.T) {
	t.Parallel()
	refuse := ""
	c := publishers(t, func(_ context.Context, req *opsv1.PublishEventRequest) error {
		if refuse != "" {
			return failure.Invalid(refuse, "is wrong")
		}
		return nil
	})
	for _, topic := range event.Topics() {
		resp, err := c.PublishEvent(t.Context(), &opsv1.PublishEventRequest{Topic: topic.Name, Id: "e1"})
		if err != nil || resp.GetAppId() != topic.App || resp.GetId() != "e1" {
			t.Errorf("%s: %v, %v", topic.Name, resp, err)
		}
	}
	// What has no id gets one here: a sidecar that repeats the call publishes the same event.
	if resp, err := c.PublishEvent(t.Context(), &opsv1.PublishEventRequest{Topic: event.UserCreated}); err != nil || resp.GetId() == "" {
		t.Errorf("without an id: %v, %v", resp, err)
	}
	for _, topic := range []string{"", "user.deleted", event.NotificationDead} {
		_, err := c.PublishEvent(t.Context(), &opsv1.PublishEventRequest{Topic: topic})
		if status.Code(err) != codes.NotFound || failure.From(err).Violations()[0].Field != "topic" {
			t.Errorf("%q: %v", topic, err)
		}
	}
	refuse = "data.email"
	_, err := c.PublishEvent(t.Context(), &opsv1.PublishEventRequest{Topic: event.UserCreated})
	if status.Code(err) != codes.InvalidArgument || failure.From(err).Violations()[0].Field != refuse {
		t.Errorf("a refusal arrives as %v", err)
	}
}

// While the broker is away, sidecars repeat the call: the caller is told what it is before its time is up.
func TestPublishEventTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := publishers(t, func(ctx context.Context, _ *opsv1.PublishEventRequest) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		if _, err := c.PublishEvent(ctx, &opsv1.PublishEventRequest{Topic: event.UserCreated}); status.Code(err) != codes.Unavailable {
			t.Errorf("got %v, want UNAVAILABLE", err)
		}
		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		if _, err := c.PublishEvent(short, &opsv1.PublishEventRequest{Topic: event.UserCreated}); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("of a caller in a hurry: %v", err)
		}
	})
}
