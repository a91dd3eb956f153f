package command

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/mailcatcher"
)

func newMailCatchCommand() *cobra.Command {
	var data, root, address string
	cmd := &cobra.Command{
		Use:   "catch",
		Short: "Be a mail server that delivers nothing",
		Long: `Takes every e-mail by SMTP and keeps it in mail/ of the data folder, for "seaport mail list" to show.
It refuses mails over 25 MB, and recipients in the domain .invalid: with those one can see what becomes
of a mail that is refused.

"seaport up" starts one by itself, and "seaport mail serve" is one with a relay before it.`,
		Example: "  seaport mail catch",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := mailFolder(cmd, root, data)
			if err != nil {
				return err
			}
			var config net.ListenConfig
			listener, err := config.Listen(cmd.Context(), "tcp", address)
			if err != nil {
				return fmt.Errorf("catching mails: %w", err)
			}
			return mailcatcher.Serve(cmd.Context(), listener, folder, cmd.OutOrStdout())
		},
	}
	dataFlags(cmd, &data, &root)
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:1025", "the `address` to listen on, host:port")
	return cmd
}
