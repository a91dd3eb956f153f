package command

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/mailrelay"
)

func newMailRelayCommand() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Take e-mails by HTTP and hand them to a mail server",
		Long: `Takes e-mails by HTTP, as the component mailer posts them (components/*/mailer.yaml), and hands them to a
mail server by SMTP. It keeps nothing: it says that a mail was taken when the mail server has said so.

The mail server is named by the environment:
  SEAPORT_SMTP_HOST, SEAPORT_SMTP_PORT       where it is, by default 127.0.0.1 and 1025 ("seaport mail catch");
                                             with port 465 TLS from the start, else by STARTTLS
  SEAPORT_SMTP_USER, SEAPORT_SMTP_PASSWORD   who logs in there, if anybody
  SEAPORT_MAILER_TOKEN                       what whoever posts must bring in the header X-Mailer-Token, if set

"seaport up" starts one by itself, with its mail catcher behind it.`,
		Example: "  SEAPORT_SMTP_HOST=smtp.example.com SEAPORT_SMTP_PORT=465 seaport mail relay",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return mailrelay.Run(cmd.Context(), mailrelay.Config{
				Listen: address,
				Host:   cmp.Or(os.Getenv("SEAPORT_SMTP_HOST"), "127.0.0.1"),
				Port:   cmp.Or(os.Getenv("SEAPORT_SMTP_PORT"), "1025"),
				User:   os.Getenv("SEAPORT_SMTP_USER"), Password: os.Getenv("SEAPORT_SMTP_PASSWORD"),
				Token: os.Getenv("SEAPORT_MAILER_TOKEN"),
				Log:   cmd.OutOrStdout(),
			})
		},
	}
	cmd.Flags().StringVar(&address, "listen", "127.0.0.1:1026", "the `address` to listen on, host:port")
	return cmd
}
