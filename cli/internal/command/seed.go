package command

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/runner"
	"seaport.example/cli/internal/runner/secrets"
)

// newSeedCommand returns "seaport seed".
func newSeedCommand(s *session) *cobra.Command {
	var (
		data, root string
		wait       time.Duration
	)
	cmd := &cobra.Command{
		Use:   "seed",
		Short: "Create the first users, vessel and depots of a platform that runs",
		Long: `Does what "seaport up" does by itself when it starts, to any platform that runs: it creates a user for each
role, keeps their passwords in users.json of the data folder and shows them, creates a vessel and depots
for the sample consignment, and leaves the command line logged in as the customer, unless somebody is logged
in already. What is there stays as it is, so it may be called again.

It acts as an admin and an operator, by a token that it signs with the keys in the data folder ("seaport
secrets"). For a platform whose keys are elsewhere set SEAPORT_TOKEN, a token with both roles.

A platform that is still starting is waited for.`,
		Example: `  seaport seed --data .seaport/dapr
  SEAPORT_TOKEN=… seaport seed --server seaport.example.com:8080 --data /var/lib/seaport`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.check(); err != nil {
				return err
			}
			folder, err := dataFolder(cmd, root, data)
			if err != nil {
				return badUsage(cmd, err)
			}
			token, err := s.seedToken(folder)
			if err != nil {
				return splitError(err)
			}
			if err := os.MkdirAll(folder, 0o700); err != nil {
				return fmt.Errorf("making the data folder: %w", err)
			}
			// Calls bring the token of a role, not that of whoever is logged in.
			conn, err := s.dial(
				grpc.WithStatsHandler(connectionWatch{&s.connected}),
				grpc.WithChainUnaryInterceptor(limitTime(s), repeat(defaultRetry, s.sayRetry)),
			)
			if err != nil {
				return err
			}
			if err := s.waitReady(cmd.Context(), wait); err != nil {
				return err
			}
			return runner.Seed(cmd.Context(), runner.SeedOptions{
				Data: folder, Server: s.address, Conn: conn, Token: token, Try: os.Args[0],
				Sayf: func(format string, args ...any) { fmt.Fprintf(s.stdout, format+"\n", args...) },
			})
		},
	}
	dataFlags(cmd, &data, &root)
	cmd.Flags().DurationVar(&wait, "wait", 3*time.Minute, "how long to wait for a platform that is not ready")
	return cmd
}

// seedToken returns where the tokens of roles come from: SEAPORT_TOKEN, else the keys in a data folder.
func (s *session) seedToken(data string) (func(role string) (string, error), error) {
	if s.caller.fixed != "" {
		return func(string) (string, error) { return s.caller.fixed, nil }, nil
	}
	keys, err := secrets.Read(data)
	if err != nil {
		return nil, err
	}
	return func(role string) (string, error) { return keys.Token("seaport-seed", time.Now(), role) }, nil
}

// waitReady waits until the platform is ready, and says that it waits.
func (s *session) waitReady(ctx context.Context, limit time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := runner.WaitReady(waiting, s.address, func(format string, args ...any) {
		if s.format() == outputText {
			fmt.Fprintf(s.stderr, "seaport: "+format+"\n", args...)
		}
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return status.Error(codes.Unavailable, err.Error())
	}
	return nil
}
