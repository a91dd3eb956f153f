package toolchain

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"seaport.example/cli/internal/runner/resource"
)

var root = filepath.Join("..", "..", "..")

func components(t *testing.T) []string {
	t.Helper()
	types, err := newToolchain(t, root, t.TempDir(), &bytes.Buffer{}).Components()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func TestComponentsOfTheSidecar(t *testing.T) {
	types := components(t)
	for _, want := range []string{
		"pubsub.jetstream", "pubsub.kafka", "state.postgresql", "state.sqlite", "bindings.smtp", "secretstores.local.file",
		"nameresolution.sqlite", "configuration.redis", "lock.redis",
	} {
		if !slices.Contains(types, want) {
			t.Errorf("%s is not among %v", want, types)
		}
	}
	// What it is not linked with, and what only looks like a type.
	for _, other := range []string{"pubsub.pulsar", "state.v2", "components.v1"} {
		if slices.Contains(types, other) {
			t.Errorf("%s is said to be linked", other)
		}
	}
}

// A profile that needs the complete sidecar would take newcomers ten minutes more.
func TestEveryProfileRunsOnTheSmallSidecar(t *testing.T) {
	types := components(t)
	profiles := resource.Profiles(filepath.Join(root, "components"))
	if len(profiles) == 0 {
		t.Fatal("there are no profiles")
	}
	for _, profile := range profiles {
		set, err := resource.Load(filepath.Join(root, "components"), profile)
		if err != nil {
			t.Fatal(err)
		}
		for _, use := range set.Missing(types) {
			t.Errorf("%s needs %s: link it in %s", use.File, use.Type, componentList)
		}
		if len(set.Missing(nil)) == 0 {
			t.Errorf("profile %s is said to need no component at all", profile)
		}
	}
}
