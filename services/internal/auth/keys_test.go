package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
)

// failing is a secret store that is away at first, and may get other content.
type failing struct {
	mu    sync.Mutex
	now   authtest.Store
	times int
}

func (f *failing) Get(ctx context.Context, name string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.times > 0 {
		f.times--
		return "", errors.New("away")
	}
	return f.now.Get(ctx, name)
}

func (f *failing) set(now authtest.Store) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
}

// A secret store that is away, or has half of a change, is asked again; what was read stays good.
func TestKeysAreReadAgain(t *testing.T) {
	t.Parallel()
	first, second := authtest.New(t, "vessel"), authtest.New(t, "vessel")
	synctest.Test(t, func(t *testing.T) {
		store := &failing{now: first.Secrets("vessel"), times: 2}
		keys := auth.NewKeys(store, "vessel", slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = keys.Run(ctx) }()
		defer func() { cancel(); <-done }()

		synctest.Wait()
		if keys.Ready(ctx) == nil {
			t.Fatal("ready without keys")
		}
		time.Sleep(5 * time.Second)
		if err := keys.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		good := func(a *authtest.Authority) codes.Code {
			_, err := keys.Verify(a.User(t, "u"))
			return status.Code(err)
		}
		if good(first) != codes.OK || good(second) != codes.Unauthenticated {
			t.Errorf("first keys: %s and %s", good(first), good(second))
		}
		store.set(second.Secrets("vessel"))
		time.Sleep(2 * time.Minute)
		if good(first) != codes.Unauthenticated || good(second) != codes.OK {
			t.Errorf("second keys: %s and %s", good(first), good(second))
		}
		store.set(authtest.Store{"verification-keys": "{"})
		time.Sleep(2 * time.Minute)
		if good(second) != codes.OK {
			t.Errorf("while the store has nothing of use: %s", good(second))
		}
		if data, err := keys.WebKeys(); err != nil || !strings.Contains(string(data), `"kty":"OKP"`) {
			t.Errorf("published are %s, %v", data, err)
		}
	})
}
