package command

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/shell"
	opsv1 "seaport.example/proto/seaport/ops/v1"
)

func newDeadLetterCommand(s *session) *cobra.Command {
	cmd := group("deadletter", "Look after the events that a service could not handle; for admins",
		newDeadLetterListCommand(s),
		newDeadLetterShowCommand(s),
		newDeadLetterReplayCommand(s),
		newDeadLetterDiscardCommand(s),
	)
	cmd.Long = `An event that a service fails to handle again and again becomes a dead letter of that service: it is
kept, with the reason, until it is replayed or discarded.`
	return cmd
}

func newDeadLetterListCommand(s *session) *cobra.Command {
	var pages paging
	cmd := &cobra.Command{
		Use:   "list APP",
		Short: "List the dead letters of a service, the newest first",
		Long: `Lists the dead letters of the service with the app id APP, the newest first. TIME is when the
service gave the event up, ATTEMPTS how often it was tried.`,
		Example: `  seaport deadletter list notification
  seaport deadletter list notification --all --output json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := named(cmd, args); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			client := opsv1.NewOpsServiceClient(conn)
			gathered := &opsv1.ListDeadLettersResponse{}
			next, err := pages.walk(func(size int32, token string) (string, error) {
				resp, err := client.ListDeadLetters(cmd.Context(),
					&opsv1.ListDeadLettersRequest{AppId: args[0], PageSize: size, PageToken: token})
				gathered.DeadLetters = append(gathered.DeadLetters, resp.GetDeadLetters()...)
				return resp.GetNextPageToken(), err
			})
			if err != nil {
				return err
			}
			gathered.NextPageToken = next
			return s.present(gathered, func(w io.Writer) error {
				if err := writeDeadLetters(w, gathered); err != nil {
					return err
				}
				return sayNext(w, cmd, next)
			})
		},
	}
	pages.flags(cmd)
	return cmd
}

func newDeadLetterShowCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "show APP ID",
		Short: "Show a dead letter with its payload",
		Long: `Shows the dead letter with the event id ID of the service with the app id APP, and its payload:
indented if it is JSON, else in base64.`,
		Example: `  seaport deadletter show notification 01234567-89ab-7cde-8f01-23456789abcd.booked
  seaport deadletter show notification 01234567-89ab-7cde-8f01-23456789abcd.booked --output json`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeApps,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := named(cmd, args); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			resp, err := opsv1.NewOpsServiceClient(conn).ListDeadLetters(cmd.Context(),
				&opsv1.ListDeadLettersRequest{AppId: args[0], Ids: args[1:]})
			if err != nil {
				return err
			}
			for _, letter := range resp.GetDeadLetters() {
				if letter.GetId() == args[1] {
					return s.present(letter, func(w io.Writer) error { return writeDeadLetter(w, letter) })
				}
			}
			return &advisedError{
				err:  status.Errorf(codes.NotFound, "no dead letter of %s has the id %q", args[0], args[1]),
				next: fmt.Sprintf("\"seaport deadletter list %s\" lists them; one that was replayed or discarded is gone.", shell.Word(args[0])),
			}
		},
	}
}

// named refuses arguments that name nothing: to the services an empty app id is the one called, and
// no ids are all of them.
func named(cmd *cobra.Command, args []string) error {
	for i, arg := range args {
		switch {
		case arg != "":
		case i == 0:
			return badUsage(cmd, errors.New("APP: must not be empty"))
		default:
			return badUsage(cmd, errors.New("ID: must not be empty"))
		}
	}
	return nil
}
