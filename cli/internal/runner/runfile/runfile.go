// Package runfile reads dapr.yaml, the multi-app run template of the Dapr CLI
// (https://docs.dapr.io/developing-applications/local-development/multi-app-dapr-run/multi-app-template/).
package runfile

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"seaport.example/cli/internal/runner/document"
)

// Name is the file's name in the project's root.
const Name = "dapr.yaml"

// Shared are the settings that may stand in common or with an app; the app's win.
type Shared struct {
	ResourcesPaths         []string          `yaml:"resourcesPaths"`
	ConfigFilePath         string            `yaml:"configFilePath"`
	AppProtocol            string            `yaml:"appProtocol"`
	EnableAppHealthCheck   bool              `yaml:"enableAppHealthCheck"`
	AppHealthProbeInterval int               `yaml:"appHealthProbeInterval"` // seconds
	AppHealthProbeTimeout  int               `yaml:"appHealthProbeTimeout"`  // milliseconds
	AppHealthThreshold     int               `yaml:"appHealthThreshold"`
	AppHealthCheckPath     string            `yaml:"appHealthCheckPath"` // for HTTP
	AppMaxConcurrency      int               `yaml:"appMaxConcurrency"`
	MaxBodySize            string            `yaml:"maxBodySize"`
	ReadBufferSize         string            `yaml:"readBufferSize"`
	LogLevel               string            `yaml:"logLevel"`
	EnableAPILogging       bool              `yaml:"enableApiLogging"`
	EnableProfiling        bool              `yaml:"enableProfiling"`
	Env                    map[string]string `yaml:"env"`
	// For the Dapr CLI only: the runner lets everything listen on the loopback, and keeps every log.
	APIListenAddresses  string `yaml:"apiListenAddresses"`
	DaprdLogDestination string `yaml:"daprdLogDestination"`
	AppLogDestination   string `yaml:"appLogDestination"`
}

// App is one application and its sidecar. Ports are for the Dapr CLI; the runner chooses its own.
type App struct {
	Shared               `yaml:",inline"`
	AppID                string   `yaml:"appID"`
	AppDirPath           string   `yaml:"appDirPath"`
	Command              []string `yaml:"command"`
	AppPort              int      `yaml:"appPort"`
	DaprHTTPPort         int      `yaml:"daprHTTPPort"`
	DaprGRPCPort         int      `yaml:"daprGRPCPort"`
	DaprInternalGRPCPort int      `yaml:"daprInternalGRPCPort"`
	MetricsPort          int      `yaml:"metricsPort"`
	ProfilePort          int      `yaml:"profilePort"`
}

// OfSeaport reports whether the app is the command line itself, "bin/seaport …", and not a service.
func (a App) OfSeaport() bool { return len(a.Command) > 0 && filepath.Base(a.Command[0]) == "seaport" }

// File is the whole of dapr.yaml, common merged into the apps and their paths made absolute.
type File struct {
	Version int    `yaml:"version"`
	Name    string `yaml:"name"`
	Common  Shared `yaml:"common"`
	Apps    []App  `yaml:"apps"`
}

var (
	appIDs    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	protocols = []string{"grpc", "http", "h2c"}
	sizes     = regexp.MustCompile(`^[1-9][0-9]*(Ki|Mi|Gi|k|M|G)?$`)
)

// Read reads dapr.yaml in the folder root. An error names file and line of everything wrong.
func Read(root string) (*File, error) {
	data, err := os.ReadFile(filepath.Join(root, Name))
	if err != nil {
		return nil, fmt.Errorf("reading what to run: %w", err)
	}
	return parse(root, data)
}

func parse(root string, data []byte) (*File, error) {
	documents, err := document.Parse(Name, data)
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, &document.Problem{File: Name, Line: 1, Text: fmt.Sprintf("holds %d YAML documents: it must be one", len(documents))}
	}
	var file File
	if err := documents[0].Decode(&file); err != nil {
		return nil, err
	}
	if err := check(documents[0], &file); err != nil {
		return nil, err
	}
	var missing []error
	for i := range file.Apps {
		app := &file.Apps[i]
		app.merge(file.Common)
		app.AppDirPath = filepath.Join(root, app.AppDirPath)
		if info, err := os.Stat(app.AppDirPath); err != nil || !info.IsDir() {
			missing = append(missing, documents[0].Problemf([]any{"apps", i, "appDirPath"}, "app %q: there is no folder %s", app.AppID, app.AppDirPath))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	return &file, nil
}

func check(doc *document.Document, file *File) error {
	var problems []error
	complain := func(path []any, format string, args ...any) {
		problems = append(problems, doc.Problemf(path, format, args...))
	}
	if file.Version != 1 {
		complain([]any{"version"}, "version is %d: write \"version: 1\"", file.Version)
	}
	if len(file.Apps) == 0 {
		complain([]any{"apps"}, "no apps: there is nothing to run")
	}
	checkShared([]any{"common"}, file.Common, complain)
	seen := map[string]bool{}
	ports := map[int]string{}
	for i, app := range file.Apps {
		at := func(key string) []any { return []any{"apps", i, key} }
		switch {
		case app.AppID == "":
			complain(at("appID"), "an app without appID: give it one")
		case !appIDs.MatchString(app.AppID):
			complain(at("appID"), "appID %q: use lower-case letters, digits and hyphens", app.AppID)
		case seen[app.AppID]:
			complain(at("appID"), "appID %q is used twice: each app needs its own", app.AppID)
		}
		seen[app.AppID] = true
		if app.AppDirPath == "" {
			complain(at("appDirPath"), "app %q has no appDirPath: name the folder of its sources", app.AppID)
		}
		if len(app.Command) == 0 || app.Command[0] == "" {
			complain(at("command"), "app %q has no command: for instance [\"go\", \"run\", \".\"]", app.AppID)
		}
		checkShared([]any{"apps", i}, app.Shared, complain)
		for _, named := range []number{
			{"appPort", app.AppPort}, {"daprHTTPPort", app.DaprHTTPPort}, {"daprGRPCPort", app.DaprGRPCPort},
			{"daprInternalGRPCPort", app.DaprInternalGRPCPort}, {"metricsPort", app.MetricsPort},
			{"profilePort", app.ProfilePort},
		} {
			key, port := named.key, named.value
			owner, taken := ports[port]
			switch {
			case port < 0 || port > 65535:
				complain(at(key), "%s %d is not a port: 1 to 65535", key, port)
			case port != 0 && taken:
				complain(at(key), "%s %d of app %q is also %s: each port once", key, port, app.AppID, owner)
			case port != 0:
				ports[port] = fmt.Sprintf("%s of app %q", key, app.AppID)
			}
		}
	}
	return errors.Join(problems...)
}

// number is a numeric setting under its key.
type number struct {
	key   string
	value int
}

func checkShared(at []any, shared Shared, complain func([]any, string, ...any)) {
	path := func(key string) []any { return append(slices.Clone(at), key) }
	if shared.AppProtocol != "" && !slices.Contains(protocols, shared.AppProtocol) {
		complain(path("appProtocol"), "appProtocol %q: use one of %v", shared.AppProtocol, protocols)
	}
	if size := shared.MaxBodySize; size != "" && !sizes.MatchString(size) {
		complain(path("maxBodySize"), "maxBodySize %q: write a size such as 4Mi", size)
	}
	if size := shared.ReadBufferSize; size != "" && !sizes.MatchString(size) {
		complain(path("readBufferSize"), "readBufferSize %q: write a size such as 4Ki", size)
	}
	for _, number := range []number{
		{"appHealthProbeInterval", shared.AppHealthProbeInterval},
		{"appHealthProbeTimeout", shared.AppHealthProbeTimeout},
		{"appHealthThreshold", shared.AppHealthThreshold},
	} {
		if number.value < 0 {
			complain(path(number.key), "%s is %d: it cannot be negative", number.key, number.value)
		}
	}
	if interval := shared.AppHealthProbeInterval; interval > 0 && shared.AppHealthProbeTimeout >= interval*1000 {
		complain(path("appHealthProbeTimeout"), "appHealthProbeTimeout (%d ms) must be shorter than appHealthProbeInterval (%d s)",
			shared.AppHealthProbeTimeout, interval)
	}
}

// merge fills what the app leaves open from common, as the Dapr CLI does.
func (a *App) merge(common Shared) {
	if len(a.ResourcesPaths) == 0 {
		a.ResourcesPaths = common.ResourcesPaths
	}
	orString(&a.ConfigFilePath, common.ConfigFilePath)
	orString(&a.AppProtocol, common.AppProtocol)
	orString(&a.MaxBodySize, common.MaxBodySize)
	orString(&a.ReadBufferSize, common.ReadBufferSize)
	orString(&a.LogLevel, common.LogLevel)
	orString(&a.AppHealthCheckPath, common.AppHealthCheckPath)
	orInt(&a.AppHealthProbeInterval, common.AppHealthProbeInterval)
	orInt(&a.AppHealthProbeTimeout, common.AppHealthProbeTimeout)
	orInt(&a.AppHealthThreshold, common.AppHealthThreshold)
	orInt(&a.AppMaxConcurrency, common.AppMaxConcurrency)
	a.EnableAppHealthCheck = a.EnableAppHealthCheck || common.EnableAppHealthCheck
	a.EnableAPILogging = a.EnableAPILogging || common.EnableAPILogging
	a.EnableProfiling = a.EnableProfiling || common.EnableProfiling
	env := maps.Clone(common.Env)
	if env == nil {
		env = map[string]string{}
	}
	maps.Copy(env, a.Env)
	a.Env = env
}

func orString(value *string, fallback string) {
	if *value == "" {
		*value = fallback
	}
}

func orInt(value *int, fallback int) {
	if *value == 0 {
		*value = fallback
	}
}
