package credentials

import (
	"fmt"
	"net"
	"strings"
)

// keyOf returns the name a server has in the file: host:port, in lower case, and "localhost" for
// this machine whichever of its names was used.
func keyOf(server string) (string, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil || port == "" {
		return "", fmt.Errorf("credentials: %q is not host:port", server)
	}
	switch host = strings.ToLower(host); host {
	case "", "127.0.0.1", "::1":
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}
