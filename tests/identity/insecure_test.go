package identity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Without log-ins everybody may do everything, so nobody but this machine may be able to.
func TestInsecureIsForLoopbackOnly(t *testing.T) {
	tests := []struct {
		name    string
		environ []string
		flags   []string
		says    string
	}{
		{"the public port, by the environment", []string{"SEAPORT_LISTEN=0.0.0.0"}, nil, "SEAPORT_LISTEN"},
		{"the public port", nil, []string{"--env", "SEAPORT_LISTEN=0.0.0.0"}, "SEAPORT_LISTEN"},
		{"the public port, all families", nil, []string{"--env", "gateway:SEAPORT_LISTEN=::"}, "SEAPORT_LISTEN"},
		{"the port of an app", nil, []string{"--env", "vessel:SEAPORT_HOST=0.0.0.0"}, "SEAPORT_HOST"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := platform.RefusedStart(t, test.environ, append(test.flags, "--insecure")...)
			if out.Exit != 2 || !strings.Contains(out.Stderr, "--insecure") || !strings.Contains(out.Stderr, test.says) {
				t.Errorf("exit %d, want 2; it says %q, want %s in it", out.Exit, out.Stderr, test.says)
			}
		})
	}
}

func TestInsecure(t *testing.T) {
	p := platform.Start(t, "--insecure")
	c := p.Client(t)
	vessel, depot := freight.Vessel(t, c, 10, 1_000), freight.Depot(t, c, 10)
	freight.Book(t, c, freight.Order(vessel, 10, depot))
	audit.Wait(t, p, c, 30*time.Second)
	if out := p.CLI(t, "consignment", "create", "examples/consignment.json"); out.Exit != 0 {
		t.Errorf("the command line without a log-in: exit %d, %s", out.Exit, out.Stderr)
	}
	if got := p.REST(t, "GET", "/v1/consignments", nil); got.Status != 200 {
		t.Errorf("REST without a token: answered %d %s", got.Status, got.Body)
	}
	// A token that is no good does no harm either.
	if _, err := p.With("rubbish").Client(t).Users.List(t.Context(), &userv1.ListRequest{}); codeOf(err) == codes.Unauthenticated {
		t.Errorf("with a useless token: %v", err)
	}
	if _, err := os.Stat(filepath.Join(p.Data, "users.json")); err == nil {
		t.Error("there are sample users, whom nobody needs")
	}
	content, err := os.ReadFile(filepath.Join(p.Data, "up.log"))
	if err != nil || !strings.Contains(string(content), "insecure") {
		t.Errorf("seaport up says nothing of it: %v\n%s", err, content)
	}
}
