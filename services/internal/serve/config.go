package serve

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"seaport.example/services/internal/event"
	"seaport.example/services/internal/failure"
)

// Config is what every service reads from its environment.
type Config struct {
	AppID       string         // APP_ID: the Dapr app-id
	Host        string         // SEAPORT_HOST: the address the app port listens on; default loopback
	AppPort     int            // APP_PORT: where the sidecar calls this app
	SidecarPort int            // DAPR_GRPC_PORT: the sidecar's gRPC API
	LogLevel    slog.Level     // SEAPORT_LOG_LEVEL: debug, info, warn or error
	APIToken    string         // DAPR_API_TOKEN: what the sidecar asks for; empty for nothing
	AppToken    string         // APP_API_TOKEN: what the sidecar shows; empty for nothing, on loopback only
	Events      event.Encoding // SEAPORT_EVENT_ENCODING: json or protobuf, of the events that the service announces
	Insecure    bool           // SEAPORT_INSECURE: everybody may do everything, on loopback only
}

// ReadConfig reads the environment. The app-id is the one this service has unless told otherwise.
func ReadConfig(appID string, getenv func(string) string) (Config, error) {
	cfg := Config{AppID: appID, Host: "127.0.0.1", APIToken: getenv("DAPR_API_TOKEN"), AppToken: getenv("APP_API_TOKEN")}
	if v := getenv("APP_ID"); v != "" {
		cfg.AppID = v
	}
	if v := getenv("SEAPORT_HOST"); v != "" {
		cfg.Host = v
	}
	var err error
	if cfg.AppPort, err = Port(getenv, "APP_PORT", 0); err != nil {
		return cfg, err
	}
	if cfg.SidecarPort, err = Port(getenv, "DAPR_GRPC_PORT", 50001); err != nil {
		return cfg, err
	}
	if v := getenv("SEAPORT_LOG_LEVEL"); v != "" {
		if err := cfg.LogLevel.UnmarshalText([]byte(v)); err != nil {
			return cfg, failure.Invalid("SEAPORT_LOG_LEVEL", "must be debug, info, warn or error, not %q", v)
		}
	}
	if cfg.AppPort == 0 {
		return cfg, failure.Invalid("APP_PORT", "is not set: start this service with seaport up or dapr run -f dapr.yaml")
	}
	if cfg.Events, err = event.ParseEncoding(getenv("SEAPORT_EVENT_ENCODING")); err != nil {
		return cfg, failure.Invalid("SEAPORT_EVENT_ENCODING", "%s", err)
	}
	if v := getenv("SEAPORT_INSECURE"); v != "" {
		if cfg.Insecure, err = strconv.ParseBool(v); err != nil {
			return cfg, failure.Invalid("SEAPORT_INSECURE", "must be true or false, not %q", v)
		}
	}
	switch {
	case Loopback(cfg.Host):
	case cfg.Insecure:
		return cfg, failure.Invalid("SEAPORT_INSECURE", "lets everybody do everything: only for a service that listens on loopback, not on %s", cfg.Host)
	case cfg.AppToken == "":
		return cfg, failure.Invalid("APP_API_TOKEN", "is not set: without it anybody who reaches %s could pass for the sidecar", cfg.Host)
	}
	return cfg, nil
}

// Loopback says whether an address can be reached from this machine only.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Listen returns the address of the app port.
func (c Config) Listen() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.AppPort)) }

// Sidecar returns the address of the sidecar's gRPC API.
func (c Config) Sidecar() string { return fmt.Sprintf("127.0.0.1:%d", c.SidecarPort) }

// LogValue shows the configuration with its secrets masked.
func (c Config) LogValue() slog.Value {
	masked := map[bool]string{true: "set", false: "none"}
	return slog.GroupValue(slog.String("app_id", c.AppID), slog.String("listen", c.Listen()),
		slog.String("sidecar", c.Sidecar()), slog.String("log_level", c.LogLevel.String()),
		slog.String("api_token", masked[c.APIToken != ""]), slog.String("app_token", masked[c.AppToken != ""]), slog.Bool("insecure", c.Insecure))
}

// Port reads a port number from the environment.
func Port(getenv func(string) string, name string, fallback int) (int, error) {
	v := getenv(name)
	if v == "" {
		return fallback, nil
	}
	port, err := strconv.Atoi(v)
	if err != nil || port < 1 || port > 65535 {
		return 0, failure.Invalid(name, "must be a port number, not %q", v)
	}
	return port, nil
}

// Duration reads a duration above zero, such as "30s", from the environment.
func Duration(getenv func(string) string, name string, fallback time.Duration) (time.Duration, error) {
	v := getenv(name)
	if v == "" {
		return fallback, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return 0, failure.Invalid(name, "must be a duration such as 30s, not %q", v)
	}
	return d, nil
}
