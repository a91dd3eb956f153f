package sidecartest_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

func TestReplicasShareState(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	a, b := fake.State(t), fake.State(t)
	if err := a.Put(t.Context(), sidecar.Write{Key: "k", Data: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if value, err := b.Get(t.Context(), "k"); err != nil || string(value.Data) != "1" {
		t.Errorf("the other replica reads %q, %v", value.Data, err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	boom := func(context.Context, sidecartest.Call) error { return status.Error(codes.Unavailable, "boom") }
	for name, test := range map[string]struct {
		fault  sidecartest.Fault
		stored bool
	}{
		"before":               {sidecartest.Fault{Op: sidecartest.Put, Before: boom}, false},
		"after":                {sidecartest.Fault{Op: sidecartest.Put, After: boom}, true},
		"any operation":        {sidecartest.Fault{Before: boom}, false},
		"by prefix of its key": {sidecartest.Fault{Key: "ke", Before: boom}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := sidecartest.New()
			state := fake.State(t)
			remove := fake.Inject(test.fault)
			write := sidecar.Write{Key: "key", Data: []byte("1")}
			if err := state.Put(t.Context(), write); status.Code(errors.Unwrap(err)) != codes.Unavailable {
				t.Errorf("Put: %v", err)
			}
			if stored := fake.Value("key") != nil; stored != test.stored {
				t.Errorf("stored: %v, want %v", stored, test.stored)
			}
			remove()
			if _, err := state.Get(t.Context(), "key"); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestFaultOfOthersDoesNotHappen(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	here, there := fake.Sidecar(t), fake.Sidecar(t)
	fake.Inject(sidecartest.Fault{Sidecar: there, Before: sidecartest.Away})
	fake.Inject(sidecartest.Fault{Key: "other", Before: sidecartest.Away})
	fake.Inject(sidecartest.Fault{Op: sidecartest.Get, Before: sidecartest.Away, Times: 1})
	if err := there.Ready(t.Context()); err == nil {
		t.Error("the sidecar with the fault answers")
	}
	state := here.State(sidecartest.StateStore)
	if _, err := state.Get(t.Context(), "k"); err == nil {
		t.Error("the fault that happens once did not")
	}
	if _, err := state.Get(t.Context(), "k"); err != nil {
		t.Errorf("the fault that happens once happened twice: %v", err)
	}
	if n := fake.Count(sidecartest.Get); n != 2 {
		t.Errorf("counted %d reads, want 2", n)
	}
}

// A component that is misspelt must not work here and fail in the real world.
func TestUnknownComponents(t *testing.T) {
	t.Parallel()
	s := sidecartest.New().Sidecar(t)
	if _, err := s.State("store").Get(t.Context(), "k"); err == nil {
		t.Error("a state store that does not exist was read")
	}
	if err := s.Publisher("bus").Publish(t.Context(), "topic", []sidecar.Event{{ID: "1"}}); err == nil {
		t.Error("a broker that does not exist took an event")
	}
}

// Redis, and so the fake, refuses a transaction over a key that was ever put, unless it has the ETag. What else
// is in the transaction is carried out.
func TestTransactionOverAPutKey(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	state := fake.State(t)
	if err := state.Put(t.Context(), sidecar.Write{Key: "put", Data: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	err := state.Transact(t.Context(), []sidecar.Item{{Key: "put", Data: []byte("2")}, {Key: "other", Data: []byte("2")}}, nil)
	if status.Code(err) != codes.Internal || errors.Is(err, sidecar.ErrConflict) {
		t.Errorf("without its ETag: %v", err)
	}
	if put, other := string(fake.Value("put")), string(fake.Value("other")); put != "1" || other != "2" {
		t.Errorf("it holds %q, and the other key %q", put, other)
	}
}
