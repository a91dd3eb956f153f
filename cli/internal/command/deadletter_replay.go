package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/shell"
	opsv1 "seaport.example/proto/seaport/ops/v1"
)

func newDeadLetterReplayCommand(s *session) *cobra.Command {
	var which choice
	cmd := &cobra.Command{
		Use:   "replay APP ID… | APP --all",
		Short: "Have a service handle dead letters again",
		Long: `Has the service with the app id APP handle dead letters again, and prints what came of each. One
that is handled is gone; one that fails stays, with its new reason, and then the exit code is 1.
Replaying twice does no harm.

With --all it goes through them, the newest first, until there is none that it has not tried.`,
		Example: `  seaport deadletter replay notification 01234567-89ab-7cde-8f01-23456789abcd.booked
  seaport deadletter replay notification --all`,
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
			client := opsv1.NewOpsServiceClient(conn)
			report := &replayReport{s: s, app: which.app}
			err = which.each(cmd.Context(), client, func(ids []string) error {
				resp, err := client.ReplayDeadLetters(cmd.Context(), &opsv1.ReplayDeadLettersRequest{AppId: which.app, Ids: ids})
				if err != nil {
					return err
				}
				return report.add(ids, resp.GetResults())
			})
			if printErr := report.finish(err == nil); printErr != nil {
				return errors.Join(printErr, err)
			}
			if err == nil {
				err = report.failed()
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&which.all, "all", false, "replay every dead letter of the service")
	return cmd
}

// replayReport prints results as they come, or all of them as JSON at the end.
type replayReport struct {
	s       *session
	app     string
	all     opsv1.ReplayDeadLettersResponse
	handled int
}

// add takes the results of one call, which was about these ids.
func (r *replayReport) add(ids []string, results []*opsv1.ReplayResult) error {
	for i, result := range results {
		if i >= len(ids) || result.GetId() != ids[i] {
			return fmt.Errorf("the server tells of dead letter %q, which it was not asked for there", result.GetId())
		}
		r.all.Results = append(r.all.Results, result)
		text := "handled"
		if result.GetHandled() {
			r.handled++
		} else {
			text = "not handled: " + result.GetReason()
		}
		r.s.did("%s: %s", visible(result.GetId()), visible(text))
		if r.s.output != outputJSON {
			fmt.Fprintf(r.s.stdout, "%s: %s\n", visible(result.GetId()), visible(text))
		}
	}
	if len(results) < len(ids) {
		return fmt.Errorf("the server does not tell of dead letter %q", ids[len(results)])
	}
	return nil
}

// finish prints the sum of it, also when the calls broke off: then complete is false.
func (r *replayReport) finish(complete bool) error {
	if r.s.output == outputJSON {
		return writeMessage(r.s.stdout, &r.all)
	}
	n := len(r.all.GetResults())
	if n == 0 {
		if complete {
			fmt.Fprintln(r.s.stdout, "No dead letters.")
		}
		return nil
	}
	_, err := fmt.Fprintf(r.s.stdout, "\n%d of %s handled.\n", r.handled, deadLetters(n))
	return err
}

// failed is an error when some are not handled.
func (r *replayReport) failed() error {
	n := len(r.all.GetResults()) - r.handled
	if n == 0 {
		return nil
	}
	return &advisedError{
		err:  fmt.Errorf("%s not handled", deadLetters(n)),
		next: fmt.Sprintf("They stay. \"seaport deadletter show %s ID\" shows one, the log of the service says more.", shell.Word(r.app)),
	}
}
