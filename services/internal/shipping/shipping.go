// Package shipping is how the other services speak to the consignment service.
package shipping

import (
	"context"
	"sync"

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

// atOnce is how many consignments are cancelled at a time: a lot may have some hundred, and an event is to be
// handled within seconds.
const atOnce = 16

// Cancel cancels consignments with a reason; once is enough, more does no harm. It returns the first error
// and begins no more after it: whoever is to cancel them all asks again.
func (c Consignments) Cancel(ctx context.Context, ids []string, reason string) error {
	going, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	turns := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for _, id := range ids {
		turns <- struct{}{}
		if going.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-turns }()
			if _, err := c.client.CancelConsignment(ctx, &consignmentv1.CancelConsignmentRequest{Id: id, Reason: reason}); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(going)
}
