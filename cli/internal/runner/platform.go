package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"seaport.example/cli/internal/runner/process"
	"seaport.example/cli/internal/runner/resource"
)

// platform is the set of processes of a run.
type platform struct {
	console *process.Console
	verbose bool
	logs    string // folder
	set     *resource.Set
	record  *recorder

	mu      sync.Mutex
	running []*process.Supervisor
	settled bool // the start is over: from now on what ends is restarted for ever
	ending  bool

	// broken gets why the platform cannot be started; only the first reason counts.
	broken chan error
}

// self is how the runner signs its own lines.
const self = "seaport"

func (p *platform) sayf(format string, args ...any) {
	p.console.Println(self, fmt.Sprintf(format, args...))
}

// start begins to supervise a process.
func (p *platform) start(spec process.Spec) error {
	output, err := process.NewOutput(spec.Name, p.logs, p.console, p.filter(spec.Kind))
	if err != nil {
		return err
	}
	// Events name the output, which the supervisor does not have before it runs.
	supervisor := process.Supervise(spec, output, func(event process.Event) { p.observe(event, output) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, supervisor)
	return nil
}

func (p *platform) filter(kind process.Kind) process.Filter {
	switch kind {
	case process.Sidecar, process.Control:
		return process.DaprLines(p.verbose)
	case process.Broker:
		return process.NATSLines(p.verbose)
	default:
		return process.Everything
	}
}

// startCrashes says how often a process may end before the platform was ready once.
var startCrashes = map[process.Kind]int{process.App: 4, process.Sidecar: 2, process.Broker: 2, process.Control: 2}

// observe records what happens to a process and says so.
func (p *platform) observe(event process.Event, output *process.Output) {
	if err := p.record.observe(event); err != nil {
		p.sayf("%s", err)
	}
	if !event.Ended || event.Restart == 0 {
		return
	}
	p.mu.Lock()
	settled, ending := p.settled, p.ending
	p.mu.Unlock()
	if ending {
		return
	}
	if !settled {
		if reason := p.hopeless(event, output); reason != nil {
			select {
			case p.broken <- reason:
			default:
			}
			return
		}
	}
	p.sayf("%s ended after %s (%s): starting it again in %s", event.Spec.Name, event.Uptime.Round(time.Millisecond), reason(event.Err), event.Restart)
}

// hopeless says why it makes no sense to start a process again that ended during the start of the platform; nil if
// it does make sense.
func (p *platform) hopeless(event process.Event, output *process.Output) error {
	tail := output.Tail()
	fatal := ""
	if event.Spec.Kind != process.App {
		for _, line := range slices.Backward(tail) {
			if strings.HasPrefix(line, "FATAL ") {
				fatal = strings.TrimPrefix(line, "FATAL ")
				break
			}
		}
	}
	if fatal == "" && event.Crashes < startCrashes[event.Spec.Kind] {
		return nil
	}
	text := fmt.Sprintf("%s cannot be started (%s)", event.Spec.Name, reason(event.Err))
	if fatal != "" {
		text += ": " + fatal
		if file := p.fileOf(fatal); file != "" {
			text += "\ncorrect " + file
		}
	} else if len(tail) > 0 {
		text += ":\n  " + strings.Join(tail, "\n  ")
	}
	return fmt.Errorf("%s\nits whole log: %s/%s.log", text, p.logs, event.Spec.Name)
}

// fileOf finds the component file that a fatal message of a sidecar is about.
func (p *platform) fileOf(message string) string {
	for _, component := range p.set.Components {
		if strings.Contains(message, component.Name()+" ("+component.Spec.Type) {
			return component.File
		}
	}
	for _, word := range []string{"name resolver", "nameresolution", "[nr ", "configuration"} {
		if strings.Contains(message, word) {
			return p.set.Config
		}
	}
	return ""
}

func reason(err error) string {
	if err == nil {
		return "exit code 0"
	}
	return err.Error()
}

// settle says that the start is over.
func (p *platform) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled = true
}

// How long each step of stopping may take; together less than ten seconds.
const (
	gatewayGrace = 2500 * time.Millisecond
	appGrace     = 3 * time.Second
	sidecarGrace = 2500 * time.Millisecond
	rootsGrace   = 1500 * time.Millisecond
)

// stop ends everything from the outside in, so that whoever is still working has what it needs: the gateway, the apps,
// their sidecars, then broker and control plane. What outlives its grace is killed. Closing kill ends all at once.
func (p *platform) stop(kill <-chan struct{}) {
	p.mu.Lock()
	p.ending = true
	running := slices.Clone(p.running)
	p.mu.Unlock()

	var front, apps, sidecars, roots []*process.Supervisor
	for _, supervisor := range running {
		switch spec := supervisor.Spec(); {
		case spec.Kind == process.App && spec.App == gateway:
			front = append(front, supervisor)
		case spec.Kind == process.App:
			apps = append(apps, supervisor)
		case spec.Kind == process.Sidecar:
			sidecars = append(sidecars, supervisor)
		default:
			roots = append(roots, supervisor)
		}
	}
	terminate(front)
	wait(front, gatewayGrace, kill)
	terminate(apps)
	end(append(apps, front...), appGrace, kill)
	terminate(sidecars)
	end(sidecars, sidecarGrace, kill)
	terminate(roots)
	end(roots, rootsGrace, kill)
	for _, supervisor := range running {
		_ = supervisor.Output().Close()
	}
}

func terminate(supervisors []*process.Supervisor) {
	for _, supervisor := range supervisors {
		supervisor.Terminate()
	}
}

// wait reports whether all have ended before the grace was over.
func wait(supervisors []*process.Supervisor, grace time.Duration, kill <-chan struct{}) bool {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for _, supervisor := range supervisors {
		select {
		case <-supervisor.Done():
		case <-timer.C:
			return false
		case <-kill:
			return false
		}
	}
	return true
}

// end waits and kills what is left.
func end(supervisors []*process.Supervisor, grace time.Duration, kill <-chan struct{}) {
	if wait(supervisors, grace, kill) {
		return
	}
	for _, supervisor := range supervisors {
		supervisor.Kill()
	}
	for _, supervisor := range supervisors {
		<-supervisor.Done()
	}
}

// during runs step and returns its error, or why the platform broke meanwhile.
func (p *platform) during(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- step(ctx) }()
	select {
	case err := <-done:
		select {
		case broken := <-p.broken:
			return errors.Join(broken)
		default:
			return err
		}
	case broken := <-p.broken:
		cancel(broken)
		<-done
		return broken
	}
}
