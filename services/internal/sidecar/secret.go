package sidecar

import (
	"context"
	"fmt"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

// Secrets is a secret store. An app sees its own secrets and no other's.
type Secrets struct {
	client runtimev1.DaprClient
	store  string
}

// Secrets returns the named secret store.
func (s *Sidecar) Secrets(store string) *Secrets {
	return &Secrets{client: s.client, store: store}
}

// Get returns a secret. Errors: an error when there is none, too.
func (s *Secrets) Get(ctx context.Context, name string) (string, error) {
	resp, err := s.client.GetSecret(ctx, &runtimev1.GetSecretRequest{StoreName: s.store, Key: name})
	if err != nil {
		return "", fmt.Errorf("get secret %s: %w", name, err)
	}
	if value, ok := resp.GetData()[name]; ok {
		return value, nil
	}
	// Some stores have names of their own for the parts of a secret.
	for _, value := range resp.GetData() {
		if len(resp.GetData()) == 1 {
			return value, nil
		}
	}
	return "", fmt.Errorf("get secret %s: it has %d parts, and none of its name", name, len(resp.GetData()))
}
