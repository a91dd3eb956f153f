// Package process keeps child processes running: it starts them, restarts what crashes, shows and keeps
// their logs, and leaves none behind.
package process

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Kind says what a process is to the platform.
type Kind string

// The kinds of processes.
const (
	App     Kind = "app"
	Sidecar Kind = "sidecar"
	Broker  Kind = "broker"
	Control Kind = "control" // the Dapr control plane
	Mail    Kind = "mail"    // what e-mails go through
)

// Spec says what to run. The ports are for the record; the process knows them from its arguments.
type Spec struct {
	Name string // unique in a run
	App  string // the app-id it belongs to, if any
	Kind Kind

	Path string
	Args []string
	Dir  string
	Env  []string // the whole environment

	Ports map[string]int
}

// command makes a child that is the leader of a process group of its own, so that Ctrl-C on the
// terminal reaches the runner alone, and that dies with the runner where the system can do that.
func (s *Spec) command(output *Output) *exec.Cmd {
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Dir = s.Dir
	cmd.Env = s.Env
	cmd.Stdout, cmd.Stderr = output, output
	// A grandchild that keeps the pipe open must not keep us waiting.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = attributes()
	return cmd
}

var launcher = sync.OnceValue(func() chan<- func() {
	starts := make(chan func())
	go func() {
		// "Dies with its parent" means the parent's thread on Linux. This one lives as long as the process.
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return starts
})

func launch(cmd *exec.Cmd) error {
	result := make(chan error)
	launcher() <- func() { result <- cmd.Start() }
	if err := <-result; err != nil {
		return fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	return nil
}

// signalGroup signals the process and whatever it has started. That it is gone already is no error.
func signalGroup(pid int, signal syscall.Signal) {
	_ = syscall.Kill(-pid, signal)
}
