package runner

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"seaport.example/cli/internal/runner/process"
	"seaport.example/cli/internal/runner/resource"
	"seaport.example/cli/internal/runner/runfile"
	"seaport.example/cli/internal/runner/secrets"
)

func testPlan(t *testing.T, options Options, refersToOurs bool) *plan {
	t.Helper()
	set := &resource.Set{Folders: []string{"/c/common", "/c/local"}, Config: "/c/local/config.yaml"}
	if refersToOurs {
		component := resource.Component{}
		component.Spec.Metadata = []resource.Property{{Name: "natsURL", EnvRef: brokerURL}, {Name: "url"}}
		component.Spec.Metadata[1].SecretKeyRef.Name = secrets.MailerURL
		set.Components = append(set.Components, component)
	}
	return testPlanOf(t, options, set)
}

func testPlanOf(t *testing.T, options Options, set *resource.Set) *plan {
	t.Helper()
	next := 20_000
	file := &runfile.File{}
	for _, id := range []string{"gateway", "vessel"} {
		app := runfile.App{AppID: id, AppDirPath: "/project/" + id}
		app.AppProtocol, app.EnableAppHealthCheck, app.MaxBodySize = "grpc", true, "16Mi"
		app.Env = map[string]string{"FROM_FILE": id, "SEAPORT_PORT": "8080"}
		file.Apps = append(file.Apps, app)
	}
	options.Data = "/data"
	planner := &planner{
		options: &options, file: file, set: set, public: 9999,
		tools:    map[string]string{"daprd": "/bin/daprd", "nats-server": "/bin/nats", "placement": "/bin/placement", "scheduler": "/bin/scheduler"},
		programs: map[string]program{"gateway": {path: "/data/bin/gateway"}, "vessel": {path: "/data/bin/vessel", args: []string{"-x"}}},
		nextPort: func() (int, error) { next++; return next, nil },
		newToken: func() string { next++; return "token-" + strconv.Itoa(next) },

		mailerToken: "mailer-token",
	}
	result, err := planner.plan()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestPlanNamesReplicas(t *testing.T) {
	result := testPlan(t, Options{Replicas: map[string]int{"vessel": 3}}, true)
	var names []string
	for _, spec := range result.all() {
		names = append(names, spec.Name)
	}
	want := []string{
		"nats", "mailcatcher", "mailrelay",
		"gateway.daprd", "vessel.daprd", "vessel#2.daprd", "vessel#3.daprd",
		"gateway", "vessel", "vessel#2", "vessel#3",
	}
	if !slices.Equal(names, want) {
		t.Errorf("processes = %v, want %v", names, want)
	}
}

func TestPlanWithoutBroker(t *testing.T) {
	result := testPlan(t, Options{}, false)
	if result.broker != nil || result.url != "" || result.mail != nil {
		t.Error("a broker or mail relay is planned that no component asks for")
	}
	for _, spec := range result.sidecar {
		for _, key := range []string{brokerURL, mailerToken} {
			if _, set := lookup(spec.Env, key); set {
				t.Errorf("%s has %s", spec.Name, key)
			}
		}
	}
}

// Mails go from sidecars to the relay, and from there to the catcher alone, whatever mail server the environment knows.
func TestPlanMail(t *testing.T) {
	result := testPlan(t, Options{Program: "/bin/seaport", Environ: []string{
		"SEAPORT_SMTP_HOST=smtp.x.example", "SEAPORT_SMTP_PORT=25", "SEAPORT_SMTP_USER=u", "SEAPORT_SMTP_PASSWORD=p", mailerToken + "=t",
	}}, true)
	mail := result.mail
	smtp, http := strconv.Itoa(mail.catcher.Ports["smtp"]), strconv.Itoa(mail.relay.Ports["http"])
	for spec, want := range map[*process.Spec][]string{
		&mail.catcher: {"mail", "catch", "--data", "/data", "--listen", "127.0.0.1:" + smtp},
		&mail.relay:   {"mail", "relay", "--listen", "127.0.0.1:" + http},
	} {
		if spec.Path != "/bin/seaport" || !slices.Equal(spec.Args, want) {
			t.Errorf("%s is %s %v, want %v", spec.Name, spec.Path, spec.Args, want)
		}
	}
	for key, want := range map[string]string{
		"SEAPORT_SMTP_HOST": loopback, "SEAPORT_SMTP_PORT": smtp, "SEAPORT_SMTP_USER": "", "SEAPORT_SMTP_PASSWORD": "", mailerToken: "mailer-token",
	} {
		if got, set := lookup(mail.relay.Env, key); !set || got != want {
			t.Errorf("%s of the relay = %q (set: %t), want %q", key, got, set, want)
		}
	}
	for _, want := range []probe{{"mailcatcher", "smtp://127.0.0.1:" + smtp}, {"mailrelay", "http://127.0.0.1:" + http + "/healthz"}} {
		if !slices.Contains(probesOf(result), want) {
			t.Errorf("the start does not wait for %s", want.name)
		}
	}
}

func TestPlanPorts(t *testing.T) {
	result := testPlan(t, Options{Replicas: map[string]int{"vessel": 2}}, true)
	seen := map[int]string{}
	for _, spec := range result.all() {
		for name, port := range spec.Ports {
			if other, taken := seen[port]; taken {
				t.Errorf("port %d is %s of %s and %s", port, name, spec.Name, other)
			}
			seen[port] = name + " of " + spec.Name
			// What is recorded must be what the process is told.
			told := slices.ContainsFunc(append(slices.Clone(spec.Args), spec.Env...), func(text string) bool {
				return strings.Contains(text, strconv.Itoa(port))
			})
			if !told {
				t.Errorf("%s is not told its %s port %d", spec.Name, name, port)
			}
		}
	}
}

func TestPlanEnvironment(t *testing.T) {
	result := testPlan(t, Options{
		Environ: []string{"HOME=/home", "FROM_FILE=environ", "ASKED=environ", "APP_ID=environ", "APP_API_TOKEN=environ", insecureEnv + "=true"},
		Env:     []string{"ASKED=all", "vessel:ASKED=vessel", "vessel:EMPTY=", "SEAPORT_PORT=1"},
	}, true)
	tests := []struct{ name, key, want string }{
		{"gateway", "HOME", "/home"},
		{"gateway", "FROM_FILE", "gateway"},
		{"gateway", "ASKED", "all"},
		{"vessel", "ASKED", "vessel"},
		{"vessel", "EMPTY", ""},
		{"vessel", "APP_ID", "vessel"},
		{"gateway", "SEAPORT_PORT", "9999"}, // --port wins over everything
		{"gateway", insecureEnv, "false"},
	}
	for _, test := range tests {
		for _, spec := range result.apps {
			if spec.Name != test.name {
				continue
			}
			if got, set := lookup(spec.Env, test.key); !set || got != test.want {
				t.Errorf("%s of %s = %q (set: %t), want %q", test.key, test.name, got, set, test.want)
			}
		}
	}
	for _, app := range result.apps {
		port, _ := lookup(app.Env, "DAPR_GRPC_PORT")
		i := slices.IndexFunc(result.sidecar, func(s process.Spec) bool { return s.Name == app.Name+".daprd" })
		if got := strconv.Itoa(result.sidecar[i].Ports["grpc"]); got != port {
			t.Errorf("%s looks for its sidecar at %s, which is at %s", app.Name, port, got)
		}
	}
}

func TestPlanTokens(t *testing.T) {
	result := testPlan(t, Options{
		Replicas: map[string]int{"vessel": 2}, Environ: []string{"DAPR_API_TOKEN=environ", "APP_API_TOKEN=environ"}, Env: []string{"APP_API_TOKEN=asked"},
	}, true)
	seen := map[string]bool{}
	for _, name := range []string{"gateway", "vessel", "vessel#2"} {
		tokens := result.tokens[name]
		for _, token := range []string{tokens.Dapr, tokens.App} {
			if token == "" || seen[token] {
				t.Errorf("token %q of %s is not its own", token, name)
			}
			seen[token] = true
		}
		for _, spec := range result.all() {
			if spec.Name == name || spec.Name == name+".daprd" {
				for key, want := range map[string]string{"DAPR_API_TOKEN": tokens.Dapr, "APP_API_TOKEN": tokens.App} {
					if got, _ := lookup(spec.Env, key); got != want {
						t.Errorf("%s of %s = %q, want %q", key, spec.Name, got, want)
					}
				}
			}
			for _, arg := range spec.Args {
				if strings.Contains(arg, tokens.Dapr) || strings.Contains(arg, tokens.App) {
					t.Errorf("everybody can see a token of %s in the arguments of %s", name, spec.Name)
				}
			}
		}
	}
	if len(result.tokens) != 3 {
		t.Errorf("there are tokens of %d processes", len(result.tokens))
	}
}

func TestSettingsForAppsAreNotForSidecars(t *testing.T) {
	for _, spec := range testPlan(t, Options{Environ: []string{"A=environ"}, Env: []string{"A=asked"}}, true).all() {
		want := "environ"
		if spec.Kind == process.App {
			want = "asked"
		}
		if got, _ := lookup(spec.Env, "A"); got != want {
			t.Errorf("A of %s = %q, want %q", spec.Name, got, want)
		}
	}
}

func TestPlanInsecure(t *testing.T) {
	for _, spec := range testPlan(t, Options{Insecure: true, Environ: []string{insecureEnv + "=false"}}, true).apps {
		if got, _ := lookup(spec.Env, insecureEnv); got != "true" {
			t.Errorf("%s of %s = %q", insecureEnv, spec.Name, got)
		}
	}
}

func TestSidecarStaysOnLoopback(t *testing.T) {
	for _, spec := range testPlan(t, Options{}, true).all() {
		if spec.Kind == process.App {
			continue
		}
		for i, arg := range spec.Args {
			if strings.HasSuffix(arg, "listen-address") || strings.HasSuffix(arg, "listen-addresses") || arg == "--addr" {
				if spec.Args[i+1] != loopback {
					t.Errorf("%s: %s %s", spec.Name, arg, spec.Args[i+1])
				}
			}
		}
	}
}

func lookup(env []string, key string) (string, bool) {
	for _, entry := range env {
		if value, found := strings.CutPrefix(entry, key+"="); found {
			return value, true
		}
	}
	return "", false
}

// Placement and scheduler cost memory and minutes of building: they run for a store that keeps actors, and for no other.
func TestPlanOfTheControlPlane(t *testing.T) {
	for value, want := range map[any]bool{nil: false, "false": false, "true": true, true: true} {
		set := &resource.Set{}
		if value != nil {
			component := resource.Component{}
			component.Spec.Metadata = []resource.Property{{Name: "actorStateStore", Value: value}}
			set.Components = append(set.Components, component)
		}
		result := testPlanOf(t, Options{}, set)
		if got := len(result.control) == 2; got != want {
			t.Errorf("actorStateStore %v: control plane %v", value, result.control)
		}
		for _, spec := range result.sidecar {
			if got := slices.Contains(spec.Args, "--placement-host-address") && slices.Contains(spec.Args, "--scheduler-host-address"); got != want {
				t.Errorf("actorStateStore %v: sidecar with %v", value, spec.Args)
			}
		}
	}
}
