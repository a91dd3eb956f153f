package edge

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"

	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
)

// Config is what the public port needs.
type Config struct {
	App      string // the gateway's app-id
	Address  string // to listen on
	Insecure bool   // everybody may do everything, as often as they like
	Limits   bool   // hold back who asks too often
	// Origins is whose pages may call from a browser, for instance https://app.example: none by
	// default.
	Origins []string

	Sidecar *sidecar.Sidecar
	Keys    *auth.Keys
	Log     *slog.Logger
}

// ReadConfig reads what the environment says of the public port:
//
//	SEAPORT_LISTEN        the address it listens on; default 127.0.0.1
//	SEAPORT_PORT          its port; default 8080
//	SEAPORT_LIMITS        on or off; default on. Callers are told apart by the address they come from,
//	                      so that behind a proxy, all of whose callers come from one, the proxy limits
//	SEAPORT_CORS_ORIGINS  whose pages may call, separated by commas; default none
func ReadConfig(service serve.Config, getenv func(string) string) (Config, error) {
	cfg := Config{App: service.AppID, Insecure: service.Insecure}
	port, err := serve.Port(getenv, "SEAPORT_PORT", 8080)
	if err != nil {
		return cfg, err
	}
	host := getenv("SEAPORT_LISTEN")
	if host == "" {
		host = "127.0.0.1"
	}
	if cfg.Insecure && !serve.Loopback(host) {
		return cfg, failure.Invalid("SEAPORT_INSECURE", "lets everybody do everything: only with a public port on loopback, not on SEAPORT_LISTEN=%s", host)
	}
	cfg.Address = net.JoinHostPort(host, strconv.Itoa(port))
	switch v := getenv("SEAPORT_LIMITS"); v {
	case "", "on":
		cfg.Limits = true
	case "off":
	default:
		return cfg, failure.Invalid("SEAPORT_LIMITS", "must be on or off, not %q", v)
	}
	cfg.Origins, err = readOrigins(getenv("SEAPORT_CORS_ORIGINS"))
	return cfg, err
}

func readOrigins(list string) (origins []string, err error) {
	for origin := range strings.SplitSeq(list, ",") {
		if origin = strings.TrimSpace(origin); origin == "" {
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(origin, "*") ||
			origin != strings.ToLower(fmt.Sprintf("%s://%s", u.Scheme, u.Host)) {
			return nil, failure.Invalid("SEAPORT_CORS_ORIGINS", "must be origins such as https://app.example, separated by commas; %q is none", origin)
		}
		origins = append(origins, origin)
	}
	return origins, nil
}
