package platform

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Kill ends a process with SIGKILL and returns its id.
func (p *Platform) Kill(t testing.TB, name string) int {
	t.Helper()
	return p.signal(t, name, syscall.SIGKILL)
}

// Freeze stops a process from running (SIGSTOP) until Thaw or the end of the test.
func (p *Platform) Freeze(t testing.TB, name string) {
	t.Helper()
	pid := p.signal(t, name, syscall.SIGSTOP)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
}

// Thaw lets a process go on.
func (p *Platform) Thaw(t testing.TB, name string) {
	t.Helper()
	p.signal(t, name, syscall.SIGCONT)
}

func (p *Platform) signal(t testing.TB, name string, signal syscall.Signal) int {
	t.Helper()
	process, ok := p.Record(t).Process(name)
	if !ok || process.PID == 0 {
		t.Fatalf("there is no process %q", name)
	}
	if err := syscall.Kill(process.PID, signal); err != nil {
		t.Fatalf("signal %s to %s: %v", signal, name, err)
	}
	return process.PID
}

// WaitRestarted waits until another process has taken the place of the one with the id, and the
// platform is ready again.
func (p *Platform) WaitRestarted(t testing.TB, name string, killed int) {
	t.Helper()
	Wait(t, time.Minute, func() error {
		process, ok := p.Record(t).Process(name)
		if !ok || process.PID == 0 || process.PID == killed {
			return fmt.Errorf("%s was not started again", name)
		}
		return p.healthy()
	})
}

// leftovers returns an error that names the processes of this run that still exist.
func (p *Platform) leftovers() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []error
	for pid, name := range p.seen {
		if alive(pid) {
			left = append(left, fmt.Errorf("process %d (%s) was left behind", pid, name))
		}
	}
	for _, pid := range processesOf(p.Data, p.seen) {
		left = append(left, fmt.Errorf("process %d was left behind", pid))
	}
	return errors.Join(left...)
}

// alive says whether the process or any other of its group is there. One that has ended and waits
// for its parent to look is not.
func alive(pid int) bool {
	if syscall.Kill(-pid, 0) != nil {
		return false
	}
	return runtime.GOOS != "linux" || slices.ContainsFunc(running(), func(s stat) bool { return s.group == pid })
}

// processesOf returns the processes that work in the folder or name it, those known left out.
// It finds what has left its process group. Empty where there is no /proc.
func processesOf(folder string, known map[int]string) []int {
	var found []int
	for _, s := range running() {
		if known[s.pid] != "" || s.pid == os.Getpid() {
			continue
		}
		line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.pid), "cmdline"))
		cwd, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(s.pid), "cwd"))
		if strings.Contains(string(line), folder+"/") || cwd == folder {
			found = append(found, s.pid)
		}
	}
	return found
}

type stat struct{ pid, group int }

// running lists the processes of this machine from /proc, the dead ones left out.
func running() []stat {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var all []stat
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // gone meanwhile
		}
		// "pid (name) state parent group …", where the name may hold anything
		_, rest, _ := strings.Cut(string(content[strings.LastIndexByte(string(content), ')'):]), " ")
		fields := strings.Fields(rest)
		if len(fields) < 3 || fields[0] == "Z" || fields[0] == "X" {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		group, _ := strconv.Atoi(fields[2])
		all = append(all, stat{pid, group})
	}
	return all
}

// Launch starts a command in a process group of its own. On Linux it gets SIGTERM when the tests are killed.
func Launch(cmd *exec.Cmd) error {
	cmd.SysProcAttr = attributes()
	return launch(cmd)
}

// launch starts a command from a thread that lives as long as this process, because on Linux a
// child that is to die with its parent dies with the thread that started it.
func launch(cmd *exec.Cmd) error {
	result := make(chan error)
	launcher() <- func() { result <- cmd.Start() }
	return <-result
}

var launcher = sync.OnceValue(func() chan<- func() {
	starts := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return starts
})
