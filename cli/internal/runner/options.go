// Package runner runs the whole platform on one machine: the broker and the control plane, the apps of dapr.yaml
// and their sidecars.
package runner

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
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
	// Insecure lets everybody do everything, without users and log-ins.
	Insecure bool
	// Verbose shows everything sidecars, broker and control plane log.
	Verbose bool

	// Program is the path of this program, which is the mail catcher as well.
	Program string
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

// UsageError says that the options themselves are wrong.
type UsageError struct{ message string }

// Error says which option, and what to do.
func (e *UsageError) Error() string { return e.message }

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
	ids := appIDs(file)
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
		if key == insecureEnv {
			return &UsageError{"--env " + setting + ": use --insecure"}
		}
	}
	return o.checkInsecure(file)
}

// insecureEnv tells an app to let everybody do everything.
const insecureEnv = "SEAPORT_INSECURE"

// checkInsecure refuses to open what others can reach.
func (o *Options) checkInsecure(file *runfile.File) error {
	if !o.Insecure {
		return nil
	}
	var open []string
	for _, app := range file.Apps {
		keys := []string{"SEAPORT_HOST"}
		if app.AppID == gateway {
			keys = append(keys, "SEAPORT_LISTEN")
		}
		settings := o.settings(app)
		for _, key := range keys {
			if host := settings[key]; host != "" && !isLoopback(host) {
				open = append(open, fmt.Sprintf("%s of %s is %s", key, app.AppID, host))
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	return &UsageError{"--insecure lets everybody do everything, so nothing may listen beyond this machine: " + strings.Join(open, ", ")}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// settings is the environment that is asked for an app: ours, that of dapr.yaml, --env; the later wins.
func (o *Options) settings(app runfile.App) map[string]string {
	settings := o.inherited()
	maps.Copy(settings, app.Env)
	for _, setting := range o.Env {
		if only, key, value, err := parseEnv(setting); err == nil && (only == "" || only == app.AppID) {
			settings[key] = value
		}
	}
	return settings
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

// inherited is the environment that every process gets.
func (o *Options) inherited() map[string]string {
	settings := make(map[string]string, len(o.Environ))
	for _, entry := range o.Environ {
		key, value, _ := strings.Cut(entry, "=")
		settings[key] = value
	}
	return settings
}
