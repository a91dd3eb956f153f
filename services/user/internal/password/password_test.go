package password_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seaport.example/services/user/internal/password"
)

func open(t *testing.T) *password.Hasher {
	t.Helper()
	h, err := password.New()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHash(t *testing.T) {
	t.Parallel()
	h := open(t)
	const secret = "from hull to hamburg"
	one, err := h.Hash(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	two, err := h.Hash(t.Context(), secret)
	if err != nil || one == two {
		t.Errorf("two hashes of one password: %s, %s, %v", one, two, err)
	}
	if !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(one, "hull") {
		t.Errorf("the hash is %s", one)
	}
	long := strings.Repeat("a", 256) // all of it counts
	longHash, err := h.Hash(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		password, hash string
		want           bool
	}{
		{secret, one, true}, {secret, two, true}, {long, longHash, true},
		{secret + " ", one, false}, {"From hull to hamburg", one, false}, {"", one, false}, {long[:255] + "b", longHash, false},
		{secret, "", false}, {"", "", false}, // nobody's
	} {
		if got, err := h.Matches(t.Context(), c.password, c.hash); err != nil || got != c.want {
			t.Errorf("%.30q and %q: %t, %v", c.password, c.hash, got, err)
		}
	}
	if got, err := h.Matches(t.Context(), secret, "broken"); err == nil || got {
		t.Errorf("a broken hash: %t, %v", got, err)
	}
}

// Nobody's hash takes as long as anybody's: it has the same settings.
func TestNobodysHashTakesAsLong(t *testing.T) {
	h := open(t) // not parallel: it measures
	hash, err := h.Hash(t.Context(), "from hull to hamburg")
	if err != nil {
		t.Fatal(err)
	}
	median := func(hash string) time.Duration {
		var took []time.Duration
		for range 9 {
			began := time.Now()
			if _, err := h.Matches(t.Context(), "something else", hash); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	// The bound is wide: a machine has other things to do. Without a hash it would be a thousand times less.
	if known, nobodys := median(hash), median(""); nobodys < known/4 || nobodys > known*4 {
		t.Errorf("a known user's takes %s, nobody's %s", known, nobodys)
	}
}

// As many work as there are processors; who waits for a turn may leave.
func TestTurns(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("who left before was worked for: %v", err)
	}
	if _, err := h.Matches(ctx, "x", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("who left before was worked for: %v", err)
	}
	leave, stop := password.Occupy(h, runtime.NumCPU())
	waiting, giveUp := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer giveUp()
	if _, err := h.Hash(waiting, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("more than %d at once: %v", runtime.NumCPU(), err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := h.Hash(t.Context(), "x"); err != nil {
			t.Error(err)
		}
	})
	leave()
	wg.Wait()
	stop()
}
