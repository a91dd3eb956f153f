//go:build unix && !linux

package platform

import (
	"syscall"
	"testing"
)

// maxResident is how many bytes of memory a process that has ended had at most.
func maxResident(usage *syscall.Rusage) int64 { return usage.Maxrss }

// Memory skips the test: only Linux tells what a process had at most.
func (p *Platform) Memory(t testing.TB, name string) int64 {
	t.Helper()
	t.Skipf("only Linux says how much memory %s has had", name)
	return 0
}
