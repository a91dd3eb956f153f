package command

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

func newDeadLetterDiscardCommand(s *session) *cobra.Command {
	var (
		which choice
		yes   bool
	)
	cmd := &cobra.Command{
		Use:   "discard APP ID… | APP --all",
		Short: "Delete dead letters for good",
		Long: `Deletes dead letters of the service with the app id APP for good: those events will never be
handled. One that is gone already is no error.

With --all it deletes them, the newest first, until none is left, those included that come
meanwhile. It asks first; where there is no terminal to ask at, --yes is needed.`,
		Example: `  seaport deadletter discard notification 01234567-89ab-7cde-8f01-23456789abcd.booked
  seaport deadletter discard notification --all --yes`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := which.read(cmd, args); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			if which.all && !yes {
				if !isTerminal(s.stdin) {
					return badUsage(cmd, errors.New("--all: needs --yes where there is no terminal to ask at"))
				}
				if err := s.confirm(cmd.Context(), "Discard every dead letter of "+visible(which.app)+" at "+s.address+" for good?"); err != nil {
					return err
				}
			}
			client := opsv1.NewOpsServiceClient(conn)
			sum, asked := &opsv1.DiscardDeadLettersResponse{}, 0
			err = which.each(cmd.Context(), client, func(ids []string) error {
				resp, err := client.DiscardDeadLetters(cmd.Context(), &opsv1.DiscardDeadLettersRequest{AppId: which.app, Ids: ids})
				if err != nil {
					return err
				}
				asked += len(ids)
				sum.Discarded += resp.GetDiscarded()
				return nil
			})
			// Also when the calls broke off: what is deleted is deleted.
			s.did("%s discarded", deadLetters(int(sum.GetDiscarded())))
			printErr := s.present(sum, func(w io.Writer) error {
				if asked == 0 && err != nil {
					return nil
				}
				return writeDiscarded(w, int(sum.GetDiscarded()), asked)
			})
			if printErr != nil {
				return errors.Join(printErr, err)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&which.all, "all", false, "discard every dead letter of the service")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask whether --all is meant")
	return cmd
}

// writeDiscarded prints how many of those asked for were there.
func writeDiscarded(w io.Writer, discarded, asked int) error {
	text := "Discarded " + deadLetters(discarded)
	switch {
	case asked == 0:
		text = "No dead letters"
	case discarded < asked:
		text += fmt.Sprintf("; %d had gone before", asked-discarded)
	}
	_, err := fmt.Fprintln(w, text+".")
	return err
}
