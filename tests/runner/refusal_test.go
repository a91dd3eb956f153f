package runner

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"seaport.example/tests/platform"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A broken file of the project is named, with what is wrong in it.
func TestBrokenFilesAreNamed(t *testing.T) {
	root := checkout(t)
	tests := []struct {
		name     string
		file     string
		old, new string // what is spoiled in it; no old: the whole file is replaced
		says     []string
	}{
		{"no YAML at all", "components/local/statestore.yaml", "", "kind: [Component\n", []string{"components/local/statestore.yaml"}},
		{"an empty file", "components/local/pubsub.yaml", "", "", []string{"pubsub"}},
		{"a component of a type that does not exist", "components/local/statestore.yaml", "type: state.sqlite", "type: state.papyrus", []string{"components/local/statestore.yaml", "state.papyrus"}},
		{"a field that does not exist", "components/local/statestore.yaml", "  version: v1", "  version: v1\n  colour: red", []string{"components/local/statestore.yaml", "colour"}},
		{"a value the component cannot use", "components/local/statestore.yaml", "value: 10s", "value: soon", []string{"components/local/statestore.yaml"}},
		{"a name resolver that does not exist", "components/local/config.yaml", "component: sqlite", "component: oracle", []string{"components/local/config.yaml"}},
		{"a resiliency policy that does not exist", "components/common/resiliency.yaml", "retry: delivery", "retry: for-ever", []string{"components/common/resiliency.yaml"}},
		{"a field of dapr.yaml that does not exist", "dapr.yaml", "appProtocol: grpc", "appProtocoll: grpc", []string{"dapr.yaml", "appProtocoll"}},
		{"an app whose folder does not exist", "dapr.yaml", "./services/vessel", "./services/vassal", []string{"dapr.yaml", "vassal"}},
		{"an app that does not compile", "services/vessel/main.go", "func main() {", "func main() { nonsense(", []string{"vessel", "main.go"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(root, test.file)
			spoil(t, path, test.old, test.new)
			// With replicas the sidecars find each other by the name resolver of the profile.
			out := platform.RefusedStart(t, nil, "--root", root, "--replicas", "vessel=2")
			if out.Exit != 1 && out.Exit != 2 {
				t.Errorf("exit %d, want 1 or 2", out.Exit)
			}
			for _, want := range test.says {
				if !strings.Contains(out.Stderr, want) {
					t.Errorf("it says %q, want %q in it", out.Stderr, want)
				}
			}
			if strings.Contains(out.Stderr, "goroutine ") {
				t.Errorf("it shows a stack trace: %s", out.Stderr)
			}
		})
	}
}

// checkout copies the project, to be spoiled.
func checkout(t *testing.T) string {
	t.Helper()
	copied := t.TempDir()
	for _, name := range []string{"cli", "components", "examples", "proto", "services", "tests", "tools"} {
		if err := os.CopyFS(filepath.Join(copied, name), os.DirFS(filepath.Join(platform.Root(), name))); err != nil {
			t.Fatalf("copying the project: %v", err)
		}
	}
	for _, name := range []string{"dapr.yaml", "go.work", "go.work.sum"} {
		content, err := os.ReadFile(filepath.Join(platform.Root(), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(copied, name), content, 0o644)
		}
		if err != nil {
			t.Fatalf("copying the project: %v", err)
		}
	}
	return copied
}

// spoil changes a file until the end of the test.
func spoil(t *testing.T, path, old, replacement string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := replacement
	if old != "" {
		if !strings.Contains(string(content), old) {
			t.Fatalf("%s has no %q to spoil", path, old)
		}
		spoiled = strings.Replace(string(content), old, replacement, 1)
	}
	if err := os.WriteFile(path, []byte(spoiled), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Error(err)
		}
	})
}

// What `seaport up` is asked for and cannot do is said at once.
func TestBadUsageOfUp(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		flags   []string
		exit    int
		says    string
	}{
		{"a profile that does not exist", nil, []string{"--profile", "papyrus"}, 1, "papyrus"},
		{"replicas of an app that does not exist", nil, []string{"--replicas", "submarine=2"}, 1, "submarine"},
		{"no replicas", nil, []string{"--replicas", "vessel=0"}, 2, "vessel=0"},
		{"two gateways on one port", nil, []string{"--replicas", "gateway=2"}, 1, "gateway"},
		{"a setting for an app that does not exist", nil, []string{"--env", "submarine:A=B"}, 1, "submarine"},
		{"a port that is none", nil, []string{"--port", "70000"}, 2, "--port"},
		{"a folder without a project", nil, []string{"--root", "/"}, 2, "dapr.yaml"},
		{"no Go on this machine", []string{"PATH=/nowhere"}, nil, 1, "Go"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := platform.RefusedStart(t, test.environ, test.flags...)
			if out.Exit != test.exit || !strings.HasPrefix(out.Stderr, "seaport: ") || !strings.Contains(out.Stderr, test.says) {
				t.Errorf("exit %d, want %d; it says %q, want %q in it", out.Exit, test.exit, out.Stderr, test.says)
			}
		})
	}
}

// The command line says what to do when there is no Seaport to talk to.
func TestNoSeaportThere(t *testing.T) {
	out := platform.CLI(t, []string{"SEAPORT_SERVER=127.0.0.1:1"}, "consignment", "list")
	if out.Exit != 3 || !strings.Contains(out.Stderr, "127.0.0.1:1") || !strings.Contains(out.Stderr, "make run") {
		t.Errorf("exit %d, want 3; it says %q", out.Exit, out.Stderr)
	}
}
