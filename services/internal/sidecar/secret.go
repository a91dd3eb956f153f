package sidecar

import (
	"context"
	"fmt"

	"github.com/dapr/go-sdk/client"
)

// Secrets is a secret store. An app sees its own secrets and no other's.
type Secrets struct {
	client client.Client
	store  string
}

// Secrets returns the named secret store.
func (s *Sidecar) Secrets(store string) *Secrets {
	return &Secrets{client: s.client, store: store}
}

// Get returns a secret. Errors: an error when there is none, too.
func (s *Secrets) Get(ctx context.Context, name string) (string, error) {
	parts, err := s.client.GetSecret(ctx, s.store, name, nil)
	if err != nil {
		return "", fmt.Errorf("get secret %s: %w", name, err)
	}
	if value, ok := parts[name]; ok {
		return value, nil
	}
	// Some stores have names of their own for the parts of a secret.
	for _, value := range parts {
		if len(parts) == 1 {
			return value, nil
		}
	}
	return "", fmt.Errorf("get secret %s: it has %d parts, and none of its name", name, len(parts))
}
