package command

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
)

// maxAnswer bounds an answer, in bytes: a page of 200 consignments of 1,000 containers fits.
const maxAnswer = 64 << 20

// redial keeps the pauses between attempts to connect shorter than those between repeats of a
// call, so that each repeat has a fresh attempt.
var redial = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
	MinConnectTimeout: 5 * time.Second,
}

// connect checks the shared flags and returns a connection that carries who calls and repeats
// repeatable calls. It dials at the first call, so an unreachable gateway is an error of that call.
func (s *session) connect() (*grpc.ClientConn, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return s.dial(
		grpc.WithStatsHandler(connectionWatch{&s.connected}),
		grpc.WithChainUnaryInterceptor(limitTime(s), s.caller.unary, repeat(defaultRetry, s.sayRetry)),
	)
}

// connectPlain is connect without repeats and time limit, for measurements.
func (s *session) connectPlain() (*grpc.ClientConn, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return s.dial(grpc.WithUnaryInterceptor(s.caller.unary))
}

// dial returns a connection with what all of them have.
func (s *session) dial(options ...grpc.DialOption) (*grpc.ClientConn, error) {
	options = append(options,
		grpc.WithStreamInterceptor(s.caller.stream),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithUserAgent("seaport-cli"),
		grpc.WithDisableServiceConfig(), // no look-up of a TXT record before the first call
		grpc.WithConnectParams(redial),
	)
	conn, err := grpc.NewClient(s.address, options...)
	if err != nil {
		return nil, badInput("--server (or %s): %q is not an address: %w", serverEnv, s.server, err)
	}
	s.conns = append(s.conns, conn)
	return conn, nil
}

// reached says whether the gateway is connected: it tells an error of the gateway from the lack of one.
func (s *session) reached() bool {
	for _, conn := range s.conns {
		if conn.GetState() == connectivity.Ready {
			return true
		}
	}
	return false
}

func (s *session) close() {
	for _, conn := range s.conns {
		_ = conn.Close() // the process ends anyway
	}
}

// connectionWatch notes that a connection came about.
type connectionWatch struct{ connected *atomic.Bool }

var _ stats.Handler = connectionWatch{}

// HandleConn notes the beginning of a connection.
func (c connectionWatch) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, ok := event.(*stats.ConnBegin); ok {
		c.connected.Store(true)
	}
}

// TagConn does nothing.
func (connectionWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// TagRPC does nothing.
func (connectionWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC does nothing.
func (connectionWatch) HandleRPC(context.Context, stats.RPCStats) {}
