package command

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"seaport.example/cli/internal/runner"
)

// newUpCommand returns "seaport up".
func newUpCommand() *cobra.Command {
	var (
		options  runner.Options
		replicas []string
		root     string
		noSeed   bool
	)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the whole platform on this machine",
		Long: `Runs what dapr.yaml describes: the apps, a Dapr sidecar for each, the Dapr control plane and,
for profile local, a NATS broker; and a mail catcher, so that no e-mail leaves this machine
("seaport mail"). What is missing is built first: the apps each time, the pinned
Dapr runtime and broker once (see "seaport tools").

Whatever crashes is started again. Ctrl-C or SIGTERM drains and stops everything within ten
seconds; a second Ctrl-C kills at once. The data folder keeps state and events from one run to the
next, and the full log of each process in logs/. While it runs, run.json there says what runs
where, and tokens.json by which tokens sidecars and apps let each other in.

The first start creates a user for each role and shows their passwords, which stay in users.json.
It leaves the command line logged in as the customer, unless somebody is logged in already.

Everything listens on this machine only; SEAPORT_LISTEN is the address of the public port.`,
		Example: `  seaport up
  seaport up --port 8081 --data /tmp/seaport --replicas consignment=2 --replicas vessel=2
  seaport up --profile redis
  seaport up --env SEAPORT_LOG_LEVEL=debug --env vessel:SEAPORT_HOLD_TTL=30s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if options.Replicas, err = runner.ParseReplicas(replicas); err != nil {
				return badUsage(cmd, err)
			}
			if options.Port < 0 || options.Port > 65535 {
				return badUsage(cmd, errors.New("--port: must be 1 to 65535, or 0 for a free one"))
			}
			if options.Here, err = os.Getwd(); err != nil {
				return err
			}
			if root == "" {
				root = options.Here
			}
			if options.Root, err = runner.FindRoot(root); err != nil {
				return badUsage(cmd, err)
			}
			if !cmd.Flags().Changed("data") {
				options.Data = filepath.Join(options.Root, options.Data)
			}
			if err := checkData(options.Data); err != nil {
				return err
			}
			if options.Program, err = os.Executable(); err != nil {
				return err
			}
			options.Seed = !noSeed
			options.Environ = os.Environ()
			options.Out = cmd.OutOrStdout()
			options.Terminal = isTerminal(options.Out)
			options.Colour = options.Terminal && os.Getenv("NO_COLOR") == ""
			options.Try = os.Args[0]
			err = untilSignal(cmd.Context(), options)
			if usage, ok := errors.AsType[*runner.UsageError](err); ok {
				return badUsage(cmd, usage)
			}
			return splitError(err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.Profile, "profile", "local", "the `folder` in components/ that says which broker and stores are used")
	flags.IntVar(&options.Port, "port", 8080, "the public `port`; 0 picks a free one")
	flags.StringArrayVar(&replicas, "replicas", nil, "run so many instances of an app, as `APP=N`; may be repeated")
	flags.StringVar(&options.Data, "data", ".seaport", "the `folder` that keeps the data; by default in the project's root")
	flags.BoolVar(&options.Insecure, "insecure", false, "let everybody do everything, without logging in; only where nothing listens beyond this machine")
	flags.BoolVar(&noSeed, "no-seed", false, "do not create the sample vessel and depots; users are created nevertheless")
	flags.StringVar(&root, "root", "", "the project's root `folder`; by default found from here upwards")
	flags.StringArrayVar(&options.Env, "env", nil, "a setting for the apps, `[APP:]KEY=VALUE`; may be repeated")
	flags.BoolVarP(&options.Verbose, "verbose", "v", false, "show all that sidecars, broker and control plane log, not warnings only")
	return cmd
}

// untilSignal runs the platform until the first SIGINT or SIGTERM; the second kills everything.
func untilSignal(ctx context.Context, options runner.Options) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	kill := make(chan struct{})
	options.Kill = kill
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for count := 0; ; count++ {
			select {
			case <-ended:
				return
			case <-signals:
				stop()
			}
			if count == 1 {
				close(kill)
				return
			}
		}
	}()
	return runner.Up(ctx, options)
}

// splitError makes the first line of an error its headline and the others what comes after it.
func splitError(err error) error {
	if err == nil {
		return nil
	}
	headline, rest, several := strings.Cut(err.Error(), "\n")
	if !several {
		return err
	}
	return &advisedError{err: errors.New(headline), next: rest}
}

func isTerminal(stream any) bool {
	if p, ok := stream.(*printer); ok {
		stream = p.to
	}
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
