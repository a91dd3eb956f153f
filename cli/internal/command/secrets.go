package command

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/runner"
	"seaport.example/cli/internal/runner/secrets"
)

// newSecretsCommand returns "seaport secrets".
func newSecretsCommand(s *session) *cobra.Command {
	return group("secrets", "The keys of a platform on this machine", newSecretsCreateCommand(s), newSecretsRotateCommand(s), newSecretsTokenCommand())
}

func newSecretsCreateCommand(s *session) *cobra.Command {
	create := keysCommand(s, secrets.Open, func(apps []string, folder string) string {
		return fmt.Sprintf("the keys of %s are in %s", strings.Join(apps, ", "), folder)
	})
	create.Use = "create"
	create.Short = "Make the keys that are missing"
	create.Long = `Makes the keys by which tokens are signed, and from them a file for each app of dapr.yaml with what
that app may know. What is there already stays.

"seaport up" does this by itself. The Dapr CLI does not: before "dapr run -f dapr.yaml" make the
keys where its sidecars look for them, in .seaport/dapr ("make secrets").`
	create.Example = "  seaport secrets create --data .seaport/dapr"
	return create
}

func newSecretsRotateCommand(s *session) *cobra.Command {
	rotate := keysCommand(s, secrets.Rotate, func(_ []string, folder string) string {
		return fmt.Sprintf("%s: the next key signs users' tokens from the next start on; what the one before signed is refused", folder)
	})
	rotate.Use = "rotate"
	rotate.Short = "Replace the key of users' tokens now, before its time"
	rotate.Long = `Drops the oldest key of users' tokens, lets the next one sign from now on, and makes the one after
it. That is for a key that somebody else may have: all access tokens signed with it are refused.
Nobody has to log in again, since refresh tokens stay good.

Without it keys change by themselves, every 30 days, and nobody notices.

It is for a platform that is stopped: the sidecars of the profiles local and redis read their
secrets once, when they start. Stop it, rotate, start it again.`
	rotate.Example = "  seaport secrets rotate"
	return rotate
}

// newSecretsTokenCommand returns "seaport secrets token": whoever has the keys can be anybody, and needs a way to be so
// before there is an admin, or when the last one is lost.
func newSecretsTokenCommand() *cobra.Command {
	var data, root string
	cmd := &cobra.Command{
		Use:   "token ROLE...",
		Short: "Print an access token with these roles",
		Long: `Signs an access token with the platform's own keys and prints it. It is good for five minutes, and
nobody's: its user does not exist.

It is for a platform that has no admin, or none whose password is known: make one with it.`,
		Example: `  SEAPORT_TOKEN=$(seaport secrets token admin) seaport user set-roles ID customer admin`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			roles, err := parseRoles(args)
			if err != nil {
				return badUsage(cmd, err)
			}
			if data, err = dataFolder(cmd, root, data); err != nil {
				return badUsage(cmd, err)
			}
			keys, err := secrets.Read(data)
			if err != nil {
				return splitError(err)
			}
			token, err := keys.Token("keeper-of-keys", time.Now(), roleNames(roles)...)
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), token)
			return nil
		},
	}
	dataFlags(cmd, &data, &root)
	return cmd
}

// keysCommand returns a command that changes the keys in a data folder. Done is what it says then.
func keysCommand(
	s *session,
	change func(data string, apps []string, now time.Time) (*secrets.Keys, error),
	done func(apps []string, folder string) string,
) *cobra.Command {
	var data, root string
	cmd := &cobra.Command{
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := runner.FindRoot(root)
			if err != nil {
				return badUsage(cmd, err)
			}
			if data, err = dataFolder(cmd, folder, data); err != nil {
				return badUsage(cmd, err)
			}
			apps, err := runner.AppIDs(folder)
			if err != nil {
				return splitError(err)
			}
			keys, err := change(data, apps, time.Now())
			if err != nil {
				return splitError(err)
			}
			// "seaport up" says where its own relay is when it starts.
			relay, err := runner.MailRelay(folder)
			if err != nil {
				return splitError(err)
			}
			if err := keys.MailTo(data, relay); err != nil {
				return splitError(err)
			}
			s.did("%s", done(apps, secrets.Folder(data)))
			fmt.Fprintln(cmd.OutOrStdout(), done(apps, secrets.Folder(data)))
			return nil
		},
	}
	dataFlags(cmd, &data, &root)
	return cmd
}

func dataFlags(cmd *cobra.Command, data, root *string) {
	cmd.Flags().StringVar(data, "data", ".seaport", "the `folder` that keeps the data; by default in the project's root")
	cmd.Flags().StringVar(root, "root", ".", "the project's root `folder`; by default found from here upwards")
}

// dataFolder is what --data says, or else the usual folder of the project at or above root.
func dataFolder(cmd *cobra.Command, root, data string) (string, error) {
	if cmd.Flags().Changed("data") {
		return data, checkData(data)
	}
	folder, err := runner.FindRoot(root)
	return filepath.Join(folder, data), err
}
