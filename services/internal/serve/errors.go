package serve

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
)

// unaryErrors turns what a handler returns into an error for the caller, and logs the call once.
func unaryErrors(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
		began := time.Now()
		defer func() { err = finish(ctx, log, info.FullMethod, began, recover(), err) }()
		return handle(ctx, req)
	}
}

func streamErrors(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		began := time.Now()
		defer func() { err = finish(stream.Context(), log, info.FullMethod, began, recover(), err) }()
		return handle(srv, stream)
	}
}

func finish(ctx context.Context, log *slog.Logger, method string, began time.Time, panicked any, err error) error {
	if panicked != nil {
		err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	}
	e := failure.From(err)
	level := slog.LevelDebug
	code := codes.OK
	if e != nil {
		code = e.Code()
		if code == codes.Internal || code == codes.Unavailable {
			level = slog.LevelError
		}
	}
	if log.Enabled(ctx, level) {
		attrs := []slog.Attr{slog.String("method", method), slog.String("code", code.String()), slog.Duration("took", time.Since(began))}
		if id := request.ID(ctx); id != "" {
			attrs = append(attrs, slog.String("request", id))
		}
		if e != nil {
			attrs = append(attrs, slog.Any("error", e))
		}
		log.LogAttrs(ctx, level, "call", attrs...)
	}
	if e == nil {
		return nil
	}
	return e
}
