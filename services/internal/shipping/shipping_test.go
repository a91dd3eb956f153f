package shipping_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/shipping"
)

// conn answers every call with an error, or with nothing.
type conn struct {
	grpc.ClientConnInterface

	err    error
	method string
	asked  any
}

func (c *conn) Invoke(_ context.Context, method string, args, _ any, _ ...grpc.CallOption) error {
	c.method, c.asked = method, args
	return c.err
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for _, want := range []error{nil, errors.New("away")} {
		c := &conn{err: want}
		err := shipping.New(c).Cancel(t.Context(), "c1", "no room")
		req, ok := c.asked.(*consignmentv1.CancelConsignmentRequest)
		if !errors.Is(err, want) || c.method != consignmentv1.ShippingService_CancelConsignment_FullMethodName ||
			!ok || req.GetId() != "c1" || req.GetReason() != "no room" {
			t.Errorf("Cancel = %v, called %s with %v", err, c.method, c.asked)
		}
	}
}
