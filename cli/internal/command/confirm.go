package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// confirm asks a question at the terminal that standard input is. Any answer but "yes" is an error.
func (s *session) confirm(ctx context.Context, question string) error {
	fmt.Fprintf(s.stderr, "%s Type yes: ", question)
	answer, err := unlessDone(ctx, func() (string, error) {
		return bufio.NewReader(io.LimitReader(s.stdin, longestLine)).ReadString('\n')
	})
	if err != nil {
		fmt.Fprintln(s.stderr) // no line was ended at the terminal
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(answer), "yes") {
		return badInput("not confirmed: nothing was done")
	}
	return nil
}
