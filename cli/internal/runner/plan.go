package runner

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"seaport.example/cli/internal/runner/process"
	"seaport.example/cli/internal/runner/resource"
	"seaport.example/cli/internal/runner/runfile"
	"seaport.example/cli/internal/runner/secrets"
)

// brokerURL is the environment variable by which a component asks for the bundled broker.
const brokerURL = "SEAPORT_NATS_URL"

const loopback = "127.0.0.1"

// plan is everything that is going to run. Ports are chosen once: they stay the same when a process is restarted.
type plan struct {
	broker  *process.Spec // nil if the profile has one of its own
	url     string        // the broker's
	mail    *mail         // nil if the profile has a mailer of its own
	control []process.Spec
	apps    []process.Spec
	sidecar []process.Spec
	tokens  map[string]apiTokens // by the name of the app's process
}

// all lists every process, in the order of start.
func (p *plan) all() []process.Spec {
	var specs []process.Spec
	if p.broker != nil {
		specs = append(specs, *p.broker)
	}
	if p.mail != nil {
		specs = append(specs, p.mail.catcher, p.mail.relay)
	}
	specs = append(specs, p.control...)
	specs = append(specs, p.sidecar...)
	return append(specs, p.apps...)
}

// planner turns what is asked for into processes.
type planner struct {
	options  *Options
	file     *runfile.File
	set      *resource.Set
	tools    map[string]string  // paths by name
	programs map[string]program // by app-id
	public   int                // the public port
	nextPort func() (int, error)
	newToken func() string

	mailerToken string // what the mail relay asks for
}

func (p *planner) plan() (*plan, error) {
	result := &plan{tokens: map[string]apiTokens{}}
	if p.set.RefersTo(brokerURL) {
		if err := p.planBroker(result); err != nil {
			return nil, err
		}
	}
	if p.set.RefersToSecret(secrets.MailerURL) {
		if err := p.planMail(result); err != nil {
			return nil, err
		}
	}
	var placement, scheduler string
	if p.set.Actors() {
		var err error
		if placement, err = p.planPlacement(result); err != nil {
			return nil, err
		}
		if scheduler, err = p.planScheduler(result); err != nil {
			return nil, err
		}
	}
	for _, app := range p.file.Apps {
		for replica := range max(1, p.options.Replicas[app.AppID]) {
			name := app.AppID
			if replica > 0 {
				name = fmt.Sprintf("%s#%d", app.AppID, replica+1)
			}
			ports, err := p.ports("app", "http", "grpc", "internal", "metrics", "profile")
			if err != nil {
				return nil, err
			}
			tokens := apiTokens{Dapr: p.newToken(), App: p.newToken()}
			result.tokens[name] = tokens
			result.apps = append(result.apps, p.app(app, name, ports, tokens))
			result.sidecar = append(result.sidecar, p.sidecar(app, name, ports, tokens, result.asked(), placement, scheduler))
		}
	}
	return result, nil
}

func (p *planner) ports(names ...string) (map[string]int, error) {
	ports := make(map[string]int, len(names))
	for _, name := range names {
		port, err := p.nextPort()
		if err != nil {
			return nil, err
		}
		ports[name] = port
	}
	return ports, nil
}

func (p *planner) planBroker(result *plan) error {
	ports, err := p.ports("client")
	if err != nil {
		return err
	}
	result.url = "nats://" + address(ports["client"])
	result.broker = &process.Spec{
		Name: "nats",
		Kind: process.Broker,
		Path: p.tools["nats-server"],
		Args: []string{"--config", filepath.Join(p.options.Data, brokerConfigFile), "--addr", loopback, "--port", strconv.Itoa(ports["client"])},
		Dir:  p.options.Data, Env: p.options.Environ, Ports: ports,
	}
	return nil
}

func (p *planner) planPlacement(result *plan) (string, error) {
	ports, err := p.ports("grpc", "raft", "health", "metrics")
	if err != nil {
		return "", err
	}
	result.control = append(result.control, process.Spec{
		Name: "placement",
		Kind: process.Control,
		Path: p.tools["placement"],
		Args: []string{
			"--log-as-json",
			"--port", strconv.Itoa(ports["grpc"]), "--listen-address", loopback,
			"--healthz-port", strconv.Itoa(ports["health"]), "--healthz-listen-address", loopback,
			"--metrics-port", strconv.Itoa(ports["metrics"]), "--metrics-listen-address", loopback,
			"--id", "placement", "--initial-cluster", "placement=" + address(ports["raft"]),
		},
		Dir: p.options.Data, Env: p.options.Environ, Ports: ports,
	})
	return address(ports["grpc"]), nil
}

func (p *planner) planScheduler(result *plan) (string, error) {
	ports, err := p.ports("grpc", "client", "peer", "health", "metrics")
	if err != nil {
		return "", err
	}
	result.control = append(result.control, process.Spec{
		Name: "scheduler",
		Kind: process.Control,
		Path: p.tools["scheduler"],
		Args: []string{
			"--log-as-json",
			"--port", strconv.Itoa(ports["grpc"]), "--listen-address", loopback,
			"--override-broadcast-host-port", address(ports["grpc"]),
			"--healthz-port", strconv.Itoa(ports["health"]), "--healthz-listen-address", loopback,
			"--metrics-port", strconv.Itoa(ports["metrics"]), "--metrics-listen-address", loopback,
			"--id", "scheduler", "--etcd-data-dir", filepath.Join(p.options.Data, "scheduler"),
			"--etcd-client-port", strconv.Itoa(ports["client"]), "--etcd-client-listen-address", loopback,
			"--etcd-initial-cluster", "scheduler=http://" + address(ports["peer"]),
			// Alone in its cluster, it has no election to be patient for.
			"--etcd-initial-election-tick-advance",
			"--identity-directory-write", filepath.Join(p.options.Data, "scheduler", "identity"),
		},
		Dir: p.options.Data, Env: p.options.Environ, Ports: ports,
	})
	return address(ports["grpc"]), nil
}

func (p *planner) app(app runfile.App, name string, ports map[string]int, tokens apiTokens) process.Spec {
	own := map[string]int{"app": ports["app"]}
	env := map[string]string{
		"APP_ID":         app.AppID,
		"APP_PORT":       strconv.Itoa(ports["app"]),
		"APP_PROTOCOL":   app.AppProtocol,
		"DAPR_HTTP_PORT": strconv.Itoa(ports["http"]),
		"DAPR_GRPC_PORT": strconv.Itoa(ports["grpc"]),
		insecureEnv:      strconv.FormatBool(p.options.Insecure),
	}
	if app.AppID == gateway {
		env["SEAPORT_PORT"] = strconv.Itoa(p.public)
		own["public"] = p.public
	}
	run := p.programs[app.AppID]
	return process.Spec{
		Name: name, App: app.AppID, Kind: process.App,
		Path: run.path, Args: run.args, Dir: app.AppDirPath,
		Env:   environment(p.options.settings(app), env, tokens.environment()),
		Ports: own,
	}
}

func (p *planner) sidecar(app runfile.App, name string, ports map[string]int, tokens apiTokens, asked map[string]string, placement, scheduler string) process.Spec {
	args := []string{
		"--log-as-json",
		"--app-id", app.AppID,
		"--app-port", strconv.Itoa(ports["app"]), "--app-channel-address", loopback,
		"--dapr-listen-addresses", loopback,
		"--dapr-http-port", strconv.Itoa(ports["http"]),
		"--dapr-grpc-port", strconv.Itoa(ports["grpc"]),
		"--dapr-internal-grpc-port", strconv.Itoa(ports["internal"]), "--dapr-internal-grpc-listen-address", loopback,
		"--metrics-port", strconv.Itoa(ports["metrics"]), "--metrics-listen-address", loopback,
		"--config", p.set.Config,
		// The app is gone when the sidecar is asked to end: there is little left to wait for.
		"--dapr-graceful-shutdown-seconds", "2",
	}
	for _, folder := range p.set.Folders {
		args = append(args, "--resources-path", folder)
	}
	for _, setting := range []struct{ flag, value string }{
		// Without these addresses a sidecar does without actors and jobs.
		{"--placement-host-address", placement},
		{"--scheduler-host-address", scheduler},
		{"--app-protocol", app.AppProtocol},
		{"--app-health-check-path", app.AppHealthCheckPath},
		{"--log-level", app.LogLevel},
		{"--max-body-size", app.MaxBodySize},
		{"--read-buffer-size", app.ReadBufferSize},
		{"--app-max-concurrency", number(app.AppMaxConcurrency)},
		{"--app-health-probe-interval", number(app.AppHealthProbeInterval)},
		{"--app-health-probe-timeout", number(app.AppHealthProbeTimeout)},
		{"--app-health-threshold", number(app.AppHealthThreshold)},
	} {
		if setting.value != "" {
			args = append(args, setting.flag, setting.value)
		}
	}
	if app.EnableAppHealthCheck {
		args = append(args, "--enable-app-health-check")
	}
	if app.EnableAPILogging {
		args = append(args, "--enable-api-logging")
	}
	own := maps.Clone(ports)
	delete(own, "app")
	if app.EnableProfiling {
		args = append(args, "--enable-profiling", "--profile-port", strconv.Itoa(ports["profile"]))
	} else {
		delete(own, "profile")
	}
	env := map[string]string{"DAPR_HOST_IP": loopback}
	return process.Spec{
		Name: name + ".daprd", App: app.AppID, Kind: process.Sidecar,
		Path: p.tools["daprd"], Args: args,
		// Component files name their files relative to the data folder.
		Dir:   p.options.Data,
		Env:   environment(p.options.inherited(), env, asked, tokens.environment()),
		Ports: own,
	}
}

// environment puts settings together, the later ones over the earlier.
func environment(settings ...map[string]string) []string {
	merged := map[string]string{}
	for _, more := range settings {
		maps.Copy(merged, more)
	}
	env := make([]string, 0, len(merged))
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		env = append(env, key+"="+merged[key])
	}
	return env
}

func number(value int) string {
	if value == 0 {
		return ""
	}
	return strconv.Itoa(value)
}

func address(port int) string { return loopback + ":" + strconv.Itoa(port) }
