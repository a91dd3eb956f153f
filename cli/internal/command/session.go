package command

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
)

const (
	defaultServer = "localhost:8080"
	serverEnv     = "SEAPORT_SERVER"
)

// session is what the commands of one command line share: the streams, the flags they all have
// and the connection to the gateway.
type session struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	server  string
	usual   string // the server unless --server names another
	output  string
	timeout time.Duration

	address   string  // of the gateway, host:port, once check was called
	caller    *caller // from then on
	conns     []*grpc.ClientConn
	done      []string    // what the command changed; see did
	connected atomic.Bool // whether there ever was a connection
}

// flags adds the flags that every command has.
func (s *session) flags(flags *pflag.FlagSet) {
	server := os.Getenv(serverEnv)
	if server == "" {
		server = defaultServer
	}
	s.usual = server
	flags.StringVar(&s.server, "server", server, "the `address` of the gateway, host:port or http://host:port; also "+serverEnv)
	flags.StringVarP(&s.output, "output", "o", outputText, "the `form` of what is printed: text or json")
	flags.DurationVar(&s.timeout, "timeout", 30*time.Second, "how long one call may take, its retries included")
}

// check finds what is wrong with the values of the shared flags and of the environment. It is for
// the command, before its first call.
func (s *session) check() error {
	if s.caller != nil {
		return nil
	}
	if err := s.checkOutput(); err != nil {
		return err
	}
	if s.timeout <= 0 {
		return badInput("--timeout: must be above zero, for instance 30s")
	}
	address, err := gatewayAddress(s.server)
	if err != nil {
		return badInput("--server (or %s): %w", serverEnv, err)
	}
	s.address = address
	s.caller, err = newCaller(s)
	return err
}

// checkOutput is check for commands that call nobody.
func (s *session) checkOutput() error {
	if s.output != outputText && s.output != outputJSON {
		return badInput("--output: must be text or json, not %q", s.output)
	}
	return nil
}

// format is the form of the output; text when the flag itself is wrong.
func (s *session) format() string {
	if s.output == outputJSON {
		return outputJSON
	}
	return outputText
}

// sayRetry tells a person of a repeat; a script reads one JSON object from stderr, if anything.
func (s *session) sayRetry(attempt, of int) {
	if s.format() == outputJSON {
		return
	}
	fmt.Fprintf(s.stderr, "seaport: %s is not available, trying again (%d of %d)\n", s.address, attempt, of)
}
