// Package edge is the public port: gRPC and REST/JSON side by side.
package edge

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"seaport.example/services/gateway/internal/rest"
	"seaport.example/services/gateway/internal/rpc"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
)

const (
	maxMessage = 4 << 20          // bytes of a request
	drainTime  = 4 * time.Second  // for calls in progress at shutdown
	callTime   = 25 * time.Second // for a call whose caller gave it more, or for ever
)

// Edge is the open public port. Use [Listen], then Serve.
type Edge struct {
	listener net.Listener
	inside   *bufconn.Listener // where REST reaches the gRPC server
	grpc     *grpc.Server
	http     *http.Server
	conn     *grpc.ClientConn
}

// Listen opens the port.
func Listen(ctx context.Context, address string, dapr *sidecar.Sidecar, log *slog.Logger) (*Edge, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on the public port: %w", err)
	}
	e := &Edge{listener: listener, inside: bufconn.Listen(1 << 20)}
	// A little over the limit still arrives, so that the refusal can say what the limit is.
	e.grpc = serve.NewServer(log, grpc.MaxRecvMsgSize(2*maxMessage), grpc.ChainUnaryInterceptor(limitSize, limitTime))
	rpc.Register(e.grpc, dapr)
	healthv1.RegisterHealthServer(e.grpc, health.NewServer())
	reflection.Register(e.grpc)

	// REST goes through the same server as gRPC, so that whatever guards one guards both.
	e.conn, err = grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return e.inside.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect REST to gRPC: %w", err)
	}
	checks := map[string]rest.Check{"gateway": dapr.Ready}
	for _, app := range rpc.Behind {
		checks[app] = rpc.Ready(dapr, app)
	}
	handler, err := rest.Handler(ctx, e.conn, rest.Health(checks))
	if err != nil {
		return nil, err
	}
	e.http = &http.Server{
		Handler:           e.split(handler),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 4096},
		Protocols:         new(http.Protocols),
	}
	e.http.Protocols.SetHTTP1(true)
	e.http.Protocols.SetUnencryptedHTTP2(true)
	return e, nil
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
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if stopErr := e.http.Shutdown(drain); stopErr != nil {
		stopErr = e.http.Close()
		err = errors.Join(err, stopErr)
	}
	e.grpc.Stop()
	return errors.Join(err, e.conn.Close())
}

func limitSize(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if m, ok := req.(proto.Message); ok && proto.Size(m) > maxMessage {
		return nil, failure.Invalid("body", "must have at most %d bytes", maxMessage)
	}
	return handle(ctx, req)
}

func limitTime(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return handle(ctx, req)
}

// blameCaller makes INVALID_ARGUMENT of a message that cannot be decoded, such as one whose text is
// not UTF-8. The library calls that INTERNAL, before anything here sees it, and leaves its answer in
// the trailers.
func blameCaller(trailers http.Header) {
	if trailers.Get("Grpc-Status") != strconv.Itoa(int(codes.Internal)) || !strings.Contains(trailers.Get("Grpc-Message"), "unmarshal") {
		return
	}
	st := failure.Invalid("body", "is not a message of this method, or its text is not UTF-8").GRPCStatus()
	details, err := proto.Marshal(st.Proto())
	if err != nil {
		return
	}
	trailers.Set("Grpc-Status", strconv.Itoa(int(st.Code())))
	trailers.Set("Grpc-Message", st.Message())
	trailers.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
}
