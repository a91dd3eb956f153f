// Package identity shows who may do what, at every door and past the gateway, and how users sign
// up, log in and stay logged in.
package identity

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/tests/platform"
)

func TestMain(m *testing.M) { platform.Main(m) }

// apps are the services that run.
var apps = []string{"gateway", "consignment", "vessel", "inventory", "user", "notification"}

func codeOf(err error) codes.Code { return status.Code(err) }

// shared is the platform of most tests here. They register and log in more than one address may,
// and look for their requests in the logs.
func shared(t testing.TB) *platform.Platform {
	t.Helper()
	return platform.Shared(t, "--no-seed", "--env", "gateway:SEAPORT_LIMITS=off", "--env", "SEAPORT_LOG_LEVEL=debug")
}
