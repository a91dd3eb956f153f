package toolchain

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// project makes a checkout whose nats module builds a tiny program instead of the server.
func project(t *testing.T, source string) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"tools/nats/go.mod": `module seaport.example/tools/nats

go 1.25

require github.com/nats-io/nats-server/v2 v2.15.2

replace github.com/nats-io/nats-server/v2 => ./server
`,
		"tools/nats/go.sum":         "",
		"tools/nats/server/go.mod":  "module github.com/nats-io/nats-server/v2\n\ngo 1.25\n",
		"tools/nats/server/main.go": source,
		"tools/dapr/go.mod":         "module seaport.example/tools/dapr\n\ngo 1.25\n\nrequire github.com/dapr/dapr v1.18.2\n",
		"tools/dapr/go.sum":         "",
		componentList:               "package components\n",
		overlaid:                    "package part\n\nconst Owner = \"ours\"\n",
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// overlaid is a file that replaces one of Dapr's.
const overlaid = "tools/dapr/_overlay/pkg/part/part.go"

func newToolchain(t *testing.T, root, cache string, progress *bytes.Buffer) *Toolchain {
	t.Helper()
	tools, err := New(Config{
		Root: root, Progress: progress,
		Getenv: func(key string) string { return map[string]string{"SEAPORT_TOOLS": cache}[key] },
	})
	if err != nil {
		t.Fatal(err)
	}
	return tools
}

const hello = "package main\n\nfunc main() { println(\"hello\") }\n"

func TestEnsureBuildsOnce(t *testing.T) {
	root, cache := project(t, hello), t.TempDir()
	var progress [2]bytes.Buffer
	var paths [2]string
	var building sync.WaitGroup
	for i := range 2 {
		tools := newToolchain(t, root, cache, &progress[i])
		building.Go(func() {
			built, err := tools.Ensure(t.Context(), "nats-server")
			if err != nil {
				t.Error(err)
			}
			paths[i] = built["nats-server"]
		})
	}
	building.Wait()
	if paths[0] != paths[1] {
		t.Errorf("two places: %v", paths)
	}
	if output, err := exec.Command(paths[0]).CombinedOutput(); err != nil || string(output) != "hello\n" {
		t.Errorf("the program says %q, %v", output, err)
	}
	said := progress[0].String() + progress[1].String()
	if count := strings.Count(said, "nats-server: built in"); count != 1 {
		t.Errorf("built %d times:\n%s", count, said)
	}
	if !strings.Contains(said, "nats-server v2.15.2: building") || !strings.Contains(said, "the first time") {
		t.Errorf("it is not said what is going on and how long it takes:\n%s", said)
	}
	if left, _ := filepath.Glob(filepath.Join(cache, ".building-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFailedBuildSaysWhyAndCanBeRepeated(t *testing.T) {
	root, cache := project(t, "package main\n\nfunc main() { undefinedName() }\n"), t.TempDir()
	var progress bytes.Buffer
	tools := newToolchain(t, root, cache, &progress)
	_, err := tools.Ensure(t.Context(), "nats-server")
	if err == nil || !strings.Contains(err.Error(), "undefinedName") || !strings.Contains(err.Error(), "nats-server") {
		t.Errorf("error = %v, want the compiler's", err)
	}
	if status, err := tools.Find(t.Context(), "nats-server"); err != nil || status.Ready {
		t.Errorf("after a failed build: %+v, %v", status, err)
	}
	if err := os.WriteFile(filepath.Join(root, "tools/nats/server/main.go"), []byte(hello), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := tools.Ensure(t.Context(), "nats-server"); err != nil {
		t.Error(err)
	}
}

func TestPlaceDependsOnWhatPinsTheTool(t *testing.T) {
	root := project(t, hello)
	tools := newToolchain(t, root, t.TempDir(), &bytes.Buffer{})
	place := func() string {
		status, err := tools.Find(t.Context(), "nats-server")
		if err != nil {
			t.Fatal(err)
		}
		return status.Path
	}
	before := place()
	if place() != before {
		t.Error("it moves by itself")
	}
	// Only what it is made of counts.
	if err := os.WriteFile(filepath.Join(root, overlaid), []byte("package part // other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if place() != before {
		t.Error("it moves with what replaces a part of another tool")
	}
	if err := os.WriteFile(filepath.Join(root, "tools/nats/go.sum"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if place() == before {
		t.Error("another go.sum, and still the tool built from the old one")
	}
}

func TestInstalledRuntimeIsUsedIfItIsThePinnedOne(t *testing.T) {
	root := project(t, hello)
	tests := []struct {
		version string
		want    bool
	}{{"1.18.2", true}, {"1.18.1", false}, {"edge", false}}
	for _, test := range tests {
		t.Run(test.version, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			bin := filepath.Join(home, ".dapr", "bin")
			if err := os.MkdirAll(bin, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"daprd", "sentry", "placement"} {
				if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho "+test.version+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			tools := newToolchain(t, root, t.TempDir(), &bytes.Buffer{})
			// The real go leaves files in the home folder.
			tools.goVersion = func() (string, error) { return "go1.0", nil }
			for _, name := range []string{"daprd", "sentry"} {
				status, err := tools.Find(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				if status.Installed != test.want || status.Ready != test.want || status.Version != "v1.18.2" {
					t.Errorf("%s: %+v", name, status)
				}
				if test.want && status.Path != filepath.Join(bin, name) {
					t.Errorf("%s is at %s", name, status.Path)
				}
			}
			// What we build differently is not found there, and neither is what is not installed.
			for _, name := range []string{"placement", "scheduler"} {
				if status, err := tools.Find(t.Context(), name); err != nil || status.Ready {
					t.Errorf("%s: %+v, %v", name, status, err)
				}
			}
		})
	}
}

func TestUnknownTool(t *testing.T) {
	tools := newToolchain(t, project(t, hello), t.TempDir(), &bytes.Buffer{})
	_, err := tools.Ensure(t.Context(), "hammer")
	if err == nil || !strings.Contains(err.Error(), "hammer") || !strings.Contains(err.Error(), "daprd") {
		t.Errorf("error = %v, want one that lists the tools", err)
	}
}

func TestEnsureStopsWithItsContext(t *testing.T) {
	tools := newToolchain(t, project(t, hello), t.TempDir(), &bytes.Buffer{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tools.Ensure(ctx, "nats-server"); err == nil {
		t.Error("it went on")
	}
}

// Every tool must be pinned by the module it says.
func TestToolsArePinned(t *testing.T) {
	tools := newToolchain(t, filepath.Join("..", "..", ".."), t.TempDir(), &bytes.Buffer{})
	for _, tool := range All() {
		if version, err := tools.version(tool); err != nil || !strings.HasPrefix(version, "v") {
			t.Errorf("%s: %q, %v", tool.Name, version, err)
		}
	}
}
