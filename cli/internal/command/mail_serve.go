package command

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/mailbox"
	"seaport.example/cli/internal/mailcatcher"
	"seaport.example/cli/internal/mailrelay"
	"seaport.example/cli/internal/runner/secrets"
)

func newMailServeCommand() *cobra.Command {
	var data, root, address string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Be a mail relay with a mail catcher behind it",
		Long: `Takes e-mails by HTTP, as the component mailer posts them (components/mail/mailer.yaml), delivers none, and
keeps them in mail/ of the data folder, for "seaport mail list" to show. Whoever posts must bring the token that
is among the keys in the data folder ("seaport secrets create").

It is the app mail of dapr.yaml, for the Dapr CLI. "seaport up" starts a relay and a catcher by itself.`,
		Example: "  seaport mail serve --data .seaport/dapr --listen 127.0.0.1:8160",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := dataFolder(cmd, root, data)
			if err != nil {
				return badUsage(cmd, err)
			}
			keys, err := secrets.Read(data)
			if err != nil {
				return splitError(err)
			}
			// Nobody but the relay talks to the catcher, so any port will do.
			var config net.ListenConfig
			listener, err := config.Listen(cmd.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("catching mails: %w", err)
			}
			host, port, err := net.SplitHostPort(listener.Addr().String())
			if err != nil {
				return errors.Join(err, listener.Close())
			}
			return together(cmd.Context(),
				func(ctx context.Context) error {
					return mailcatcher.Serve(ctx, listener, mailbox.Folder(data), cmd.OutOrStdout())
				},
				func(ctx context.Context) error {
					return mailrelay.Run(ctx, mailrelay.Config{
						Listen: address, Host: host, Port: port, Token: keys.MailerToken(), Log: cmd.OutOrStdout(),
					})
				})
		},
	}
	dataFlags(cmd, &data, &root)
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:1026", "the `address` to listen on, host:port")
	return cmd
}

// together runs both until ctx ends or one of them does, and returns their errors.
func together(ctx context.Context, first, second func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- first(ctx)
	}()
	err := second(ctx)
	stop()
	return errors.Join(err, <-ended)
}
