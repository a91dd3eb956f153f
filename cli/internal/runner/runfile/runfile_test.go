package runfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sound = `version: 1
common:
  appProtocol: grpc
  enableAppHealthCheck: true
  appHealthProbeInterval: 1
  maxBodySize: 16Mi
  env:
    SHARED: common
    BOTH: common
apps:
  - appID: vessel
    appDirPath: ./vessel
    appPort: 8120
    command: ["go", "run", "."]
    maxBodySize: 4Mi
    env:
      BOTH: own
`

func TestParse(t *testing.T) {
	root := t.TempDir()
	makeFolder(t, root, "vessel")
	file, err := parse(root, []byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	app := file.Apps[0]
	if app.AppProtocol != "grpc" || !app.EnableAppHealthCheck || app.AppHealthProbeInterval != 1 {
		t.Errorf("common is not merged into the app: %+v", app.Shared)
	}
	if app.MaxBodySize != "4Mi" || app.Env["BOTH"] != "own" || app.Env["SHARED"] != "common" {
		t.Errorf("the app's own settings do not win: %+v", app.Shared)
	}
	if want := filepath.Join(root, "vessel"); app.AppDirPath != want {
		t.Errorf("appDirPath = %s, want %s", app.AppDirPath, want)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // replaced in the sound file
		want     []string
	}{
		{"unknown key", "appPort: 8120", "port: 8120", []string{"dapr.yaml:13: ", `unknown key "port"`}},
		{"key in another case", "appID: vessel", "appId: vessel", []string{"dapr.yaml:11: ", `it is written "appID"`}},
		{"wrong type", "8120", "eight", []string{"dapr.yaml:13: ", "eight"}},
		{"key twice", "version: 1", "version: 1\nversion: 1", []string{"dapr.yaml:2: ", "already"}},
		{"version", "version: 1", "version: 2", []string{"dapr.yaml:1: ", "version: 1"}},
		{"no app id", "  - appID: vessel\n", "  - \n", []string{"dapr.yaml:1", "without appID"}},
		{"bad app id", "appID: vessel", "appID: Vessel One", []string{"dapr.yaml:11: ", "lower-case"}},
		{"no command", `    command: ["go", "run", "."]` + "\n", "", []string{"no command"}},
		{"no folder given", "    appDirPath: ./vessel\n", "", []string{"no appDirPath"}},
		{"folder missing", "./vessel", "./vesel", []string{"dapr.yaml:12: ", "there is no folder", "vesel"}},
		{"no apps", sound[strings.Index(sound, "apps:"):], "", []string{"no apps"}},
		{"app id twice", "      BOTH: own\n", "      BOTH: own\n  - appID: vessel\n    appDirPath: vessel\n    command: [x]\n",
			[]string{"dapr.yaml:18: ", `"vessel" is used twice`}},
		{"port twice", "appPort: 8120", "appPort: 8120\n    metricsPort: 8120", []string{"dapr.yaml:14: ", "each port once"}},
		{"port out of range", "8120", "81200", []string{"dapr.yaml:13: ", "1 to 65535"}},
		{"protocol", "appProtocol: grpc", "appProtocol: smoke", []string{"dapr.yaml:3: ", "smoke"}},
		{"size", "16Mi", "big", []string{"dapr.yaml:6: ", "4Mi"}},
		{"probe longer than its interval", "appHealthProbeInterval: 1", "appHealthProbeInterval: 1\n  appHealthProbeTimeout: 1000",
			[]string{"dapr.yaml:6: ", "shorter"}},
		{"not YAML", sound, "a: [b", []string{"dapr.yaml:1: "}},
		{"empty", sound, "", []string{"dapr.yaml:1: ", "0 YAML documents"}},
		{"two documents", "version: 1", "version: 1\n---\nversion: 1", []string{"2 YAML documents"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			makeFolder(t, root, "vessel")
			text := strings.Replace(sound, test.old, test.new, 1)
			if text == sound {
				t.Fatal("the test changes nothing")
			}
			_, err := parse(root, []byte(text))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is\n%s\nand does not contain %q", err, want)
				}
			}
		})
	}
}

// The one description of what runs must be readable by what runs it.
func TestReadOwn(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..")
	file, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Apps) < 4 {
		t.Errorf("%d apps, want the four services at least", len(file.Apps))
	}
	for _, app := range file.Apps {
		for name, port := range map[string]int{"app": app.AppPort, "HTTP": app.DaprHTTPPort, "gRPC": app.DaprGRPCPort, "internal": app.DaprInternalGRPCPort, "metrics": app.MetricsPort} {
			if port == 0 || port >= 32_768 {
				t.Errorf("%s port of %s is %d: the Dapr CLI needs one below 32768, where outgoing connections do not take it", name, app.AppID, port)
			}
		}
	}
}

func makeFolder(t *testing.T, elements ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(elements...), 0o755); err != nil {
		t.Fatal(err)
	}
}
