package process

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// A runner that is killed cannot clean up: the system does.
func TestKilledRunnerLeavesNothing(t *testing.T) {
	screen := &safeBuffer{}
	runner := exec.Command(os.Args[0])
	runner.Env = append(os.Environ(), roleVariable+"=runner")
	runner.Stdout, runner.Stderr = screen, screen
	if err := runner.Start(); err != nil {
		t.Fatal(err)
	}
	child := announced(t, screen)
	if !alive(child) {
		t.Fatal("the child does not run")
	}
	if err := runner.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = runner.Wait()
	eventually(t, "the child's end", func() bool { return !alive(child) })
}
