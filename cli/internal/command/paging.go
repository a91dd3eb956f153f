package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/shell"
)

// largestPage is the most the services give at once.
const largestPage = 200

// paging is the flags of a command that lists.
type paging struct {
	size  int32
	token string
	all   bool
}

func (p *paging) flags(cmd *cobra.Command) {
	cmd.Flags().Int32Var(&p.size, "page-size", 0, "how many at most, 1 to 200 (default 50; with --all 200)")
	cmd.Flags().StringVar(&p.token, "page-token", "", "the page to show, as the page before names it")
	cmd.Flags().BoolVar(&p.all, "all", false, "show every page, from --page-token on")
}

// walk calls fetch for the page asked for and, with --all, for every page after it. It returns
// the token of the page that was not fetched; empty when there is none. Fetch returns the token
// of the page after its own.
func (p *paging) walk(fetch func(size int32, token string) (next string, err error)) (string, error) {
	size := p.size
	if p.all && size == 0 {
		size = largestPage
	}
	for token := p.token; ; {
		next, err := fetch(size, token)
		if err != nil || next == "" || !p.all {
			return next, err
		}
		if next == token {
			return "", errors.New("the server names a page as the one after itself")
		}
		token = next
	}
}

// sayNext prints the command for the next page, if there is one.
func sayNext(w io.Writer, cmd *cobra.Command, next string) error {
	if next == "" {
		return nil
	}
	again := []string{cmd.CommandPath()}
	for _, arg := range cmd.Flags().Args() {
		again = append(again, shell.Word(arg))
	}
	for _, name := range []string{"server", "customer", "page-size"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			again = append(again, "--"+name, shell.Word(f.Value.String()))
		}
	}
	_, err := fmt.Fprintf(w, "\nThere are more: %s --page-token %s\n", strings.Join(again, " "), shell.Word(next))
	return err
}
