package runner

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"seaport.example/cli/internal/runner/process"
	"seaport.example/cli/internal/runner/resource"
)

func testPlatform(t *testing.T) *platform {
	t.Helper()
	component := resource.Component{File: "components/local/statestore.yaml"}
	component.Metadata.Name, component.Spec.Type = "statestore", "state.sqlite"
	return &platform{
		console: process.NewConsole(&bytes.Buffer{}, 1, false),
		logs:    "logs",
		set: &resource.Set{
			Components: []resource.Component{component}, Config: "components/local/config.yaml", Resiliency: "components/common/resiliency.yaml",
		},
		broken: make(chan error, 1),
	}
}

func outputWith(t *testing.T, lines ...string) *process.Output {
	t.Helper()
	output, err := process.NewOutput("x", t.TempDir(), process.NewConsole(&bytes.Buffer{}, 1, false), process.Everything)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = output.Close() })
	_, _ = output.Write([]byte(strings.Join(lines, "\n") + "\n"))
	return output
}

func TestHopeless(t *testing.T) {
	crash := errors.New("exit status 3")
	tests := []struct {
		name  string
		event process.Event
		lines []string
		want  []string // empty: worth another try
	}{
		{
			"a sidecar that refuses its component",
			process.Event{Spec: &process.Spec{Name: "vessel.daprd", Kind: process.Sidecar}, Err: crash, Crashes: 1},
			[]string{
				"FATAL Fatal error from runtime: process component statestore error: [INIT_COMPONENT_FAILURE]: initialization error occurred for statestore (state.sqlite/v1): missing connection string (dapr.runtime)",
			},
			[]string{"vessel.daprd cannot be started: statestore (state.sqlite/v1): missing connection string\n", "correct components/local/statestore.yaml"},
		},
		{
			"a sidecar's first crash",
			process.Event{Spec: &process.Spec{Name: "vessel.daprd", Kind: process.Sidecar}, Err: crash, Crashes: 1}, []string{"WARN odd"}, nil,
		},
		{
			"an app's first crashes",
			process.Event{Spec: &process.Spec{Name: "vessel", Kind: process.App}, Err: crash, Crashes: 3}, []string{"FATAL is but a word of an app"}, nil,
		},
		{
			"an app that always crashes",
			process.Event{Spec: &process.Spec{Name: "vessel", Kind: process.App}, Err: crash, Crashes: 4},
			[]string{"cannot listen"},
			[]string{"vessel cannot be started: exit status 3", "cannot listen", "logs/vessel.log"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := testPlatform(t).hopeless(test.event, outputWith(t, test.lines...))
			if len(test.want) == 0 {
				if err != nil {
					t.Errorf("error = %v, want another try", err)
				}
				return
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error = %v\nwithout %q", err, want)
				}
			}
		})
	}
}

func TestSuspect(t *testing.T) {
	tests := []struct {
		line string
		want string // empty: nothing to worry about
	}{
		{"ERROR [X]: initialization error occurred for nr (sqlit/v1): couldn't find name resolver sqlit/v1 (dapr.runtime)", "components/local/config.yaml"},
		{"ERROR Could not read resiliency policy seaport: invalid (dapr.runtime)", "components/common/resiliency.yaml"},
		{"WARN nats: slow consumer (dapr.contrib)", ""},
	}
	for _, test := range tests {
		p := testPlatform(t)
		p.suspect(test.line)
		select {
		case err := <-p.broken:
			if test.want == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s\nends the start with: %v", test.line, err)
			}
		default:
			if test.want != "" {
				t.Errorf("%s\ndoes not end the start", test.line)
			}
		}
	}
	settled := testPlatform(t)
	settled.settled.Store(true)
	settled.suspect(tests[0].line)
	if len(settled.broken) != 0 {
		t.Error("a running platform is ended by a line in a log")
	}
}
