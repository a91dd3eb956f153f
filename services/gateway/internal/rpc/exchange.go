package rpc

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
)

// exchange passes the messages of a caller on to a service and its answers back, until the service ends the call:
// what one end does not take, the other does not get rid of. The call behind was made under ctx; why it is cancelled
// is what the caller is told.
func exchange[Q, R any](ctx context.Context, cancel context.CancelCauseFunc, stream grpc.BidiStreamingServer[Q, R], behind grpc.BidiStreamingClient[Q, R]) error {
	go func() {
		for {
			message, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				_ = behind.CloseSend()
				return
			}
			if err != nil {
				cancel(err) // the caller is gone, or may not go on
				return
			}
			if behind.Send(message) != nil {
				return // Recv below tells why
			}
		}
	}()
	for {
		answer, err := behind.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}
