// Package command is the command line of Seaport: a client of the gateway, and the local runner.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// What Run returns. They are documented in the help of the root command.
const (
	exitOK          = 0
	exitFailed      = 1
	exitBadInput    = 2
	exitUnreachable = 3
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// Run runs one command line and returns the exit code. What was asked for goes to stdout,
// everything else (errors, progress) to stderr.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &printer{to: stdout}
	s := &session{stdin: stdin, stdout: out, stderr: stderr}
	defer s.close()
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	begun := markBegin(root)
	cmd, err := root.ExecuteContextC(ctx)
	if unprinted := out.failed(); unprinted != nil {
		err = s.unprinted(unprinted, err)
	}
	if err == nil {
		return exitOK
	}
	if !*begun { // cobra refused the command line itself
		err = badUsage(cmd, err)
	}
	f := explain(err, s)
	f.print(stderr, s.format())
	return f.exit
}

// unprinted returns the error of a command whose result could not be printed: err if the command failed besides.
func (s *session) unprinted(unprinted, err error) error {
	if _, same := errors.AsType[*unprintedError](err); err == nil || same {
		err = unprinted
	} else {
		err = fmt.Errorf("%w; %w", err, unprinted)
	}
	if len(s.done) == 0 {
		return err
	}
	return &advisedError{err: err, next: "It is done all the same: " + strings.Join(s.done, "; ") + "."}
}

// markBegin makes every command of the tree note that it began. An error from before that is the
// fault of the command line, whichever part of cobra found it.
func markBegin(cmd *cobra.Command) *bool {
	begun := new(bool)
	var mark func(*cobra.Command)
	mark = func(cmd *cobra.Command) {
		if run := cmd.RunE; run != nil {
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				*begun = true
				return run(cmd, args)
			}
		}
		for _, sub := range cmd.Commands() {
			mark(sub)
		}
	}
	mark(cmd)
	return begun
}
