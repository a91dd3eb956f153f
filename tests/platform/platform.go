// Package platform runs Seaport for black-box tests: `seaport up` on a data folder, and the doors
// its users have: gRPC, REST and the command line.
package platform

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
)

const (
	startLimit = 3 * time.Minute  // until a platform must be ready
	stopLimit  = 10 * time.Second // until a platform that was asked to end must be gone
)

// Platform is a running Seaport.
type Platform struct {
	Data string // its data folder

	cmd    *exec.Cmd
	output *os.File
	ended  chan struct{} // closed when `seaport up` has ended
	result error         // of cmd.Wait; valid once ended is closed
	port   int
	redis  *Redis // if it runs on Redis

	crashed  bool // by a test
	insecure bool // there are no users

	mu       sync.Mutex
	seen     map[int]string // every process seen, by its id
	conns    []*grpc.ClientConn
	nobody   *Client             // without a token
	sessions map[string]*session // by address
}

// Start runs a platform on a fresh data folder until the test ends. Flags are further ones of
// `seaport up`.
func Start(t testing.TB, flags ...string) *Platform {
	t.Helper()
	return StartIn(t, Folder(t), flags...)
}

// StartIn is [Start] on a data folder that may have been used before. The platform is stopped at
// the end of the test if the test has not done so, and is checked to leave nothing behind.
func StartIn(t testing.TB, data string, flags ...string) *Platform {
	t.Helper()
	p, err := start(data, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			p.showLog(t)
		}
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// keepVariable names a folder that data folders are made in, and left in, to look at them after
// a failure.
const keepVariable = "SEAPORT_TEST_KEEP"

// Folder returns a new data folder.
func Folder(t testing.TB) string {
	t.Helper()
	keep := os.Getenv(keepVariable)
	if keep == "" {
		return filepath.Join(t.TempDir(), "data")
	}
	folder, err := os.MkdirTemp(keep, "") //nolint:usetesting // kept after the test, on request
	if err != nil {
		t.Fatalf("making a data folder: %v", err)
	}
	t.Logf("data folder: %s", folder)
	return folder
}

func start(data string, flags []string) (*Platform, error) {
	binary, err := program()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	parts, server, err := profile(data, flags)
	if err != nil {
		return nil, err
	}
	p := &Platform{
		Data: data, redis: server, ended: make(chan struct{}), insecure: slices.Contains(flags, "--insecure"),
		seen: make(map[int]string), sessions: make(map[string]*session),
	}
	if p.output, err = os.OpenFile(p.outputFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	p.cmd = exec.Command(binary, slices.Concat([]string{"up", "--data", data, "--port", "0"}, parts, flags)...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Env = environment(p.Config())
	p.cmd.SysProcAttr = attributes()
	if err := launch(p.cmd); err != nil {
		return nil, fmt.Errorf("starting seaport up: %w", err)
	}
	go func() {
		p.result = p.cmd.Wait()
		_ = p.output.Close()
		close(p.ended)
	}()
	go p.watch()
	if err := p.waitUp(); err != nil {
		return nil, errors.Join(fmt.Errorf("seaport up: %w\n%s", err, p.tail(40)), p.end())
	}
	return p, nil
}

// Config is the folder in which `seaport up` leaves a log-in for the command line.
func (p *Platform) Config() string { return filepath.Join(p.Data, "config") }

func (p *Platform) outputFile() string { return filepath.Join(p.Data, "up.log") }

// waitUp waits for the platform to say that it is ready.
func (p *Platform) waitUp() error {
	return poll(startLimit, func() error {
		select {
		case <-p.ended:
			return nil // waiting is over; the check below says the rest
		default:
		}
		record, err := ReadRecord(p.Data)
		if err != nil {
			return err
		}
		if record.State != "ready" || record.PID != p.cmd.Process.Pid {
			return fmt.Errorf("its state is %q", record.State)
		}
		p.port = record.Port
		return p.healthy()
	})
}

// watch notes every process the platform ever has, so that none can be left behind unseen.
func (p *Platform) watch() {
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for {
		p.note()
		select {
		case <-p.ended:
			return
		case <-ticks.C:
		}
	}
}

func (p *Platform) note() {
	record, err := ReadRecord(p.Data)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, process := range record.Processes {
		if process.PID != 0 {
			p.seen[process.PID] = process.Name
		}
	}
}

// Record returns what runs at present.
func (p *Platform) Record(t testing.TB) Record {
	t.Helper()
	record, err := ReadRecord(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// Address is the public address, host:port.
func (p *Platform) Address() string { return "127.0.0.1:" + strconv.Itoa(p.port) }

// URL is the public address for HTTP.
func (p *Platform) URL() string { return "http://" + p.Address() }

// WaitHealthy waits until the whole platform says that it is ready.
func (p *Platform) WaitHealthy(t testing.TB) {
	t.Helper()
	Wait(t, time.Minute, p.healthy)
}

func (p *Platform) healthy() error {
	client := http.Client{Timeout: 4 * time.Second}
	response, err := client.Get(p.URL() + "/healthz")
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /healthz answers %d", response.StatusCode)
	}
	return nil
}

// Stop ends the platform as SIGTERM does and fails the test if that takes longer than ten
// seconds, is not a success, or leaves a process behind.
func (p *Platform) Stop(t testing.TB) {
	t.Helper()
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
}

// Interrupt is [Platform.Stop] as Ctrl-C does it.
func (p *Platform) Interrupt(t testing.TB) {
	t.Helper()
	if err := p.endBy(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// Crash ends the whole platform with SIGKILL. The runner's children go with it (on Linux).
func (p *Platform) Crash(t testing.TB) {
	t.Helper()
	p.note()
	p.crashed = true
	_ = p.cmd.Process.Kill()
	<-p.ended
	Wait(t, stopLimit, p.leftovers)
}

// end stops the platform if it runs.
func (p *Platform) end() error { return p.endBy(syscall.SIGTERM) }

func (p *Platform) endBy(signal syscall.Signal) error {
	defer p.hangUp() // afterwards: users do not hang up before the platform ends either
	select {
	case <-p.ended:
		if p.crashed || p.cmd.ProcessState.Success() {
			return p.leftovers()
		}
		return errors.Join(fmt.Errorf("seaport up ended by itself: %w", p.result), p.leftovers())
	default:
	}
	p.note()
	began := time.Now()
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.Join(fmt.Errorf("seaport up was still there %s after %s\n%s", stopLimit, signal, p.tail(30)), p.leftovers())
	}
	if p.result != nil {
		return errors.Join(fmt.Errorf("seaport up ended with %w after %s\n%s", p.result, signal, p.tail(30)), p.leftovers())
	}
	// What is left of the ten seconds is for the system to bury the children.
	return poll(stopLimit-time.Since(began), p.leftovers)
}

// hangUp closes the connections of the tests.
func (p *Platform) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns, p.nobody = nil, nil
}

// shared is the platform of the tests that do not need one of their own.
var shared struct {
	sync.Mutex

	platform *Platform
	folder   string
}

// Shared returns the platform of the cheap tests of a package, started by the first of them with
// its flags.
func Shared(t testing.TB, flags ...string) *Platform {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.platform == nil {
		p, err := start(filepath.Join(scratch, "shared"), flags)
		if err != nil {
			t.Fatal(err)
		}
		shared.platform = p
	}
	p := shared.platform
	t.Cleanup(func() {
		if t.Failed() {
			p.showLog(t)
		}
	})
	return p
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.platform == nil {
		return nil
	}
	return shared.platform.end()
}
