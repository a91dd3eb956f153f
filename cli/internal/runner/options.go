// Package runner runs the whole platform on one machine: the broker and the control plane, the apps of dapr.yaml
// and their sidecars.
package runner

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"seaport.example/cli/internal/runner/runfile"
)

// Options are what a run is asked for.
type Options struct {
	// Root is the project's root folder.
	Root string
	// Data is the folder that keeps everything from one run to the next.
	Data string
	// Profile names the component folder.
	Profile string
	// Port is the public one; 0 picks a free one.
	Port int
	// Replicas says of how many instances an app consists; 1 where it says nothing.
	Replicas map[string]int
	// Env are settings for apps, "APP:KEY=VALUE" for one and "KEY=VALUE" for all.
	Env []string
	// Seed creates the sample vessel and depots.
	Seed bool
	// Verbose shows everything sidecars, broker and control plane log.
	Verbose bool

	// Environ is what children inherit: os.Environ.
	Environ []string
	// Out gets the log; Colour and Terminal say what it can show.
	Out      io.Writer
	Colour   bool
	Terminal bool
	// Try is how this program was called, for the commands to try; Here is the folder it was called in.
	Try  string
	Here string
	// Kill ends everything at once when it is closed.
	Kill <-chan struct{}
}

// gateway is the app with the public port.
const gateway = "gateway"

// ParseReplicas reads "app=N" settings.
func ParseReplicas(settings []string) (map[string]int, error) {
	replicas := make(map[string]int, len(settings))
	for _, setting := range settings {
		app, text, found := strings.Cut(setting, "=")
		count, err := strconv.Atoi(text)
		if !found || app == "" || err != nil || count < 1 || count > 20 {
			return nil, fmt.Errorf("--replicas %q: write APP=N with N from 1 to 20, for instance consignment=2", setting)
		}
		replicas[app] = count
	}
	return replicas, nil
}

// check compares the options with what there is to run.
func (o *Options) check(file *runfile.File) error {
	ids := make([]string, 0, len(file.Apps))
	for _, app := range file.Apps {
		ids = append(ids, app.AppID)
	}
	for _, app := range slices.Sorted(maps.Keys(o.Replicas)) {
		if !slices.Contains(ids, app) {
			return fmt.Errorf("--replicas %s=%d: there is no such app: choose from %s", app, o.Replicas[app], strings.Join(ids, ", "))
		}
		if app == gateway && o.Replicas[app] > 1 {
			return fmt.Errorf("--replicas %s=%d: there is one public port, so there is one gateway", app, o.Replicas[app])
		}
	}
	for _, setting := range o.Env {
		app, key, _, err := parseEnv(setting)
		if err != nil {
			return err
		}
		if app != "" && !slices.Contains(ids, app) {
			return fmt.Errorf("--env %s:%s: there is no such app: choose from %s", app, key, strings.Join(ids, ", "))
		}
	}
	return nil
}

// parseEnv takes "APP:KEY=VALUE" or "KEY=VALUE" apart; app is empty in the second.
func parseEnv(setting string) (app, key, value string, err error) {
	name, value, found := strings.Cut(setting, "=")
	if app, key, found := strings.Cut(name, ":"); found {
		name = key
		if app == "" {
			return "", "", "", fmt.Errorf("--env %q: write APP:KEY=VALUE or KEY=VALUE", setting)
		}
		return app, name, value, keyError(setting, name)
	}
	if !found {
		return "", "", "", fmt.Errorf("--env %q: write APP:KEY=VALUE or KEY=VALUE", setting)
	}
	return "", name, value, keyError(setting, name)
}

func keyError(setting, key string) error {
	if key == "" || strings.ContainsAny(key, " \t:") || !strings.Contains(setting, "=") {
		return fmt.Errorf("--env %q: write APP:KEY=VALUE or KEY=VALUE", setting)
	}
	return nil
}
