package platform

import (
	"testing"
	"time"
)

// Wait polls until condition returns nil and fails the test with its last error after limit.
func Wait(t testing.TB, limit time.Duration, condition func() error) {
	t.Helper()
	if err := poll(limit, condition); err != nil {
		t.Fatalf("after %s: %v", limit, err)
	}
}

func poll(limit time.Duration, condition func() error) error {
	pause := 10 * time.Millisecond
	for deadline := time.Now().Add(limit); ; {
		err := condition()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(pause)
		pause = min(2*pause, 250*time.Millisecond)
	}
}
