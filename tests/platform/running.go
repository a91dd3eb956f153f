package platform

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Running is a command line in progress.
type Running struct {
	cmd            *exec.Cmd
	stdout, stderr growing
	wait           func()
	broken         error // why nothing can be said of how it ended
}

// Begin begins a command line against the platform, as [Caller.CLI] runs it. The end of the test is its end too.
func (c Caller) Begin(t testing.TB, stdin string, args ...string) *Running {
	t.Helper()
	environ := []string{"SEAPORT_SERVER=" + c.platform.Address(), "SEAPORT_TOKEN=" + c.Token(t)}
	// Not the test's own context: that has ended before anything is cleaned up.
	ctx, cancel := context.WithCancel(context.Background())
	r, err := begin(ctx, stdin, environ, args)
	if err != nil {
		cancel()
		t.Fatalf("seaport %s: %v", strings.Join(args, " "), err)
	}
	t.Cleanup(func() { cancel(); r.wait() })
	return r
}

// begin begins a command line that is asked to end when ctx does.
func begin(ctx context.Context, stdin string, environ, args []string) (*Running, error) {
	binary, err := program()
	if err != nil {
		return nil, err
	}
	r := &Running{cmd: exec.CommandContext(ctx, binary, args...)}
	r.cmd.SysProcAttr = attributes()
	r.cmd.Cancel = func() error { return r.cmd.Process.Signal(syscall.SIGTERM) }
	r.cmd.WaitDelay = stopLimit
	r.cmd.Dir = Root()
	r.cmd.Env = append(environment(filepath.Join(scratch, "config")), environ...)
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = strings.NewReader(stdin), &r.stdout, &r.stderr
	r.wait = sync.OnceFunc(func() {
		err := r.cmd.Wait()
		if _, exited := errors.AsType[*exec.ExitError](err); !exited { // how it ended, its state says
			r.broken = err
		}
	})
	return r, launch(r.cmd)
}

// Printed returns what the command has printed so far.
func (r *Running) Printed() string { return r.stdout.String() }

// Interrupt interrupts the command, as Ctrl-C does, and returns how it ended.
func (r *Running) Interrupt(t testing.TB) Outcome {
	t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatalf("interrupting it: %v; it said\n%s%s", err, r.stdout.String(), r.stderr.String())
	}
	return r.outcome()
}

// Kill ends the command with SIGKILL.
func (r *Running) Kill() { _ = r.cmd.Process.Kill() }

// Wait waits until the command ends.
func (r *Running) Wait(t testing.TB) Outcome {
	t.Helper()
	outcome := r.outcome()
	if r.broken != nil {
		t.Fatalf("%s: %v; it said\n%s%s", strings.Join(r.cmd.Args, " "), r.broken, outcome.Stdout, outcome.Stderr)
	}
	return outcome
}

// outcome waits until the command ends, and returns how.
func (r *Running) outcome() Outcome {
	r.wait()
	o := Outcome{Exit: r.cmd.ProcessState.ExitCode(), Stdout: r.stdout.String(), Stderr: r.stderr.String()}
	if usage, ok := r.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		o.Memory = maxResident(usage)
	}
	return o
}

// growing is a buffer that is read while it is written to.
type growing struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (g *growing) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(p)
}

func (g *growing) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.String()
}
