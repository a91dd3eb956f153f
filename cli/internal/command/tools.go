package command

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/runner"
	"seaport.example/cli/internal/toolchain"
)

// newToolsCommand returns "seaport tools".
func newToolsCommand() *cobra.Command {
	var root string
	cmd := &cobra.Command{
		Use:   "tools",
		Short: "List, find and build the programs that Seaport runs and builds with",
		Long: `Seaport brings its own versions of the Dapr runtime, the broker, the protobuf plugins and the linter,
pinned by the Go modules under tools/. They are built from source into the user's cache folder,
once for all checkouts; SEAPORT_TOOLS names another folder. An installed Dapr runtime of the pinned
version is used instead.

The sidecar, daprd, is built with the component types that Seaport's profiles use: "seaport tools components"
lists them. daprd-complete has every type of Dapr; seaport up builds it for a component file that needs another one.

Without a subcommand it lists the tools and where they are.`,
		Example: `  seaport tools
  seaport tools build daprd nats-server
  $(seaport tools path buf) lint`,
		Args: noSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tools, err := newToolchain(cmd, root)
			if err != nil {
				return err
			}
			return listTools(cmd, tools)
		},
	}
	cmd.PersistentFlags().StringVar(&root, "root", "", "the project's root `folder`; by default found from here upwards")
	cmd.AddCommand(
		&cobra.Command{
			Use:       "build [NAME…]",
			Short:     "Build the tools that are missing: those named, or all but the complete sidecar",
			Example:   "  seaport tools build\n  seaport tools build daprd",
			ValidArgs: toolchain.Names(),
			RunE: func(cmd *cobra.Command, names []string) error {
				if len(names) == 0 {
					// The complete sidecar takes longest to build and is seldom needed.
					names = slices.DeleteFunc(toolchain.Names(), func(name string) bool { return name == toolchain.CompleteSidecar })
				}
				tools, err := newToolchain(cmd, root)
				if err != nil {
					return err
				}
				_, err = tools.Ensure(cmd.Context(), names...)
				return toolError(cmd, err)
			},
		},
		&cobra.Command{
			Use:   "components",
			Short: "List the component types that the sidecar is built with",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				tools, err := newToolchain(cmd, root)
				if err != nil {
					return err
				}
				types, err := tools.Components()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(types, "\n"))
				return err
			},
		},
		&cobra.Command{
			Use:       "path NAME",
			Short:     "Print the path of a tool, building it if it is missing",
			Example:   "  $(seaport tools path golangci-lint) run ./...",
			Args:      cobra.ExactArgs(1),
			ValidArgs: toolchain.Names(),
			RunE: func(cmd *cobra.Command, names []string) error {
				tools, err := newToolchain(cmd, root)
				if err != nil {
					return err
				}
				paths, err := tools.Ensure(cmd.Context(), names[0])
				if err != nil {
					return toolError(cmd, err)
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), paths[names[0]])
				return err
			},
		},
	)
	return cmd
}

// newToolchain finds the project; what it says about building goes to stderr.
func newToolchain(cmd *cobra.Command, root string) (*toolchain.Toolchain, error) {
	if root == "" {
		root = "."
	}
	root, err := runner.FindRoot(root)
	if err != nil {
		return nil, badUsage(cmd, err)
	}
	return toolchain.New(toolchain.Config{
		Root: root, Progress: cmd.ErrOrStderr(), Terminal: isTerminal(cmd.ErrOrStderr()), Getenv: os.Getenv,
	})
}

func toolError(cmd *cobra.Command, err error) error {
	if _, unknown := errors.AsType[*toolchain.UnknownError](err); unknown {
		return badUsage(cmd, err)
	}
	return splitError(err)
}

func listTools(cmd *cobra.Command, tools *toolchain.Toolchain) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOOL\tVERSION\tSTATE\tPATH")
	for _, name := range toolchain.Names() {
		status, err := tools.Find(cmd.Context(), name)
		if err != nil {
			return err
		}
		state := "not built"
		switch {
		case status.Installed:
			state = "installed"
		case status.Ready:
			state = "built"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, status.Version, state, status.Path)
	}
	return table.Flush()
}
