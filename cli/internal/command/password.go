package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// passwordFlag adds --password. What it is for says where else a password comes from.
func passwordFlag(cmd *cobra.Command, password *string) {
	cmd.Flags().StringVar(password, "password", "",
		"the password; others on this machine may see it in the list of processes (default: asked for, or a line of standard input)")
}

// readPassword returns the password of --password; else it asks for it at a terminal, once for
// each prompt, the answers having to agree; else it reads a line of standard input.
func (s *session) readPassword(cmd *cobra.Command, prompts ...string) (string, error) {
	flag := cmd.Flags().Lookup("password")
	password := flag.Value.String()
	if flag.Changed {
		if password == "" {
			return "", badUsage(cmd, errors.New("--password: must not be empty"))
		}
		return password, nil
	}
	terminal, ok := s.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return readLine(cmd.Context(), s.stdin)
	}
	for i, prompt := range prompts {
		answer, err := s.ask(cmd.Context(), terminal, prompt)
		switch {
		case err != nil:
			return "", err
		case answer == "":
			return "", badInput("the password must not be empty")
		case i > 0 && answer != password:
			return "", badInput("the passwords differ")
		}
		password = answer
	}
	return password, nil
}

// ask prompts at a terminal and reads the answer, which is not shown.
func (s *session) ask(ctx context.Context, terminal *os.File, prompt string) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("ask for a password: %w", err)
	}
	fmt.Fprint(s.stderr, prompt)
	defer fmt.Fprintln(s.stderr) // the end of the line was not shown either
	answer, err := unlessDone(ctx, func() (string, error) {
		line, err := term.ReadPassword(fd)
		return string(line), err
	})
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // what is typed from now on is to be seen
	}
	return answer, err
}

// longestLine bounds a line of standard input, in bytes: no password is as long.
const longestLine = 4096

// readLine returns the first line without its end.
func readLine(ctx context.Context, stdin io.Reader) (string, error) {
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	line, err := unlessDone(ctx, func() (string, error) {
		return bufio.NewReader(io.LimitReader(stdin, longestLine+1)).ReadString('\n')
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	switch {
	case line == "":
		return "", badInput("no password: the first line of standard input is empty")
	case len(line) >= longestLine:
		return "", badInput("the password is longer than %d bytes", longestLine)
	}
	return line, nil
}

// unlessDone returns what read returns, or the error of ctx when that ends first: reading from a
// terminal or a pipe cannot be broken off.
func unlessDone[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
