// Package edge is the public port: gRPC and REST/JSON side by side, and what stands before both: who may
// call, how often, and what every answer carries.
package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // callers may send gzip; the limits are those of what it unpacks to
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	"seaport.example/services/gateway/internal/rest"
	"seaport.example/services/gateway/internal/rpc"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/serve"
)

const drainTime = 4 * time.Second // for calls in progress at shutdown

// Edge is the open public port. Use [Listen], then Serve.
type Edge struct {
	listener net.Listener
	inside   *bufconn.Listener // where REST reaches the gRPC server
	grpc     *grpc.Server
	http     *http.Server
	conn     *grpc.ClientConn
	stop     context.CancelFunc // ends what would not end by itself
}

// Listen opens the port.
func Listen(ctx context.Context, cfg Config) (*Edge, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on the public port: %w", err)
	}
	e := &Edge{listener: listener, inside: bufconn.Listen(1 << 20)}
	stopping, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	if e.grpc, err = newServer(stopping, cfg); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	// REST goes through the same server as gRPC, so that whatever guards one guards both.
	e.conn, err = grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return e.inside.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect REST to gRPC: %w", err), listener.Close())
	}
	handler, err := rest.Handler(ctx, e.conn, rest.Config{Health: healthOf(cfg), WebKeys: cfg.Keys.WebKeys, Headers: passedOn})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	e.http = &http.Server{
		Handler:           front(cfg.Origins, e.split(hurry(arriveTime, leaveTime, handler))),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 4096, SendPingTimeout: time.Minute}, // a peer that is gone is noticed
		Protocols:         new(http.Protocols),
	}
	e.http.Protocols.SetHTTP1(true)
	e.http.Protocols.SetUnencryptedHTTP2(true)
	return e, nil
}

// newServer returns the gRPC server, behind its guard and limits. Its watches end with stopping.
func newServer(stopping context.Context, cfg Config) (*grpc.Server, error) {
	guard := auth.NewGuard(auth.GuardConfig{App: cfg.App, Keys: cfg.Keys, Rules: access.Public, Insecure: cfg.Insecure})
	// A little over the limit still arrives, so that the refusal can say what the limit is.
	opts := []grpc.ServerOption{grpc.MaxRecvMsgSize(2 * maxMessage)}
	if cfg.Limits && !cfg.Insecure { // where nobody is known, there is nobody to hold back
		l := newLimits()
		// These two come first, before the guard; chained ones come behind it.
		opts = append(opts, grpc.UnaryInterceptor(l.outside), grpc.StreamInterceptor(l.outsideStream))
		opts = append(opts, grpc.ChainUnaryInterceptor(l.inside), grpc.ChainStreamInterceptor(l.insideStream))
	}
	opts = append(opts, grpc.ChainUnaryInterceptor(limitSize, fillRequestID, limitTime))
	server := serve.NewServer(cfg.Log, guard, opts...)
	rpc.Register(server, rpc.Config{Apps: cfg.Sidecar, Keys: cfg.Keys, Insecure: cfg.Insecure, Stopping: stopping})
	healthv1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	if methods := guard.Unguarded(server); len(methods) > 0 {
		return nil, fmt.Errorf("nobody could call %s: say in services/internal/access who may", strings.Join(methods, ", "))
	}
	return server, nil
}

// healthOf answers for the gateway and every service behind it.
func healthOf(cfg Config) http.Handler {
	checks := map[string]rest.Check{"gateway": func(ctx context.Context) error {
		return errors.Join(cfg.Sidecar.Ready(ctx), cfg.Keys.Ready(ctx))
	}}
	for _, app := range rpc.Behind {
		checks[app] = rpc.Ready(cfg.Sidecar, app)
	}
	return rest.Health(checks)
}

// split tells gRPC from REST by what a request says it is.
func (e *Edge) split(rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			e.grpc.ServeHTTP(w, r)
			blameCaller(w.Header())
			return
		}
		rest.ServeHTTP(w, r)
	})
}

// Serve answers until ctx ends, then lets calls finish, for a while.
func (e *Edge) Serve(ctx context.Context) error {
	errs := make(chan error, 2)
	go func() { errs <- e.grpc.Serve(e.inside) }()
	go func() { errs <- e.http.Serve(e.listener) }()
	var err error
	select {
	case err = <-errs:
	case <-ctx.Done():
	}
	e.stop()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if stopErr := e.http.Shutdown(drain); stopErr != nil {
		stopErr = e.http.Close()
		err = errors.Join(err, stopErr)
	}
	e.grpc.Stop()
	return errors.Join(err, e.conn.Close())
}
