// Package serve runs a service: its gRPC server with the callbacks of its sidecar, health,
// reflection and ops, its background work, and a shutdown that finishes what was begun.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/deadletter"
	"seaport.example/services/internal/ops"
	"seaport.example/services/internal/sidecar"
)

// Service is what [Run] runs.
type Service struct {
	Config   Config
	Sidecar  *sidecar.Sidecar
	Log      *slog.Logger
	Keys     *auth.Keys                      // of tokens
	Guard    *auth.Guard                     // in front of the app port
	Handlers map[string]sidecar.Handler      // events in, by topic
	GivenUp  deadletter.Own                  // what the service itself gives up; nil for nothing
	Register func(grpc.ServiceRegistrar)     // the service's own RPCs; nil for none
	Front    func(context.Context) error     // a public port, served until its context ends; may be nil
	Work     []func(context.Context) error   // runs until its context ends, which is after the last call
	Ready    func(ctx context.Context) error // nil once the service can do its work; may be nil
}

const (
	drainTime  = 4 * time.Second // for calls in progress at shutdown
	maxMessage = 16 << 20        // bytes
)

// Main runs a service until SIGINT or SIGTERM and returns the exit code of its process.
func Main(run func(ctx context.Context, getenv func(string) string, logs io.Writer) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

// NewLog returns the service's logger.
func NewLog(cfg Config, logs io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: cfg.LogLevel})).With("app", cfg.AppID)
}

// Run serves until ctx ends, then drains: calls in progress are finished, and after them the
// background work.
func Run(ctx context.Context, s Service) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Config.Listen())
	if err != nil {
		return fmt.Errorf("listen on the app port: %w", err)
	}
	server := NewServer(s.Log, s.Guard)
	checks := health.NewServer()
	checks.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	healthv1.RegisterHealthServer(server, checks)
	letters := deadletter.New(deadletter.Config{
		App: s.Config.AppID, State: s.Sidecar.State("statestore"), Handlers: s.Handlers, Own: s.GivenUp,
		Publisher: s.Sidecar.Publisher("pubsub"), Now: time.Now, Log: s.Log,
	})
	sidecar.Register(server, letters.Handlers(), s.Log)
	ops.Register(server, ops.Config{
		App: s.Config.AppID, Letters: letters, Publisher: s.Sidecar.Publisher("pubsub"), Encoding: s.Config.Events, Log: s.Log,
	})
	if s.Register != nil {
		s.Register(server)
	}
	reflection.Register(server)
	if methods := s.Guard.Unguarded(server); len(methods) > 0 {
		return fmt.Errorf("nobody could call %s: say in services/internal/access who may", strings.Join(methods, ", "))
	}

	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var wg sync.WaitGroup
	for _, do := range append(s.Work, s.Keys.Run, func(ctx context.Context) error { return watchReady(ctx, s, checks) }) {
		wg.Go(func() {
			awaitSidecar(work, s.Sidecar) // app and sidecar start in any order
			if err := do(work); err != nil && !errors.Is(err, context.Canceled) {
				s.Log.Error("background work ended", "error", err)
			}
		})
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	front := make(chan error, 1)
	if s.Front != nil {
		go func() { front <- s.Front(ctx) }()
	}
	s.Log.Info("serving", "config", s.Config)

	select {
	case err = <-served:
	case err = <-front:
	case <-ctx.Done():
		checks.Shutdown()
		if s.Front != nil {
			err = <-front
		}
		stopServer(server)
	}
	stopWork()
	wg.Wait()
	s.Log.Info("stopped")
	return err
}

// Unpublished returns where a service's outbox leaves events that the broker refuses: among the service's dead letters,
// which [Run] serves.
func Unpublished(cfg Config, dapr *sidecar.Sidecar, log *slog.Logger) *deadletter.Office {
	return deadletter.New(deadletter.Config{App: cfg.AppID, State: dapr.State("statestore"), Now: time.Now, Log: log})
}

// NewGuard returns the guard of a service's app port.
func NewGuard(cfg Config, keys *auth.Keys, rules ...auth.Rules) *auth.Guard {
	return auth.NewGuard(auth.GuardConfig{
		App: cfg.AppID, Keys: keys, Rules: append(rules, access.Every, sidecar.Rules), AppToken: cfg.AppToken, Insecure: cfg.Insecure,
	})
}

// NewServer returns a gRPC server whose errors are those of package failure, behind a guard.
func NewServer(log *slog.Logger, guard *auth.Guard, opts ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.ChainUnaryInterceptor(unaryErrors(log), guard.Unary),
		grpc.ChainStreamInterceptor(streamErrors(log), guard.Stream),
	}, opts...)...)
}

// awaitSidecar returns once the sidecar answers, or ctx ends.
func awaitSidecar(ctx context.Context, dapr *sidecar.Sidecar) {
	for ctx.Err() == nil {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := dapr.Ready(try)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// stopServer lets calls finish, for a while.
func stopServer(server *grpc.Server) {
	done := make(chan struct{})
	go func() { server.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-time.After(drainTime):
		server.Stop()
		<-done
	}
}

// watchReady shows in the health service whether the sidecar answers and the service is ready.
func watchReady(ctx context.Context, s Service, checks *health.Server) error {
	for wait := 50 * time.Millisecond; ; {
		status := healthv1.HealthCheckResponse_SERVING
		if err := ready(ctx, s); err != nil {
			s.Log.Debug("not ready", "error", err)
			status = healthv1.HealthCheckResponse_NOT_SERVING
			wait = 100 * time.Millisecond
		} else {
			wait = min(2*wait, 2*time.Second)
		}
		checks.SetServingStatus("", status)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ready(ctx context.Context, s Service) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.Sidecar.Ready(ctx); err != nil {
		return err
	}
	if err := s.Keys.Ready(ctx); err != nil {
		return err
	}
	if s.Ready != nil {
		return s.Ready(ctx)
	}
	return nil
}
