// Package sidecar is the only place that speaks to Dapr: state, publishing and other services go
// out through it, events come in through it. What goes out goes through the client of Dapr's Go SDK, on
// a connection of this package's own: one that the SDK dials waits for the sidecar, and its interceptor
// replaces the metadata of a call when it adds the API token. What comes in does not go through the SDK;
// callback.go says what that lacks (docs/adr/0010-dapr-go-sdk.md).
package sidecar

import (
	"context"
	"fmt"
	"sync"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
)

// maxMessage bounds a message either way, in bytes: a batch of 1,000 bookings fits well.
const maxMessage = 16 << 20

// Sidecar is the connection to this process's own sidecar. It connects when first used and
// reconnects by itself, so that app and sidecar may start and restart in any order.
type Sidecar struct {
	conn   *grpc.ClientConn
	client client.Client
}

// silence stops the SDK from writing plain lines to the output, which is for the log alone.
var silence = sync.OnceFunc(func() { client.SetLogger(nil) })

// Open returns the sidecar whose gRPC API listens on target ("127.0.0.1:50001"). The token is
// its Dapr API token; empty when it asks for none.
func Open(target, token string, opts ...grpc.DialOption) (*Sidecar, error) {
	silence()
	opts = append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()), // loopback; the sidecars do mTLS
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(withToken(ctx, token), method, req, reply, cc, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return stream(withToken(ctx, token), desc, cc, method, opts...)
		}),
	}, opts...)
	conn, err := grpc.NewClient(target, opts...)
	if err != nil {
		return nil, fmt.Errorf("sidecar at %s: %w", target, err)
	}
	return &Sidecar{conn: conn, client: client.NewClientWithConnection(conn)}, nil
}

// Close ends the connection.
func (s *Sidecar) Close() error { return s.conn.Close() }

// Ready returns nil once the sidecar answers.
func (s *Sidecar) Ready(ctx context.Context) error {
	if _, err := s.client.GetMetadata(ctx); err != nil {
		return fmt.Errorf("sidecar: %w", err)
	}
	return nil
}

// App returns a connection to another service, for its generated client: calls go through both
// sidecars. A stream that breaks is the caller's to open again.
func (s *Sidecar) App(appID string) grpc.ClientConnInterface {
	return app{conn: s.conn, id: appID}
}

type app struct {
	conn *grpc.ClientConn
	id   string
}

func (a app) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	ctx = metadata.AppendToOutgoingContext(request.Forward(ctx), "dapr-app-id", a.id)
	err := a.conn.Invoke(ctx, method, args, reply, opts...)
	return a.away(err)
}

// away words the errors of those in between: the service was not reached, or it is not known
// whether it was. What the service itself answered passes.
func (a app) away(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	switch {
	case st.Code() == codes.Unavailable, st.Code() == codes.Unknown,
		st.Code() == codes.Internal && st.Message() != failure.InternalMessage:
		return failure.Unavailable(err, "the %s service does not answer; try again", a.id)
	}
	return err
}

// NewStream says that it is a stream: else Dapr's time-out would cover the whole of it.
func (a app) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx = metadata.AppendToOutgoingContext(request.Forward(ctx), "dapr-app-id", a.id, "dapr-stream", "true")
	stream, err := a.conn.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, a.away(err)
	}
	return answers{stream, a}, nil
}

// answers is a stream whose errors are worded as those of a call are.
type answers struct {
	grpc.ClientStream

	from app
}

func (s answers) RecvMsg(m any) error { return s.from.away(s.ClientStream.RecvMsg(m)) }

func withToken(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "dapr-api-token", token)
}
