package platform

import (
	"os"
	"strings"
	"testing"
)

// showLog prints the end of what the platform said into the log of a failed test.
func (p *Platform) showLog(t testing.TB) {
	t.Helper()
	t.Logf("the last of seaport up in %s:\n%s", p.Data, p.tail(60))
}

// tail returns the last lines of what the platform said.
func (p *Platform) tail(lines int) string {
	content, err := os.ReadFile(p.outputFile())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
