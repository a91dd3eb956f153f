package sidecar_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/sidecar"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	internal := func(text string) error {
		return status.Error(codes.Internal, "error when publish to topic consignment in pubsub pubsub: "+text)
	}
	for name, c := range map[string]struct {
		err               error
		refused, tooLarge bool
	}{
		"no error":                    {},
		"the sidecar is away":         {err: status.Error(codes.Unavailable, "connection refused")},
		"the broker is away":          {err: internal("dial tcp 127.0.0.1:6379: connect: connection refused")},
		"the broker is slow":          {err: status.Error(codes.DeadlineExceeded, "context deadline exceeded")},
		"the caller left":             {err: status.FromContextError(context.Canceled).Err()},
		"another error":               {err: errors.New("encode: unsupported value")},
		"a conflict":                  {err: status.Error(codes.Aborted, "possible etag mismatch")},
		"no stream":                   {err: internal("nats: no response from stream"), refused: true},
		"no component":                {err: status.Error(codes.NotFound, "pubsub pubsub is not found"), refused: true},
		"topic is not this app's":     {err: status.Error(codes.PermissionDenied, "topic is not allowed"), refused: true},
		"an argument":                 {err: status.Error(codes.InvalidArgument, "key can't contain '||'"), refused: true},
		"too large for the broker":    {err: internal("nats: maximum payload exceeded"), refused: true, tooLarge: true},
		"too large for the stream":    {err: internal("nats: API error: code=400 err_code=10054 description=message size exceeds maximum allowed"), refused: true, tooLarge: true},
		"too large for the sidecar":   {err: status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"), refused: true, tooLarge: true},
		"too large for this process":  {err: status.Error(codes.ResourceExhausted, "trying to send message larger than max (5 vs. 4)"), refused: true, tooLarge: true},
		"resources that may be freed": {err: status.Error(codes.ResourceExhausted, "too many streams")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, err := range []error{c.err, fmt.Errorf("publish: %w", c.err)} {
				if c.err == nil {
					err = nil
				}
				if refused, tooLarge := sidecar.Refused(err), sidecar.TooLarge(err); refused != c.refused || tooLarge != c.tooLarge {
					t.Errorf("%v: refused %t, too large %t, want %t and %t", err, refused, tooLarge, c.refused, c.tooLarge)
				}
			}
		})
	}
}
