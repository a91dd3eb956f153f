package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"seaport.example/cli/internal/runner/process"
)

const namesFile = "names.yaml"

// writeNames writes a Configuration that tells sidecars where the others are, and returns its path; "" if that cannot
// be told. It goes on top of the profile's own.
//
// The profile's name resolution is asked twice a call and its answer is not kept: with SQLite that was
// more than half of a calling sidecar's CPU time. The kubernetes resolver is the only one built in whose answers are
// kept and whose rule can be given; nothing of Kubernetes is involved. A rule gives one address an app, so
// replicas are left to the profile.
func writeNames(data string, sidecars []process.Spec) (string, error) {
	path := filepath.Join(data, namesFile)
	rule, ok := namesRule(sidecars)
	if !ok {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return "", fmt.Errorf("removing the addresses of the run before: %w", err)
		}
		return "", nil
	}
	text := fmt.Sprintf(`# Written by seaport up at every start: where each app's sidecar is.
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata:
  name: names
spec:
  nameResolution:
    component: kubernetes
    version: v1
    configuration:
      template: '%s'
`, rule)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return "", fmt.Errorf("writing the addresses of the sidecars: %w", err)
	}
	return path, nil
}

// namesRule is a Go template from an app-id to its sidecar's address. The runtime replaces dollar-sign names in
// configurations, so there is none in it.
func namesRule(sidecars []process.Spec) (string, bool) {
	var rule strings.Builder
	seen := map[string]bool{}
	for i, sidecar := range sidecars {
		if seen[sidecar.App] {
			return "", false
		}
		seen[sidecar.App] = true
		word := "else if"
		if i == 0 {
			word = "if"
		}
		fmt.Fprintf(&rule, `{{%s eq .ID "%s"}}%s`, word, sidecar.App, address(sidecar.Ports["internal"]))
	}
	if rule.Len() == 0 {
		return "", false
	}
	// An app that is not in this run: an address where nobody is.
	rule.WriteString(`{{else}}127.0.0.1:1{{end}}`)
	return rule.String(), true
}
