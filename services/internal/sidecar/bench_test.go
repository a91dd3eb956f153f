package sidecar_test

import (
	"fmt"
	"testing"

	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// The benchmarks measure what this package and the library under it add to a call: the sidecar is the fake, in
// the same process.

func BenchmarkTransact(b *testing.B) {
	state := sidecartest.New().State(b)
	items := make([]sidecar.Item, 100)
	for i := range items {
		items[i] = sidecar.Item{Key: fmt.Sprintf("key/%d", i), Data: make([]byte, 300)}
	}
	for b.Loop() {
		if err := state.Transact(b.Context(), items, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	fake := sidecartest.New()
	fake.Set("key", make([]byte, 300))
	state := fake.State(b)
	for b.Loop() {
		if _, err := state.Get(b.Context(), "key"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetMany(b *testing.B) {
	fake := sidecartest.New()
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = fmt.Sprintf("key/%d", i)
		fake.Set(keys[i], make([]byte, 300))
	}
	state := fake.State(b)
	for b.Loop() {
		if _, err := state.GetMany(b.Context(), keys); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	publisher := sidecartest.New().Sidecar(b).Publisher(sidecartest.PubSub)
	event := []sidecar.Event{{ID: "1", Type: "t", ContentType: "application/json", Data: []byte(`{"data":"0123456789"}`)}}
	for b.Loop() {
		if err := publisher.Publish(b.Context(), "topic", event); err != nil {
			b.Fatal(err)
		}
	}
}
