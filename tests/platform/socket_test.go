package platform

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
)

// A listening socket is found with its address, in either family.
func TestListeningIsFound(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	own, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p := &Platform{Data: t.TempDir(), cmd: &exec.Cmd{Process: own}}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Skip(err)
		}
		defer func() { _ = listener.Close() }()
		bound := netip.MustParseAddrPort(listener.Addr().String())
		loopback := bound.Addr().IsLoopback()
		if found := p.Listening(t); !slices.ContainsFunc(found, func(s Socket) bool {
			return s.Address.Port() == bound.Port() && s.Address.Addr().IsLoopback() == loopback && (!loopback || s.Address == bound)
		}) {
			t.Errorf("%s is not among %v", bound, found)
		}
	}
}
