package process

import (
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Event tells that a process was started or has ended.
type Event struct {
	Spec *Spec
	// PID is that of the process started or ended; 0 if it could not be started.
	PID int
	// Ended is false for a start.
	Ended bool
	// Err is why it ended or could not be started; nil after exit code 0.
	Err error
	// Uptime is how long it ran.
	Uptime time.Duration
	// Crashes counts the ends nobody asked for, of the whole run.
	Crashes int
	// Restart is the time until the next start; 0 when there is none.
	Restart time.Duration
}

// Supervisor keeps one process running.
type Supervisor struct {
	spec    Spec
	output  *Output
	observe func(Event)

	stopping chan struct{}
	done     chan struct{}
	stop     sync.Once

	mu  sync.Mutex
	pid int // 0 while it does not run
}

// Supervise starts the process and restarts it, with back-off, whenever it ends by itself, until Stop or Kill.
// Observe hears of it all, one event after another; it must not call Stop or Kill.
func Supervise(spec Spec, output *Output, observe func(Event)) *Supervisor {
	s := &Supervisor{
		spec:     spec,
		output:   output,
		observe:  observe,
		stopping: make(chan struct{}),
		done:     make(chan struct{}),
	}
	go s.run()
	return s
}

// Spec is what it runs.
func (s *Supervisor) Spec() *Spec { return &s.spec }

// Output is where the process's lines go.
func (s *Supervisor) Output() *Output { return s.output }

// Terminate asks the process to end and is not waiting for it. It will not be restarted.
func (s *Supervisor) Terminate() { s.end(syscall.SIGTERM) }

// Kill ends the process at once and does not wait for it. It will not be restarted.
func (s *Supervisor) Kill() { s.end(syscall.SIGKILL) }

// Done is closed when the process is gone for good.
func (s *Supervisor) Done() <-chan struct{} { return s.done }

func (s *Supervisor) end(signal syscall.Signal) {
	s.stop.Do(func() { close(s.stopping) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pid != 0 {
		signalGroup(s.pid, signal)
	}
}

func (s *Supervisor) run() {
	defer close(s.done)
	defer s.output.Flush()
	var wait backoff
	for crashes := 0; ; crashes++ {
		event := s.runOnce(crashes)
		s.output.Flush()
		select {
		case <-s.stopping:
			s.observe(event)
			return
		default:
		}
		event.Crashes = crashes + 1
		event.Restart = wait.next(event.Uptime)
		s.observe(event)
		timer := time.NewTimer(event.Restart)
		select {
		case <-s.stopping:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// runOnce starts the process and waits for its end.
func (s *Supervisor) runOnce(crashes int) Event {
	cmd := s.spec.command(s.output)
	if stopped, err := s.start(cmd); err != nil || stopped {
		return Event{Spec: &s.spec, Ended: true, Err: err}
	}
	pid, begin := cmd.Process.Pid, time.Now()
	s.observe(Event{Spec: &s.spec, PID: pid, Crashes: crashes})
	err := cmd.Wait()
	s.mu.Lock()
	s.pid = 0
	s.mu.Unlock()
	// Whatever it started goes with it.
	signalGroup(pid, syscall.SIGKILL)
	return Event{Spec: &s.spec, PID: pid, Ended: true, Err: err, Uptime: time.Since(begin)}
}

// start starts cmd unless the supervisor was stopped meanwhile: holding the lock, so that an end that comes
// at the same time finds either no process or one to signal.
func (s *Supervisor) start(cmd *exec.Cmd) (stopped bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopping:
		return true, nil
	default:
	}
	if err := launch(cmd); err != nil {
		return false, err
	}
	s.pid = cmd.Process.Pid
	return false, nil
}
