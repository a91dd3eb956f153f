package sidecartest

import (
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// proxy passes a call on to the app that its metadata names. An empty message keeps the fields of
// whatever it is decoded from, so it carries any.
func (d *daprd) proxy(_ any, in grpc.ServerStream) error {
	ctx := in.Context()
	md, _ := metadata.FromIncomingContext(ctx)
	id := md.Get("dapr-app-id")
	if len(id) != 1 {
		return status.Errorf(codes.Unknown, "a call to %q instead of one app", id)
	}
	return d.do(ctx, Invoke, id, func() error {
		d.mu.Lock()
		app, ok := d.apps[id[0]]
		d.mu.Unlock()
		if !ok {
			return status.Errorf(codes.Internal, "failed to resolve address of app id %s", id[0])
		}
		method, _ := grpc.MethodFromServerStream(in)
		out, err := app.NewStream(metadata.NewOutgoingContext(ctx, md), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
		if err != nil {
			return err
		}
		go func() {
			if pass(in.RecvMsg, out.SendMsg) == nil {
				_ = out.CloseSend()
			}
		}()
		err = pass(out.RecvMsg, in.SendMsg)
		in.SetTrailer(out.Trailer())
		return err
	})
}

// pass passes messages on; nil at their end.
func pass(receive, send func(m any) error) error {
	for {
		var m emptypb.Empty
		if err := receive(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := send(&m); err != nil {
			return err
		}
	}
}
