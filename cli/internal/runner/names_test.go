package runner

import (
	"os"
	"strings"
	"testing"
	"text/template"

	"seaport.example/cli/internal/runner/process"
)

func sidecarAt(app string, port int) process.Spec {
	return process.Spec{Name: app + ".daprd", App: app, Ports: map[string]int{"internal": port}}
}

func TestNamesRule(t *testing.T) {
	rule, ok := namesRule([]process.Spec{sidecarAt("gateway", 20_001), sidecarAt("vessel", 20_002)})
	if !ok {
		t.Fatal("no rule")
	}
	// The runtime runs it as a template over the request, whose app-id is in ID.
	parsed, err := template.New("rule").Parse(rule)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"gateway": "127.0.0.1:20001", "vessel": "127.0.0.1:20002", "ship": "127.0.0.1:1"} {
		var got strings.Builder
		if err := parsed.Execute(&got, struct{ ID string }{id}); err != nil || got.String() != want {
			t.Errorf("%s is at %q, %v, want %q", id, got.String(), err, want)
		}
	}
}

func TestNamesAreLeftToTheProfileWithReplicas(t *testing.T) {
	data := t.TempDir()
	one := []process.Spec{sidecarAt("vessel", 20_001)}
	path, err := writeNames(data, one)
	if err != nil || path == "" {
		t.Fatalf("= %q, %v", path, err)
	}
	again, err := writeNames(data, append(one, sidecarAt("vessel", 20_002)))
	if err != nil || again != "" {
		t.Errorf("= %q, %v for two replicas", again, err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the addresses of the run before are still there: %v", err)
	}
}
