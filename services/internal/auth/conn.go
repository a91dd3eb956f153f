package auth

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// AsApp returns the connection to a service on which this app calls in its own name.
func AsApp(conn grpc.ClientConnInterface, callee string, keys *Keys) grpc.ClientConnInterface {
	return speaking{conn: conn, token: func(context.Context) (string, error) { return keys.mint(callee) }}
}

// PassOn returns the connection on which this app calls in the name of its own caller.
func PassOn(conn grpc.ClientConnInterface) grpc.ClientConnInterface {
	return speaking{conn: conn, token: func(ctx context.Context) (string, error) { return From(ctx).Token, nil }}
}

// speaking adds a token to each call.
type speaking struct {
	conn  grpc.ClientConnInterface
	token func(ctx context.Context) (string, error)
}

func (s speaking) with(ctx context.Context) (context.Context, error) {
	raw, err := s.token(ctx)
	if err != nil || raw == "" {
		return ctx, err
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+raw), nil
}

// Invoke makes a unary call.
func (s speaking) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	ctx, err := s.with(ctx)
	if err != nil {
		return err
	}
	return s.conn.Invoke(ctx, method, args, reply, opts...)
}

// NewStream begins a stream.
func (s speaking) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, err := s.with(ctx)
	if err != nil {
		return nil, err
	}
	return s.conn.NewStream(ctx, desc, method, opts...)
}
