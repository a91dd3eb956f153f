package shipping_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/shipping"
)

// conn answers calls with an error for one consignment, and with nothing for the others.
type conn struct {
	grpc.ClientConnInterface

	refused string
	err     error

	mu     sync.Mutex
	asked  []string
	now    int // calls under way
	most   int
	strays []string // calls that are no cancellation
}

func (c *conn) Invoke(_ context.Context, method string, args, _ any, _ ...grpc.CallOption) error {
	req, ok := args.(*consignmentv1.CancelConsignmentRequest)
	c.enter(req, ok && method == consignmentv1.ShippingService_CancelConsignment_FullMethodName && req.GetReason() == "no room", method)
	time.Sleep(time.Second) // in a bubble
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	if req.GetId() == c.refused {
		return c.err
	}
	return nil
}

func (c *conn) enter(req *consignmentv1.CancelConsignmentRequest, right bool, method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, req.GetId())
	c.now++
	c.most = max(c.most, c.now)
	if !right {
		c.strays = append(c.strays, method)
	}
}

// All are cancelled, some at once. After an error no more are begun: they would fail alike.
func TestCancel(t *testing.T) {
	t.Parallel()
	var lot []string
	for n := range 100 {
		lot = append(lot, fmt.Sprintf("c%03d", n))
	}
	away := errors.New("away")
	for _, c := range []struct {
		name    string
		ids     []string
		refused string
		want    error
		least   int // how many are asked for
		most    int
	}{
		{"none", nil, "", nil, 0, 0},
		{"one", lot[:1], "", nil, 1, 1},
		{"one, and it fails", lot[:1], "c000", away, 1, 1},
		{"a lot", lot, "", nil, 100, 100},
		{"a lot, and the second fails", lot, "c001", away, 2, 40},
		{"a lot, and the last fails", lot, "c099", away, 100, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there := &conn{refused: c.refused, err: away}
				err := shipping.New(there).Cancel(t.Context(), c.ids, "no room")
				if !errors.Is(err, c.want) || err != nil && c.want == nil || len(there.strays) != 0 {
					t.Errorf("Cancel = %v, want %v; other calls: %q", err, c.want, there.strays)
				}
				slices.Sort(there.asked)
				once := len(slices.Compact(slices.Clone(there.asked))) == len(there.asked)
				if n := len(there.asked); n < c.least || n > c.most || !once || there.now != 0 {
					t.Errorf("%d calls, want %d to %d, each once: %v; %d left under way", n, c.least, c.most, once, there.now)
				}
				if len(c.ids) == len(lot) && (there.most < 2 || there.most > 20) {
					t.Errorf("%d calls at once", there.most)
				}
			})
		})
	}
}
