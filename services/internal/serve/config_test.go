package serve_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"seaport.example/services/internal/event"
	"seaport.example/services/internal/serve"
)

// env is an environment.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		getenv func(string) string
		want   serve.Config
		wrong  string // the variable at fault
	}{
		{name: "defaults", getenv: env("APP_PORT", "3000"),
			want: serve.Config{AppID: "vessel", Host: "127.0.0.1", AppPort: 3000, SidecarPort: 50001, Events: event.JSON}},
		{name: "all of it", getenv: env("APP_PORT", "3000", "APP_ID", "vessel-2", "SEAPORT_HOST", "0.0.0.0", "DAPR_GRPC_PORT", "3001",
			"SEAPORT_LOG_LEVEL", "warn", "DAPR_API_TOKEN", "s3cret", "APP_API_TOKEN", "s4cret", "SEAPORT_EVENT_ENCODING", "protobuf"),
			want: serve.Config{AppID: "vessel-2", Host: "0.0.0.0", AppPort: 3000, SidecarPort: 3001, LogLevel: slog.LevelWarn, APIToken: "s3cret", AppToken: "s4cret", Events: event.Protobuf}},
		{name: "insecure on loopback", getenv: env("APP_PORT", "3000", "SEAPORT_HOST", "::1", "SEAPORT_INSECURE", "true"),
			want: serve.Config{AppID: "vessel", Host: "::1", AppPort: 3000, SidecarPort: 50001, Insecure: true, Events: event.JSON}},
		{name: "insecure for all the world", getenv: env("APP_PORT", "3000", "SEAPORT_HOST", "0.0.0.0", "SEAPORT_INSECURE", "true", "APP_API_TOKEN", "t"), wrong: "SEAPORT_INSECURE"},
		{name: "insecure by a name", getenv: env("APP_PORT", "3000", "SEAPORT_HOST", "harbour.example", "SEAPORT_INSECURE", "true"), wrong: "SEAPORT_INSECURE"},
		{name: "insecure, perhaps", getenv: env("APP_PORT", "3000", "SEAPORT_INSECURE", "perhaps"), wrong: "SEAPORT_INSECURE"},
		{name: "no app token for all the world", getenv: env("APP_PORT", "3000", "SEAPORT_HOST", "0.0.0.0"), wrong: "APP_API_TOKEN"},
		{name: "no app port", getenv: env(), wrong: "APP_PORT"},
		{name: "app port is no number", getenv: env("APP_PORT", "http"), wrong: "APP_PORT"},
		{name: "app port too large", getenv: env("APP_PORT", "65536"), wrong: "APP_PORT"},
		{name: "app port zero", getenv: env("APP_PORT", "0"), wrong: "APP_PORT"},
		{name: "sidecar port", getenv: env("APP_PORT", "1", "DAPR_GRPC_PORT", "-1"), wrong: "DAPR_GRPC_PORT"},
		{name: "encoding of events", getenv: env("APP_PORT", "1", "SEAPORT_EVENT_ENCODING", "xml"), wrong: "SEAPORT_EVENT_ENCODING"},
		{name: "log level", getenv: env("APP_PORT", "1", "SEAPORT_LOG_LEVEL", "loud"), wrong: "SEAPORT_LOG_LEVEL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := serve.ReadConfig("vessel", c.getenv)
			switch {
			case c.wrong != "":
				if err == nil || !strings.HasPrefix(err.Error(), c.wrong+": ") {
					t.Errorf("ReadConfig = %v, want an error that names %s", err, c.wrong)
				}
			case err != nil || got != c.want:
				t.Errorf("ReadConfig = %+v, %v\nwant         %+v", got, err, c.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	c := serve.Config{Host: "::1", AppPort: 3000, SidecarPort: 3001}
	if c.Listen() != "[::1]:3000" || c.Sidecar() != "127.0.0.1:3001" {
		t.Errorf("listens on %s, sidecar at %s", c.Listen(), c.Sidecar())
	}
}

// The log shows the configuration, and no secret.
func TestConfigIsLoggedMasked(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cfg := serve.Config{AppID: "vessel", Host: "127.0.0.1", AppPort: 3000, SidecarPort: 3001, APIToken: "s3cret", AppToken: "s3cret"}
	serve.NewLog(cfg, &out).Info("serving", "config", cfg)
	if s := out.String(); strings.Contains(s, "s3cret") || !strings.Contains(s, "api_token=set") || !strings.Contains(s, "app_token=set") || !strings.Contains(s, "listen=127.0.0.1:3000") || !strings.Contains(s, "app=vessel") {
		t.Error(s)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"": time.Minute, "30s": 30 * time.Second, "1m30s": 90 * time.Second, "0s": 0, "-1s": 0, "30": 0, "soon": 0} {
		got, err := serve.Duration(env("SEAPORT_HOLD_TTL", value), "SEAPORT_HOLD_TTL", time.Minute)
		if got != want || (err == nil) != (want > 0) || err != nil && !strings.HasPrefix(err.Error(), "SEAPORT_HOLD_TTL: ") {
			t.Errorf("%q: %s, %v; want %s", value, got, err, want)
		}
	}
}
