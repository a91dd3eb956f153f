package toolchain

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"seaport.example/cli/internal/runner/resource"
)

var root = filepath.Join("..", "..", "..")

func linked(t *testing.T) []string {
	t.Helper()
	types, err := newToolchain(t, root, t.TempDir(), &bytes.Buffer{}).Components()
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func TestComponentsOfTheSidecar(t *testing.T) {
	types := linked(t)
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
	types := linked(t)
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

// What Dapr itself has is read from its source, wherever its files give a registry another name.
func TestComponentsByAnyName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state_x.go")
	source := `package components

import (
	"github.com/dapr/components-contrib/state/x"
	stateLoader "github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/components/middleware/http"
)

func init() {
	stateLoader.DefaultRegistry.RegisterComponent(x.New, "x", "x2")
	http.DefaultRegistry.RegisterComponent(x.New, "y")
	x.DefaultRegistry.RegisterComponent(x.New, "z")
}
`
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	types, err := components(path)
	if want := []string{"middleware.http.y", "state.x", "state.x2"}; err != nil || !slices.Equal(types, want) {
		t.Errorf("types = %v, %v, want %v", types, err, want)
	}
	if _, err := components(); err == nil {
		t.Error("no file registers no component, and no error")
	}
}
