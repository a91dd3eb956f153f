package runner

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"

	"seaport.example/cli/internal/runner/runfile"
)

var projectRoot = filepath.Join("..", "..", "..")

// The keys that the Dapr CLI 1.18.0 knows. It passes over every other key without a word. Source:
// github.com/dapr/cli v1.18.0, pkg/runfileconfig/run_file_config.go (RunFileConfig, App, Common) and pkg/standalone/run.go
// (RunConfig, SharedRunConfig). Left out are those it calls deprecated and those for Kubernetes.
var (
	cliKeys       = []string{"version", "name", "common", "apps"}
	cliSharedKeys = []string{
		"configFilePath", "appProtocol", "apiListenAddresses", "enableProfiling", "logLevel", "appMaxConcurrency",
		"placementHostAddress", "schedulerHostAddress", "resourcesPaths", "maxBodySize", "readBufferSize",
		"enableAppHealthCheck", "appHealthCheckPath", "appHealthProbeInterval", "appHealthProbeTimeout", "appHealthThreshold",
		"enableApiLogging", "runtimePath", "env", "daprdLogDestination", "appLogDestination",
	}
	cliAppKeys = append(slices.Clone(cliSharedKeys), "appID", "appDirPath", "appChannelAddress", "appPort", "daprHTTPPort", "daprGRPCPort",
		"daprInternalGRPCPort", "metricsPort", "profilePort", "unixDomainSocket", "command")
)

func TestDaprCLIKnowsEveryKey(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(projectRoot, runfile.Name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Common map[string]any   `yaml:"common"`
		Apps   []map[string]any `yaml:"apps"`
	}
	var whole map[string]any
	if err := errors.Join(yaml.Unmarshal(content, &file), yaml.Unmarshal(content, &whole)); err != nil {
		t.Fatal(err)
	}
	known := func(where string, keys map[string]any, known []string) {
		if len(keys) == 0 {
			t.Errorf("nothing is in %s", where)
		}
		for key := range keys {
			if !slices.Contains(known, key) {
				t.Errorf("%s of %s: the Dapr CLI would pass over %q", where, runfile.Name, key)
			}
		}
	}
	known("the top", whole, cliKeys)
	known("common", file.Common, cliSharedKeys)
	for _, app := range file.Apps {
		known("an app", app, cliAppKeys)
		if _, own := app["apiListenAddresses"]; own {
			t.Errorf("app %v has addresses of its own", app["appID"])
		}
	}
	if got := file.Common["apiListenAddresses"]; got != loopback {
		t.Errorf("the sidecars' APIs listen on %v", got)
	}
}

// The rule of components/dapr-cli finds each sidecar at the port that dapr.yaml gives it.
func TestAddresses(t *testing.T) {
	t.Parallel()
	file := ownRunfile(t)
	content, err := os.ReadFile(file.Common.ConfigFilePath)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Spec struct {
			NameResolution struct {
				Component     string            `yaml:"component"`
				Configuration map[string]string `yaml:"configuration"`
			} `yaml:"nameResolution"`
		} `yaml:"spec"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		t.Fatal(err)
	}
	rule, err := template.New("rule").Parse(config.Spec.NameResolution.Configuration["template"])
	if err != nil || config.Spec.NameResolution.Component != "kubernetes" {
		t.Fatalf("resolver %q, %v", config.Spec.NameResolution.Component, err)
	}
	at := func(id string) string {
		var got strings.Builder
		if err := rule.Execute(&got, struct{ ID string }{id}); err != nil {
			t.Error(err)
		}
		return got.String()
	}
	for _, app := range file.Apps {
		if got, want := at(app.AppID), address(app.DaprInternalGRPCPort); got != want {
			t.Errorf("%s is looked for at %s: its daprInternalGRPCPort is at %s", app.AppID, got, want)
		}
	}
	if got := at("nobody"); got != "127.0.0.1:1" {
		t.Errorf("who is not there is looked for at %s", got)
	}
}

// A path in a component is looked for from the folder that the sidecar works in. Under the Dapr CLI that is appDirPath, so what
// is relative must begin at the project's root, and appDirPath must be it.
func TestNoPathDependsOnTheFolder(t *testing.T) {
	t.Parallel()
	file := ownRunfile(t)
	root, err := filepath.Abs(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, app := range file.Apps {
		if folder, err := filepath.Abs(app.AppDirPath); err != nil || folder != root {
			t.Errorf("app %s works in %s, %v: the sidecar would write there and look for its files from there", app.AppID, app.AppDirPath, err)
		}
		for _, folder := range app.ResourcesPaths {
			files, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
			if err != nil || len(files) == 0 && !app.OfSeaport() {
				t.Errorf("app %s: nothing is in %s, %v", app.AppID, folder, err)
			}
			for _, file := range files {
				// Of the Configurations in these folders only that of configFilePath is used.
				read[file] = read[file] || !strings.HasSuffix(file, "config.yaml")
			}
		}
		read[filepath.Join(root, app.ConfigFilePath)] = true
	}
	for file, used := range read {
		if !used {
			continue
		}
		for _, value := range settingsIn(t, file) {
			if dependsOnFolder(value) && !strings.HasPrefix(value, ".seaport/dapr/") {
				t.Errorf("%s: %q depends on the folder that the sidecar works in", file, value)
			}
		}
	}
}

var (
	fileName = regexp.MustCompile(`\.(json|ya?ml|db|pem|crt|key|txt|sock)$`)
	scheme   = regexp.MustCompile(`^[a-z][a-z0-9+]*://`)
)

// dependsOnFolder guesses whether a setting is a relative path.
func dependsOnFolder(value string) bool {
	path, query := strings.CutPrefix(value, "file:")
	path, _, _ = strings.Cut(path, "?")
	if filepath.IsAbs(path) || scheme.MatchString(path) {
		return false
	}
	return query || strings.Contains(path, "/") || fileName.MatchString(path)
}

func TestDependsOnFolder(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"secrets/{appID}.json": true, "./a": true, "file:names.db?_pragma=synchronous(NORMAL)": true, "file:state/{appID}.db": true,
		"names.db": true, ".seaport/dapr/secrets/x.json": true,
		"/var/secrets/{appID}.json": false, "file:/var/names.db?mode=rw": false, "http://127.0.0.1:8160/": false, "localhost:6379": false,
		"{appID}": false, "10000": false, "64Ki": false, "X-Mailer-Token": false, "": false,
	} {
		if got := dependsOnFolder(value); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
}

func ownRunfile(t *testing.T) *runfile.File {
	t.Helper()
	file, err := runfile.Read(projectRoot)
	if err != nil {
		t.Fatal(err)
	}
	file.Common.ConfigFilePath = filepath.Join(projectRoot, file.Common.ConfigFilePath)
	return file
}

// settingsIn lists every text under spec of the components and configurations in a file.
func settingsIn(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for _, part := range value {
				walk(part)
			}
		case []any:
			for _, part := range value {
				walk(part)
			}
		case string:
			found = append(found, value)
		}
	}
	for documents := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var document map[string]any
		if err := documents.Decode(&document); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if kind := document["kind"]; kind == "Component" || kind == "Configuration" {
			walk(document["spec"])
		}
	}
}
