// Package shipping is how the other services speak to the consignment service.
package shipping

import (
	"context"

	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// Consignments is the consignment service.
type Consignments struct {
	client consignmentv1.ShippingServiceClient
}

// New returns the consignment service at the other end of conn.
func New(conn grpc.ClientConnInterface) Consignments {
	return Consignments{client: consignmentv1.NewShippingServiceClient(conn)}
}

// Cancel cancels a consignment with a reason; once is enough, more does no harm.
func (c Consignments) Cancel(ctx context.Context, id, reason string) error {
	_, err := c.client.CancelConsignment(ctx, &consignmentv1.CancelConsignmentRequest{Id: id, Reason: reason})
	return err
}
