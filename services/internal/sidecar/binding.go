package sidecar

import (
	"context"
	"fmt"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

// Binding is a way out to something that is neither a service nor a broker nor a store.
type Binding struct {
	client runtimev1.DaprClient
	name   string
}

// Answer is what a binding says: what that is depends on its kind.
type Answer struct {
	Data     []byte
	Metadata map[string]string
}

// Binding returns the named output binding.
func (s *Sidecar) Binding(name string) *Binding {
	return &Binding{client: s.client, name: name}
}

// Invoke hands data to what is behind the binding. After an error it may have been taken or not.
func (b *Binding) Invoke(ctx context.Context, operation string, data []byte, metadata map[string]string) (Answer, error) {
	resp, err := b.client.InvokeBinding(ctx, &runtimev1.InvokeBindingRequest{
		Name: b.name, Operation: operation, Data: data, Metadata: metadata,
	})
	if err != nil {
		return Answer{}, fmt.Errorf("binding %s: %w", b.name, err)
	}
	return Answer{Data: resp.GetData(), Metadata: resp.GetMetadata()}, nil
}
