package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

	settled atomic.Bool // the start is over: from now on what ends is restarted for ever
	ending  atomic.Bool

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
	supervisor := process.Supervise(spec, output, func(event process.Event) { p.observe(event, output) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, supervisor)
	return nil
}

func (p *platform) filter(kind process.Kind) process.Filter {
	switch kind {
	case process.Sidecar, process.Control:
		return p.quiet(process.DaprLines(p.verbose))
	case process.Broker:
		return p.quiet(process.NATSLines(p.verbose))
	case process.Mail:
		return process.Warnings(p.verbose)
	default:
		return process.Everything
	}
}

// quiet leaves out what is no news: that others do not answer yet while all start at once, and that they are
// going while all are stopped.
func (p *platform) quiet(filter process.Filter) process.Filter {
	return func(line string) (string, bool) {
		shown, show := filter(line)
		if show {
			p.suspect(shown)
		}
		if !show || p.verbose {
			return shown, show
		}
		starting := !p.settled.Load() && strings.Contains(shown, "connection refused") && !strings.HasPrefix(shown, "FATAL ")
		return shown, !starting && !p.ending.Load()
	}
}

// ignored are errors that a sidecar mentions in its log and then runs without the thing in question.
var ignored = []string{
	"couldn't find name resolver",
	"initialization error occurred for nr ",
	"Could not read resiliency policy",
	"error when parsing manifests",
	"failed to subscribe to topics",
}

// suspect ends the start when a sidecar goes on without part of its configuration.
func (p *platform) suspect(line string) {
	if p.settled.Load() || p.ending.Load() {
		return
	}
	for _, text := range ignored {
		if strings.Contains(line, text) {
			p.fail(fmt.Errorf("a sidecar cannot use its configuration: %s%s", plain(line), p.advice(line)))
			return
		}
	}
}

// fail ends the start. Only the first reason counts; what is logged after it are its consequences.
func (p *platform) fail(reason error) {
	select {
	case p.broken <- reason:
		p.ending.Store(true)
	default:
	}
}

// startCrashes says how often a process may end before the platform was ready once.
var startCrashes = map[process.Kind]int{process.App: 4, process.Sidecar: 2, process.Broker: 2, process.Control: 2, process.Mail: 2}

// observe records what happens to a process and says so.
func (p *platform) observe(event process.Event, output *process.Output) {
	if err := p.record.observe(event); err != nil {
		p.sayf("%s", err)
	}
	if !event.Ended || event.Restart == 0 {
		return
	}
	if p.ending.Load() {
		return
	}
	if !p.settled.Load() {
		if reason := p.hopeless(event, output); reason != nil {
			p.fail(reason)
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
			if reason, found := strings.CutPrefix(line, "FATAL "); found {
				fatal = reason
				break
			}
		}
	}
	if fatal == "" && event.Crashes < startCrashes[event.Spec.Kind] {
		return nil
	}
	log := "\nits log: " + filepath.Join(p.logs, event.Spec.Name+".log")
	if fatal != "" {
		return fmt.Errorf("%s cannot be started: %s%s%s", event.Spec.Name, plain(fatal), p.advice(fatal), log)
	}
	if len(tail) == 0 {
		return fmt.Errorf("%s cannot be started: %s%s", event.Spec.Name, reason(event.Err), log)
	}
	return fmt.Errorf("%s cannot be started: %s; the last it said:\n%s%s", event.Spec.Name, reason(event.Err), strings.Join(tail, "\n"), log)
}

var (
	wrapped = regexp.MustCompile(`^.*initialization error occurred for `)
	scope   = regexp.MustCompile(` \([a-z.]*\)$`)
)

// plain takes the runtime's wrapping off an error message.
func plain(message string) string {
	message = scope.ReplaceAllString(message, "")
	message = wrapped.ReplaceAllString(message, "")
	for _, prefix := range []string{"ERROR ", "WARN ", "Fatal error from runtime: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	return message
}

// advice is the line that says which file to correct, if that can be told from the message.
func (p *platform) advice(message string) string {
	if file := p.fileOf(message); file != "" {
		return "\ncorrect " + file
	}
	return ""
}

// fileOf finds the component file that a fatal message of a sidecar is about.
func (p *platform) fileOf(message string) string {
	for _, component := range p.set.Components {
		if strings.Contains(message, component.Name()+" ("+component.Spec.Type) {
			return component.File
		}
	}
	switch {
	case strings.Contains(message, "name resolver"), strings.Contains(message, "occurred for nr "):
		return p.set.Config
	case strings.Contains(message, "resiliency"):
		return p.set.Resiliency
	default:
		return ""
	}
}

func reason(err error) string {
	if err == nil {
		return "exit code 0"
	}
	return err.Error()
}

// How long each step of stopping may take; together less than ten seconds.
const (
	gatewayGrace = 2500 * time.Millisecond
	appGrace     = 3 * time.Second
	sidecarGrace = 2500 * time.Millisecond
	rootsGrace   = 1500 * time.Millisecond
)

// stop ends everything from the outside in, so that whoever is still working has what it needs: the gateway, the apps,
// their sidecars, then broker, mail and control plane. What outlives its grace is killed. Closing kill ends all at once.
func (p *platform) stop(kill <-chan struct{}) {
	p.ending.Store(true)
	p.mu.Lock()
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
			return broken
		default:
			return err
		}
	case broken := <-p.broken:
		cancel(broken)
		<-done //nolint:errcheck // only that it was cancelled
		return broken
	}
}
