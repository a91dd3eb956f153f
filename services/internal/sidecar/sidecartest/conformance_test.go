package sidecartest_test

import (
	"os"
	"testing"

	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

func TestFakeKeepsState(t *testing.T) {
	t.Parallel()
	sidecartest.TestState(t, sidecartest.New().State(t))
}

// The real sidecar is that of any app of a running platform; its gRPC port is in .seaport/run.json.
func TestRealSidecarKeepsState(t *testing.T) {
	target := os.Getenv("SEAPORT_SIDECAR")
	if target == "" {
		t.Skip("SEAPORT_SIDECAR (host:port of a sidecar's gRPC API) is not set")
	}
	s, err := sidecar.Open(target, os.Getenv("DAPR_API_TOKEN"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	sidecartest.TestState(t, s.State(sidecartest.StateStore))
}
