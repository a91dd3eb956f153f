package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"seaport.example/cli/internal/flock"
	"seaport.example/cli/internal/runner/port"
	"seaport.example/cli/internal/runner/process"
	"seaport.example/cli/internal/runner/resource"
	"seaport.example/cli/internal/runner/runfile"
	"seaport.example/cli/internal/runner/secrets"
	"seaport.example/cli/internal/toolchain"
)

// startLimit is how long the platform may take until it is ready, building not counted.
const startLimit = 3 * time.Minute

// Up runs the platform until ctx ends, then drains and stops it. It returns nil after a run that was ended by ctx, and
// an error if the platform could not be started; in either case nothing is left running.
func Up(ctx context.Context, options Options) error {
	run := &run{options: options}
	defer run.release()
	if err := run.prepare(ctx); err != nil {
		return interrupted(ctx, err)
	}
	return interrupted(ctx, run.run(ctx))
}

// interrupted leaves errors out that are the consequence of being asked to stop.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// run is one run of the platform.
type run struct {
	options  Options
	file     *runfile.File
	set      *resource.Set
	platform *platform
	plan     *plan
	public   int
	keys     *secrets.Keys

	lock  *flock.Lock
	ports *port.Book

	loggedIn string // who the command line is logged in as; empty for nobody
}

// prepare does all that can fail before anything is started.
func (r *run) prepare(ctx context.Context) (err error) {
	o := &r.options
	if o.Data, err = filepath.Abs(o.Data); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if r.file, err = readServices(o.Root); err != nil {
		return err
	}
	if err := o.check(r.file); err != nil {
		return err
	}
	if r.set, err = resource.Load(filepath.Join(o.Root, "components"), o.Profile); err != nil {
		return err
	}
	if err := needGo(); err != nil {
		return err
	}
	if err := makeFolders(o.Data); err != nil {
		return err
	}
	if err := r.takeData(); err != nil {
		return err
	}
	if r.keys, err = secrets.Open(o.Data, appIDs(r.file), time.Now()); err != nil {
		return err
	}
	if err := r.choosePorts(); err != nil {
		return err
	}
	tools, err := r.findTools(ctx)
	if err != nil {
		return err
	}
	names := len(self)
	for _, app := range r.file.Apps {
		names = max(names, len(app.AppID)+len("#2.daprd"))
	}
	r.platform = &platform{
		console: process.NewConsole(o.Out, names, o.Colour),
		verbose: o.Verbose,
		logs:    filepath.Join(o.Data, "logs"),
		set:     r.set,
		broken:  make(chan error, 1),
	}
	programs, err := buildApps(ctx, r.file.Apps, filepath.Join(o.Data, "bin"), r.platform.sayf)
	if err != nil {
		return err
	}
	planner := &planner{
		options: o, file: r.file, set: r.set, tools: tools, programs: programs,
		public: r.public, nextPort: r.ports.Next, newToken: randomToken, mailerToken: r.keys.MailerToken(),
	}
	if r.plan, err = planner.plan(); err != nil {
		return err
	}
	if r.plan.mail != nil {
		if err := r.keys.MailTo(o.Data, r.plan.mail.url()+"/"); err != nil {
			return err
		}
	}
	return r.tellNames()
}

// tellNames gives sidecars the addresses of each other.
func (r *run) tellNames() error {
	path, err := writeNames(r.options.Data, r.plan.sidecar)
	if err != nil || path == "" {
		return err
	}
	for i := range r.plan.sidecar {
		r.plan.sidecar[i].Args = append(r.plan.sidecar[i].Args, "--config", path)
	}
	return nil
}

// takeData makes sure that no other run has the data folder.
func (r *run) takeData() error {
	lock, err := flock.Try(filepath.Join(r.options.Data, "lock"))
	if errors.Is(err, flock.ErrLocked) {
		who := "another seaport up"
		if record, err := readRecord(r.options.Data); err == nil {
			who += fmt.Sprintf(" (process %d, %s)", record.PID, record.URL)
		}
		return fmt.Errorf("%s is running with the data folder %s: use that one, stop it, or choose another folder with --data", who, r.options.Data)
	}
	if err != nil {
		return fmt.Errorf("taking the data folder: %w", err)
	}
	r.lock = lock
	return forgetNames(r.options.Data)
}

func (r *run) choosePorts() (err error) {
	if r.ports, err = port.Open(filepath.Join(os.TempDir(), "seaport-ports-"+strconv.Itoa(os.Getuid()))); err != nil {
		return err
	}
	if r.options.Port == 0 {
		r.public, err = r.ports.Next()
		return err
	}
	r.public = r.options.Port
	if !port.Free(r.listenAddress(), r.public) {
		return fmt.Errorf("port %d is taken by another program: stop that one, or choose another port with --port (--port 0 picks a free one)", r.public)
	}
	return nil
}

// listenAddress is the address the gateway is going to listen on.
func (r *run) listenAddress() string {
	for _, app := range r.file.Apps {
		if host := r.options.settings(app)["SEAPORT_LISTEN"]; app.AppID == gateway && host != "" {
			return host
		}
	}
	return loopback
}

func (r *run) findTools(ctx context.Context) (map[string]string, error) {
	tools, err := toolchain.New(toolchain.Config{
		Root: r.options.Root, Progress: r.options.Out, Terminal: r.options.Terminal, Getenv: os.Getenv,
	})
	if err != nil {
		return nil, err
	}
	sidecar, err := r.chooseSidecar(ctx, tools)
	if err != nil {
		return nil, err
	}
	needed := []string{sidecar}
	if r.set.Actors() {
		needed = append(needed, "placement", "scheduler")
	}
	if r.set.RefersTo(brokerURL) {
		needed = append(needed, "nats-server")
	}
	paths, err := tools.Ensure(ctx, needed...)
	if err != nil {
		return nil, err
	}
	paths[toolchain.Sidecar] = paths[sidecar]
	return paths, nil
}

// chooseSidecar returns the small sidecar, or the complete one if a component file asks for a type that only that one has.
func (r *run) chooseSidecar(ctx context.Context, tools *toolchain.Toolchain) (string, error) {
	linked, err := tools.Components()
	if err != nil {
		return "", err
	}
	missing := r.set.Missing(linked)
	if len(missing) == 0 {
		return toolchain.Sidecar, nil
	}
	all, err := tools.AllComponents(ctx)
	if err != nil {
		return "", err
	}
	// Building the complete sidecar takes minutes: not for a misspelt type.
	if unknown := r.set.Missing(all); len(unknown) > 0 {
		return "", fmt.Errorf("%s: Dapr has no component type %q: correct it; seaport tools components lists those that need no further building",
			unknown[0].File, unknown[0].Type)
	}
	for _, use := range missing {
		fmt.Fprintf(r.options.Out, "%s: the small sidecar has no %s, so the one with every component is used (seaport tools components lists what the small one has)\n",
			use.File, use.Type)
	}
	return toolchain.CompleteSidecar, nil
}

// run starts everything, waits for ctx to end and stops everything.
func (r *run) run(ctx context.Context) error {
	p := r.platform
	p.record = newRecorder(r.options.Data, Record{
		PID: os.Getpid(), URL: r.url(), Port: r.public, Profile: r.options.Profile,
		State: "starting", StartTime: time.Now(), BrokerURL: r.plan.url,
	}, r.plan.all())
	if err := p.record.state("starting"); err != nil {
		return err
	}
	defer p.record.remove()
	if err := writeTokens(r.options.Data, r.plan.tokens); err != nil {
		return err
	}
	defer removeTokens(r.options.Data)
	// The broker link lives until the broker is to stop.
	linkCtx, unlink := context.WithCancel(context.WithoutCancel(ctx))
	defer unlink()
	link, err := r.start(ctx, linkCtx)
	if err == nil {
		p.settled.Store(true)
		if err = p.record.state("ready"); err == nil {
			r.welcome()
			<-ctx.Done()
			p.sayf("stopping")
			r.leave()
		}
	}
	_ = p.record.state("stopping")
	begin := time.Now()
	unlink()
	link.close()
	p.stop(r.options.Kill)
	if err == nil {
		p.sayf("stopped in %s", time.Since(begin).Round(10*time.Millisecond))
	}
	return err
}

// start starts the broker first, since sidecars give up without one, and all others at once.
func (r *run) start(ctx, linkCtx context.Context) (link *brokerLink, err error) {
	p := r.platform
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("the platform was not ready after %s", startLimit))
	defer cancel()
	begin := time.Now()
	if r.plan.broker != nil {
		if err := writeBrokerConfig(r.options.Data); err != nil {
			return nil, err
		}
		if err := p.start(*r.plan.broker); err != nil {
			return nil, err
		}
		err := p.during(ctx, func(ctx context.Context) error {
			link, err = r.connect(ctx, linkCtx)
			return err
		})
		if err != nil {
			return link, err
		}
	}
	for _, spec := range r.plan.all() {
		if spec.Kind == process.Broker {
			continue
		}
		if err := p.start(spec); err != nil {
			return link, err
		}
	}
	if err := p.during(ctx, func(ctx context.Context) error { return waitHealthy(ctx, probesOf(r.plan), p.sayf) }); err != nil {
		return link, err
	}
	p.sayf("%d processes are up and healthy after %s", len(r.plan.all()), time.Since(begin).Round(100*time.Millisecond))
	return link, p.during(ctx, r.furnish)
}

func (r *run) connect(ctx, linkCtx context.Context) (*brokerLink, error) {
	// The link outlives the start, but while starting it gives up with it.
	connectCtx, cancel := context.WithCancel(linkCtx)
	stop := context.AfterFunc(ctx, cancel)
	link, err := linkBroker(connectCtx, r.plan.url, streamsOf(r.set), func(err error) { r.platform.sayf("broker: %s", err) })
	if !stop() {
		return link, errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return link, err
	}
	return link, link.updateConsumers(ctx, r.set)
}

func (r *run) url() string { return "http://localhost:" + strconv.Itoa(r.public) }

func (r *run) release() {
	if r.ports != nil {
		_ = r.ports.Close()
	}
	if r.lock != nil {
		_ = r.lock.Release()
	}
}
