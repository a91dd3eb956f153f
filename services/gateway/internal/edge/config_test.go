package edge_test

import (
	"slices"
	"strings"
	"testing"

	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/internal/serve"
)

func TestReadConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		env      map[string]string
		insecure bool
		want     edge.Config
		blaming  string // the variable that is refused
	}{
		{name: "defaults", want: edge.Config{Address: "127.0.0.1:8080", Limits: true}},
		{name: "all", env: map[string]string{"SEAPORT_LISTEN": "0.0.0.0", "SEAPORT_PORT": "80", "SEAPORT_LIMITS": "on", "SEAPORT_CORS_ORIGINS": "https://a.example, http://localhost:3000,"},
			want: edge.Config{Address: "0.0.0.0:80", Limits: true, Origins: []string{"https://a.example", "http://localhost:3000"}}},
		{name: "IPv6, without limits", env: map[string]string{"SEAPORT_LISTEN": "::1", "SEAPORT_LIMITS": "off"}, want: edge.Config{Address: "[::1]:8080"}},
		{name: "insecure, on loopback", insecure: true, want: edge.Config{Address: "127.0.0.1:8080", Limits: true, Insecure: true}},
		{name: "insecure, by name", insecure: true, env: map[string]string{"SEAPORT_LISTEN": "localhost"}, want: edge.Config{Address: "localhost:8080", Limits: true, Insecure: true}},
		{name: "insecure, for everybody", insecure: true, env: map[string]string{"SEAPORT_LISTEN": "0.0.0.0"}, blaming: "SEAPORT_INSECURE"},
		{name: "insecure, for everybody by IPv6", insecure: true, env: map[string]string{"SEAPORT_LISTEN": "::"}, blaming: "SEAPORT_INSECURE"},
		{name: "insecure, by another name", insecure: true, env: map[string]string{"SEAPORT_LISTEN": "gateway.example"}, blaming: "SEAPORT_INSECURE"},
		{name: "no port", env: map[string]string{"SEAPORT_PORT": "http"}, blaming: "SEAPORT_PORT"},
		{name: "half limits", env: map[string]string{"SEAPORT_LIMITS": "false"}, blaming: "SEAPORT_LIMITS"},
		{name: "every origin", env: map[string]string{"SEAPORT_CORS_ORIGINS": "*"}, blaming: "SEAPORT_CORS_ORIGINS"},
		{name: "origins of a pattern", env: map[string]string{"SEAPORT_CORS_ORIGINS": "https://*.example"}, blaming: "SEAPORT_CORS_ORIGINS"},
		{name: "a page", env: map[string]string{"SEAPORT_CORS_ORIGINS": "https://a.example/page"}, blaming: "SEAPORT_CORS_ORIGINS"},
		{name: "a closing slash", env: map[string]string{"SEAPORT_CORS_ORIGINS": "https://a.example/"}, blaming: "SEAPORT_CORS_ORIGINS"},
		{name: "a host", env: map[string]string{"SEAPORT_CORS_ORIGINS": "a.example"}, blaming: "SEAPORT_CORS_ORIGINS"},
		{name: "capitals, which no browser sends", env: map[string]string{"SEAPORT_CORS_ORIGINS": "https://A.example"}, blaming: "SEAPORT_CORS_ORIGINS"},
		{name: "null", env: map[string]string{"SEAPORT_CORS_ORIGINS": "null"}, blaming: "SEAPORT_CORS_ORIGINS"},
		{name: "another scheme", env: map[string]string{"SEAPORT_CORS_ORIGINS": "file://a"}, blaming: "SEAPORT_CORS_ORIGINS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := edge.ReadConfig(serve.Config{AppID: "gateway", Insecure: c.insecure}, func(name string) string { return c.env[name] })
			if c.blaming != "" {
				if err == nil || !strings.HasPrefix(err.Error(), c.blaming+": ") {
					t.Errorf("%+v, %v; want %s refused", got, err, c.blaming)
				}
				return
			}
			if err != nil || got.App != "gateway" || got.Address != c.want.Address || got.Limits != c.want.Limits || got.Insecure != c.want.Insecure || !slices.Equal(got.Origins, c.want.Origins) {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}
