package sidecar

import (
	"context"
	"fmt"

	"github.com/dapr/go-sdk/client"
)

// Binding is a way out to something that is neither a service nor a broker nor a store.
type Binding struct {
	client client.Client
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
	event, err := b.client.InvokeBinding(ctx, &client.InvokeBindingRequest{
		Name: b.name, Operation: operation, Data: data, Metadata: metadata,
	})
	if err != nil {
		return Answer{}, fmt.Errorf("binding %s: %w", b.name, err)
	}
	return Answer{Data: event.Data, Metadata: event.Metadata}, nil
}
