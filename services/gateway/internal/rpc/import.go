package rpc

import (
	"context"
	"errors"
	"io"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/failure"
)

// ImportConsignments passes lines on, and results back, message by message: what one end does not take, the
// other does not get rid of.
func (s *shipping) ImportConsignments(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
	stops := failure.Unavailable(nil, "the gateway stops; send the lines without a result again")
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.stopping, func() { cancel(stops) })()
	behind, err := s.client.ImportConsignments(ctx)
	if err != nil {
		return err
	}
	go func() {
		for {
			lines, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				_ = behind.CloseSend()
				return
			}
			if err != nil {
				cancel(err) // the caller is gone, or may not go on
				return
			}
			if behind.Send(lines) != nil {
				return // Recv below tells why
			}
		}
	}()
	for {
		results, err := behind.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		if err := stream.Send(results); err != nil {
			return err
		}
	}
}
