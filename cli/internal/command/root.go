package command

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "seaport",
		Short: "Book freight on Seaport, and run Seaport on this machine",
		Long: `Seaport books freight: consignments of containers onto vessels with room.

The commands talk to the gateway of a running Seaport; "seaport up" starts one here. They call as
whoever is logged in there ("seaport login"), or with the access token in SEAPORT_TOKEN.

Exit codes:
  0    done
  1    refused by Seaport, or failed
  2    bad usage or bad input: nothing was sent
  3    Seaport, or a service of it, could not be reached: worth another try
  130  interrupted`,
		Example: `  seaport login --email you@example.com
  seaport consignment create examples/consignment.json
  seaport consignment list
  seaport vessel list --output json
  seaport ping consignment -n 10`,
		Version:       buildVersion(),
		SilenceErrors: true, // Run prints them, in one form
		SilenceUsage:  true,
		Args:          noSuchCommand,
		RunE:          showHelp,
	}
	root.SetVersionTemplate("seaport {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = false
	s.flags(root.PersistentFlags())

	root.AddGroup(
		&cobra.Group{ID: groupFreight, Title: "Freight:"},
		&cobra.Group{ID: groupAccount, Title: "Account:"},
		&cobra.Group{ID: groupPlatform, Title: "Platform:"},
	)
	for _, cmd := range []*cobra.Command{newConsignmentCommand(s), newVesselCommand(s), newDepotCommand(s)} {
		cmd.GroupID = groupFreight
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{newLoginCommand(s), newLogoutCommand(s), newWhoamiCommand(s), newTokenCommand(s), newUserCommand(s)} {
		cmd.GroupID = groupAccount
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{newUpCommand(), newSeedCommand(s), newSecretsCommand(s), newToolsCommand(), newMailCommand(s), newDeadLetterCommand(s), newPublishCommand(s), newPingCommand(s), newBenchCommand(s)} {
		cmd.GroupID = groupPlatform
		root.AddCommand(cmd)
	}
	return root
}

const (
	groupFreight  = "freight"
	groupAccount  = "account"
	groupPlatform = "platform"
)

// group returns a command that only holds others. Cobra would answer an unknown one with the
// help and success.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noSuchCommand, RunE: showHelp}
	cmd.AddCommand(subs...)
	return cmd
}

// noSuchCommand refuses the arguments of a command that only holds others.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		return fmt.Errorf("unknown command %q for %q; did you mean %q?", args[0], cmd.CommandPath(), similar[0])
	}
	return fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// version is set when a release is built: -ldflags "-X seaport.example/cli/internal/command.version=1.2.3".
var version string

func buildVersion() string {
	v := version
	if info, ok := debug.ReadBuildInfo(); v == "" && ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	if v == "" {
		v = "devel"
	}
	return fmt.Sprintf("%s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
