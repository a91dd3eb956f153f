package runner

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"seaport.example/cli/internal/runner/runfile"
)

func TestParseReplicas(t *testing.T) {
	got, err := ParseReplicas([]string{"consignment=2", "vessel=1"})
	if want := map[string]int{"consignment": 2, "vessel": 1}; err != nil || !maps.Equal(got, want) {
		t.Errorf("= %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "vessel", "=2", "vessel=", "vessel=two", "vessel=0", "vessel=-1", "vessel=21"} {
		if _, err := ParseReplicas([]string{bad}); err == nil || !strings.Contains(err.Error(), "APP=N") {
			t.Errorf("%q: error is %v", bad, err)
		}
	}
}

func TestParseEnv(t *testing.T) {
	tests := []struct{ setting, app, key, value string }{
		{"KEY=value", "", "KEY", "value"},
		{"vessel:KEY=value", "vessel", "KEY", "value"},
		{"KEY=", "", "KEY", ""},
		{"KEY=a=b:c", "", "KEY", "a=b:c"},
		{"vessel:KEY=host:1", "vessel", "KEY", "host:1"},
	}
	for _, test := range tests {
		app, key, value, err := parseEnv(test.setting)
		if err != nil || app != test.app || key != test.key || value != test.value {
			t.Errorf("%q = %q, %q, %q, %v", test.setting, app, key, value, err)
		}
	}
	for _, bad := range []string{"", "KEY", "=value", ":KEY=value", "vessel:=value", "vessel:KEY", "A KEY=value"} {
		if _, _, _, err := parseEnv(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestOptionsCheck(t *testing.T) {
	file := &runfile.File{Apps: []runfile.App{{AppID: "gateway"}, {AppID: "vessel"}}}
	tests := []struct {
		name    string
		options Options
		want    string // empty: accepted
	}{
		{"nothing asked", Options{}, ""},
		{"all known", Options{Replicas: map[string]int{"vessel": 2}, Env: []string{"vessel:A=b", "A=b"}}, ""},
		{"unknown app", Options{Replicas: map[string]int{"ship": 2}}, "choose from gateway, vessel"},
		{"two gateways", Options{Replicas: map[string]int{"gateway": 2}}, "one public port"},
		{"setting of an unknown app", Options{Env: []string{"ship:A=b"}}, "choose from gateway, vessel"},
		{"malformed setting", Options{Env: []string{"A"}}, "KEY=VALUE"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.options.check(file)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestInsecureIsForThisMachineOnly(t *testing.T) {
	file := &runfile.File{Apps: []runfile.App{{AppID: "gateway"}, {AppID: "vessel"}}}
	open := &runfile.File{Apps: []runfile.App{{AppID: "vessel"}}}
	open.Apps[0].Env = map[string]string{"SEAPORT_HOST": "::"}
	tests := []struct {
		name    string
		file    *runfile.File
		options Options
		want    string // empty: accepted
	}{
		{"as it is", file, Options{Insecure: true}, ""},
		{"loopback", file, Options{Insecure: true, Environ: []string{"SEAPORT_LISTEN=localhost", "SEAPORT_HOST=::1"}, Env: []string{"gateway:SEAPORT_LISTEN=127.0.0.2"}}, ""},
		{"open, and not insecure", file, Options{Environ: []string{"SEAPORT_LISTEN=0.0.0.0"}}, ""},
		{"the environment", file, Options{Insecure: true, Environ: []string{"SEAPORT_LISTEN=0.0.0.0"}}, ": SEAPORT_LISTEN of gateway is 0.0.0.0"},
		{"--env for all", file, Options{Insecure: true, Env: []string{"SEAPORT_HOST=10.1.2.3"}}, ": SEAPORT_HOST of gateway is 10.1.2.3, SEAPORT_HOST of vessel is 10.1.2.3"},
		{"--env for one", file, Options{Insecure: true, Env: []string{"vessel:SEAPORT_HOST=freight.example"}}, ": SEAPORT_HOST of vessel is freight.example"},
		{"--env above the environment", file, Options{Insecure: true, Environ: []string{"SEAPORT_LISTEN=0.0.0.0"}, Env: []string{"SEAPORT_LISTEN=127.0.0.1"}}, ""},
		{"dapr.yaml", open, Options{Insecure: true}, ": SEAPORT_HOST of vessel is ::"},
		{"by the back door", file, Options{Env: []string{"vessel:SEAPORT_INSECURE=true"}}, "use --insecure"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.options.check(test.file)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if _, usage := errors.AsType[*UsageError](err); !usage || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one of usage with %q", err, test.want)
			}
		})
	}
}
