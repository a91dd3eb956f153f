package platform

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Endless is a command line that goes on until it is interrupted.
type Endless struct {
	cmd            *exec.Cmd
	stdout, stderr growing
	wait           func()
}

// StartCLI starts a command line against the platform that goes on for ever, with text on its standard input. The end of
// the test is its end too.
func (c Caller) StartCLI(t testing.TB, stdin string, args ...string) *Endless {
	t.Helper()
	environ := []string{"SEAPORT_SERVER=" + c.platform.Address(), "SEAPORT_TOKEN=" + c.Token(t)}
	// Not the test's own context: that has ended before anything is cleaned up.
	ctx, cancel := context.WithCancel(context.Background())
	e := &Endless{}
	var err error
	if e.cmd, err = prepare(ctx, stdin, environ, args, &e.stdout, &e.stderr); err == nil {
		err = launch(e.cmd)
	}
	if err != nil {
		cancel()
		t.Fatalf("seaport %s: %v", strings.Join(args, " "), err)
	}
	e.wait = sync.OnceFunc(func() { _ = e.cmd.Wait() }) // how it ended, its state says
	t.Cleanup(func() { cancel(); e.wait() })
	return e
}

// Printed returns what the command has printed so far.
func (e *Endless) Printed() string { return e.stdout.String() }

// Interrupt interrupts the command, as Ctrl-C does, and returns how it ended.
func (e *Endless) Interrupt(t testing.TB) Outcome {
	t.Helper()
	if err := e.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatalf("interrupting it: %v; it said\n%s%s", err, e.stdout.String(), e.stderr.String())
	}
	e.wait()
	return Outcome{e.cmd.ProcessState.ExitCode(), e.stdout.String(), e.stderr.String()}
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
