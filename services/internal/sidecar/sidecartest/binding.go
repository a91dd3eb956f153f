package sidecartest

import (
	"context"
	"maps"
	"slices"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Delivery is what a binding was given.
type Delivery struct {
	Binding   string
	Operation string
	Data      []byte
	Metadata  map[string]string
}

// Bind makes a binding. What answer returns its caller gets; an error of it is that of the sidecar, and
// the delivery is kept all the same.
func (f *Fake) Bind(name string, answer func(d Delivery) (data []byte, metadata map[string]string, err error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bindings[name] = answer
}

// Deliveries returns what bindings were given, in order.
func (f *Fake) Deliveries() []Delivery {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deliveries)
}

// InvokeBinding keeps a delivery for the test.
func (d *daprd) InvokeBinding(ctx context.Context, req *runtimev1.InvokeBindingRequest) (*runtimev1.InvokeBindingResponse, error) {
	resp := &runtimev1.InvokeBindingResponse{}
	err := d.do(ctx, Bind, []string{req.GetName()}, func() error {
		delivery := Delivery{
			Binding: req.GetName(), Operation: req.GetOperation(), Data: slices.Clone(req.GetData()), Metadata: maps.Clone(req.GetMetadata()),
		}
		d.mu.Lock()
		answer, ok := d.bindings[req.GetName()]
		if ok {
			d.deliveries = append(d.deliveries, delivery)
		}
		d.mu.Unlock()
		if !ok {
			return status.Errorf(codes.Internal, "couldn't find output binding %s", req.GetName())
		}
		var err error
		if resp.Data, resp.Metadata, err = answer(delivery); err != nil {
			return status.Errorf(codes.Internal, "error invoking output binding %s: %s", req.GetName(), err)
		}
		return nil
	})
	return resp, err
}
