// Package server answers whether a program of Dapr's control plane is healthy, on loopback only. It takes the place of
// Dapr's package of the same path when placement and scheduler are built (go build -overlay): Dapr 1.18 has the flag
// --healthz-listen-address and overlooks it, so that this one port of a local run would be open on every interface.
// Drop it, and Overlay in cli/internal/toolchain/tools.go, when Dapr heeds the flag.
//
// What is exported is what Dapr's commands call.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/kit/logger"
)

// Handler is something more to ask for, besides health.
type Handler struct {
	Path string
	// Getter returns JSON.
	Getter func(ctx context.Context) ([]byte, error)
}

// Options are what a Server needs. Port 0 stands for any that is free.
type Options struct {
	Healthz  healthz.Healthz
	Port     int
	Log      logger.Logger
	Handlers []Handler
}

// Server answers GET /healthz with 200 or 503, and each Handler's path.
type Server struct {
	address   string
	log       logger.Logger
	routes    http.ServeMux
	listening healthz.Target
}

// New makes a Server. Until it listens the program counts as unhealthy.
func New(options Options) *Server {
	s := &Server{
		address:   net.JoinHostPort("127.0.0.1", strconv.Itoa(options.Port)),
		log:       options.Log,
		listening: options.Healthz.AddTarget("health port"),
	}
	s.routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !options.Healthz.IsReady() {
			http.Error(w, "unhealthy", http.StatusServiceUnavailable)
		}
	})
	for _, handler := range options.Handlers {
		s.routes.HandleFunc("GET "+handler.Path, handler.answer)
	}
	return s
}

func (h Handler) answer(w http.ResponseWriter, r *http.Request) {
	text, err := h.Getter(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // It fails when the caller has left.
}

// Start answers until ctx ends, which is no error.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", s.address)
	if err != nil {
		return fmt.Errorf("listen for health checks: %w", err)
	}
	s.log.Infof("Health is told on %s", listener.Addr())
	server := &http.Server{
		Handler:     &s.routes,
		ReadTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	s.listening.Ready()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer health checks: %w", err)
	}
	return nil
}
