package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Check asks one part of the platform whether it is ready.
type Check func(ctx context.Context) error

// Health answers 200 once every part is ready, else 503; its body names what is not.
func Health(checks map[string]Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		parts := make(map[string]string, len(checks))
		code, verdict := http.StatusOK, "ready"
		var mu sync.Mutex
		var wg sync.WaitGroup
		for name, check := range checks {
			wg.Go(func() {
				err := check(ctx)
				mu.Lock()
				defer mu.Unlock()
				parts[name] = "ready"
				if err != nil {
					parts[name] = "not ready"
					code, verdict = http.StatusServiceUnavailable, "not ready"
				}
			})
		}
		wg.Wait()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": verdict, "parts": parts})
	})
}
