package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test binary plays the child: what it does is in this environment variable.
const roleVariable = "SEAPORT_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "crash":
		fmt.Println("about to crash")
		os.Exit(7)
	case "serve":
		done := make(chan os.Signal, 1)
		signal.Notify(done, syscall.SIGTERM)
		fmt.Println("serving")
		<-done
		fmt.Println("drained")
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("serving")
		time.Sleep(time.Hour)
	case "parent":
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), roleVariable+"=stubborn")
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", child.Process.Pid)
		time.Sleep(time.Hour)
	case "runner":
		output := &Output{file: nopCloser{}, filter: Everything, console: NewConsole(os.Stdout, 1, false)}
		Supervise(roleSpec("stubborn"), output, func(event Event) { fmt.Println("child", event.PID) })
		time.Sleep(time.Hour)
	}
}

type nopCloser struct{}

func (nopCloser) Write(data []byte) (int, error) { return len(data), nil }
func (nopCloser) Close() error                   { return nil }

func roleSpec(role string) Spec {
	return Spec{Name: role, Kind: App, Path: os.Args[0], Env: append(os.Environ(), roleVariable+"="+role)}
}

// child is a supervised process in one of the roles, and what was heard of it.
type child struct {
	*Supervisor
	screen *safeBuffer
	mu     sync.Mutex
	events []Event
}

func supervise(t *testing.T, spec Spec) *child {
	t.Helper()
	c := &child{screen: &safeBuffer{}}
	output, err := NewOutput(spec.Name, t.TempDir(), NewConsole(c.screen, 0, false), Everything)
	if err != nil {
		t.Fatal(err)
	}
	c.Supervisor = Supervise(spec, output, func(event Event) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.events = append(c.events, event)
	})
	t.Cleanup(func() {
		c.Kill()
		<-c.Done()
		_ = output.Close()
	})
	return c
}

func (c *child) heard() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Event(nil), c.events...)
}

func TestRestartsWhatCrashes(t *testing.T) {
	c := supervise(t, roleSpec("crash"))
	eventually(t, "two crashes", func() bool { return len(c.heard()) >= 5 })
	events := c.heard()
	for i, event := range events[:4] {
		if ended := i%2 == 1; event.Ended != ended {
			t.Fatalf("event %d: ended = %t", i, event.Ended)
		}
	}
	var exit *exec.ExitError
	if !errors.As(events[1].Err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("error of the crash = %v, want exit code 7", events[1].Err)
	}
	if events[1].Crashes != 1 || events[3].Crashes != 2 {
		t.Errorf("crashes = %d, %d, want 1, 2", events[1].Crashes, events[3].Crashes)
	}
	if events[1].Restart != shortestDelay || events[3].Restart != 2*shortestDelay {
		t.Errorf("delays = %s, %s", events[1].Restart, events[3].Restart)
	}
	if tail := c.Output().Tail(); len(tail) == 0 || tail[0] != "about to crash" {
		t.Errorf("tail = %v", tail)
	}
}

func TestRestartsWhatIsKilled(t *testing.T) {
	c := supervise(t, roleSpec("serve"))
	eventually(t, "the start", func() bool { return strings.Contains(c.screen.String(), "serving") })
	first := c.heard()[0].PID
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the restart", func() bool { events := c.heard(); return len(events) == 3 && !events[2].Ended })
	if again := c.heard()[2].PID; again == first || !alive(again) {
		t.Errorf("process %d after %d", again, first)
	}
}

func TestTerminateDrains(t *testing.T) {
	c := supervise(t, roleSpec("serve"))
	eventually(t, "the start", func() bool { return strings.Contains(c.screen.String(), "serving") })
	c.Terminate()
	waitDone(t, c)
	if !strings.Contains(c.screen.String(), "drained") {
		t.Errorf("it was not let finish: %s", c.screen)
	}
	if events := c.heard(); len(events) != 2 || events[1].Restart != 0 || events[1].Err != nil {
		t.Errorf("events = %+v, want one start and one end", events)
	}
}

func TestKillEndsTheStubborn(t *testing.T) {
	c := supervise(t, roleSpec("stubborn"))
	eventually(t, "the start", func() bool { return strings.Contains(c.screen.String(), "serving") })
	c.Terminate()
	select {
	case <-c.Done():
		t.Fatal("it ended on SIGTERM, which it ignores")
	case <-time.After(100 * time.Millisecond):
	}
	c.Kill()
	waitDone(t, c)
}

func TestGrandchildrenGoToo(t *testing.T) {
	c := supervise(t, roleSpec("parent"))
	grandchild := announced(t, c.screen)
	// Only the parent is killed, and only it is restarted.
	if err := syscall.Kill(c.heard()[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the grandchild's end", func() bool { return !alive(grandchild) })
}

func TestStopWhileWaitingForARestart(t *testing.T) {
	c := supervise(t, Spec{Name: "missing", Path: "/no/such/program"})
	eventually(t, "some attempts", func() bool { return len(c.heard()) >= 3 })
	if err := c.heard()[0].Err; !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want one of a missing file", err)
	}
	c.Terminate()
	waitDone(t, c)
}

func announced(t *testing.T, screen *safeBuffer) (pid int) {
	t.Helper()
	eventually(t, "a child's number", func() bool {
		_, after, found := strings.Cut(screen.String(), "child ")
		number, _, whole := strings.Cut(after, "\n")
		if !found || !whole {
			return false
		}
		var err error
		pid, err = strconv.Atoi(number)
		return err == nil
	})
	return pid
}

// alive reports whether the process exists and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || !isDir("/proc/self")
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func waitDone(t *testing.T, c *child) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

type safeBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *safeBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(data)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
