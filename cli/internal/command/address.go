package command

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// gatewayAddress turns host:port, host or http://host:port into host:port. The port is 8080, or
// 80 for a URL, unless given.
func gatewayAddress(server string) (string, error) {
	server = strings.TrimSpace(server)
	port := "8080"
	if scheme, _, isURL := strings.Cut(server, "://"); isURL {
		if !strings.EqualFold(scheme, "http") {
			return "", fmt.Errorf("only http:// is understood, not %s://", scheme)
		}
		u, err := url.Parse(server)
		if err != nil {
			return "", fmt.Errorf("%q is not a URL", server)
		}
		if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return "", fmt.Errorf("%q has more than a host and a port", server)
		}
		server, port = u.Host, "80"
	}
	if server == "" {
		return "", errors.New("the address is empty")
	}
	host := server
	if h, p, err := net.SplitHostPort(server); err == nil {
		host, port = h, p
	} else if strings.HasPrefix(server, "[") && strings.HasSuffix(server, "]") {
		host = server[1 : len(server)-1]
	} else if strings.Count(server, ":") == 1 || strings.ContainsAny(server, "[]") {
		return "", fmt.Errorf("%q is not host:port", server)
	}
	if host == "" {
		host = "localhost"
	}
	if strings.ContainsAny(host, "/ \t@") {
		return "", fmt.Errorf("%q is not a host", host)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q is not a port (1 to 65535)", port)
	}
	return net.JoinHostPort(host, port), nil
}
