package platform

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// maxResident is how many bytes of memory a process that has ended had at most.
func maxResident(usage *syscall.Rusage) int64 { return usage.Maxrss << 10 }

// Memory returns how many bytes of memory a process of the platform has had at most.
func (p *Platform) Memory(t testing.TB, name string) int64 {
	t.Helper()
	process, _ := p.Record(t).Process(name)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.PID))
	if err != nil {
		t.Fatalf("memory of %s: %v", name, err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatalf("nothing says how much memory %s has", name)
	return 0
}
