package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// commandLimit is how long a command line may take.
const commandLimit = time.Minute

// Outcome is how a command line ended.
type Outcome struct {
	Exit           int // -1: by a signal
	Stdout, Stderr string
	Memory         int64 // bytes, at most
}

// CLI runs the command line against the platform, as the operator.
func (p *Platform) CLI(t testing.TB, args ...string) Outcome {
	t.Helper()
	return p.CLIWith(t, "", args...)
}

// CLIWith is [Platform.CLI] with text on its standard input.
func (p *Platform) CLIWith(t testing.TB, stdin string, args ...string) Outcome {
	t.Helper()
	return p.usual(t).CLI(t, stdin, args...)
}

// CLI runs the command line against the platform, with text on its standard input. It is told who
// calls by SEAPORT_TOKEN.
func (c Caller) CLI(t testing.TB, stdin string, args ...string) Outcome {
	t.Helper()
	return command(t, stdin, []string{"SEAPORT_SERVER=" + c.platform.Address(), "SEAPORT_TOKEN=" + c.Token(t)}, args...)
}

// CLIAt runs the command line against the platform as whoever is logged in there: with the
// credentials in a folder, and no token in its environment.
func (p *Platform) CLIAt(t testing.TB, folder, stdin string, args ...string) Outcome {
	t.Helper()
	return command(t, stdin, []string{"SEAPORT_SERVER=" + p.Address(), configVariable + "=" + folder}, args...)
}

// CLI runs the command line without a platform, with settings (KEY=VALUE) over the environment.
func CLI(t testing.TB, environ []string, args ...string) Outcome {
	t.Helper()
	return command(t, "", environ, args...)
}

func command(t testing.TB, stdin string, environ []string, args ...string) Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	outcome, err := execute(ctx, stdin, environ, args)
	if err != nil {
		t.Fatalf("seaport %s: %v; it said\n%s%s", strings.Join(args, " "), err, outcome.Stdout, outcome.Stderr)
	}
	return outcome
}

// RefusedStart runs `seaport up` on a fresh data folder, which must end by itself without ever
// being ready. Settings (KEY=VALUE) go over the environment.
func RefusedStart(t testing.TB, environ []string, flags ...string) Outcome {
	t.Helper()
	return RefusedStartIn(t, Folder(t), environ, flags...)
}

// RefusedStartIn is [RefusedStart] on a data folder that somebody else may have.
func RefusedStartIn(t testing.TB, data string, environ []string, flags ...string) Outcome {
	t.Helper()
	before, _ := ReadRecord(data) // of who has it
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	go func() {
		err := poll(commandLimit, func() error {
			if ctx.Err() != nil {
				return nil
			}
			record, err := ReadRecord(data)
			if err == nil && record.PID != before.PID && record.State == "ready" {
				return nil
			}
			return errors.New("it did not end")
		})
		if err == nil {
			err = errors.New("it started")
		}
		cancel(err)
	}()
	args := append([]string{"up", "--root", Root(), "--data", data, "--port", "0"}, flags...)
	outcome, err := execute(ctx, "", environ, args)
	if err != nil {
		t.Fatalf("seaport %s: %v; it said\n%s%s", strings.Join(args, " "), err, outcome.Stdout, outcome.Stderr)
	}
	return outcome
}

// execute runs the command line until it ends, or ctx does, which is an error.
func execute(ctx context.Context, stdin string, environ, args []string) (Outcome, error) {
	r, err := begin(ctx, stdin, environ, args)
	if err != nil {
		return Outcome{}, err
	}
	outcome := r.outcome()
	if ctx.Err() != nil {
		return outcome, fmt.Errorf("not done: %w", context.Cause(ctx))
	}
	return outcome, r.broken
}

// configVariable names the folder that the command line keeps credentials in.
const configVariable = "SEAPORT_CONFIG"

// environment is this process's own, but for the log-ins of whoever runs the tests.
func environment(config string) []string {
	return append(os.Environ(), configVariable+"="+config, "SEAPORT_TOKEN=")
}
