package rpc

import (
	"context"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/failure"
)

// ImportConsignments passes lines on, and results back.
func (s *shipping) ImportConsignments(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
	stops := failure.Unavailable(nil, "the gateway stops; send the lines without a result again")
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.stopping, func() { cancel(stops) })()
	behind, err := s.client.ImportConsignments(ctx)
	if err != nil {
		return err
	}
	return exchange(ctx, cancel, stream, behind)
}
