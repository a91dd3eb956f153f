package command

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	notificationv1 "seaport.example/proto/seaport/notification/v1"
)

// newMailSentCommand returns "seaport mail sent": the platform's own account of its mails, wherever it runs.
func newMailSentCommand(s *session) *cobra.Command {
	var pages paging
	cmd := &cobra.Command{
		Use:   "sent",
		Short: "List the e-mails of a platform and what became of them, the newest first; for admins",
		Long: `Asks the platform which e-mails it has to send: those that the mail server took, those that wait, and
those that were given up, with the reason.`,
		Example: `  seaport mail sent
  seaport mail sent --all --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			client := notificationv1.NewNotificationServiceClient(conn)
			gathered := &notificationv1.ListEmailsResponse{}
			next, err := pages.walk(func(size int32, token string) (string, error) {
				resp, err := client.ListEmails(cmd.Context(), &notificationv1.ListEmailsRequest{PageSize: size, PageToken: token})
				gathered.Emails = append(gathered.Emails, resp.GetEmails()...)
				return resp.GetNextPageToken(), err
			})
			if err != nil {
				return err
			}
			gathered.NextPageToken = next
			return s.present(gathered, func(w io.Writer) error {
				if err := writeEmails(w, gathered.GetEmails()); err != nil {
					return err
				}
				return sayNext(w, cmd, next)
			})
		},
	}
	pages.flags(cmd)
	return cmd
}

func writeEmails(w io.Writer, emails []*notificationv1.Email) error {
	rows := [][]string{{"ID", "TIME", "TO", "SUBJECT", "STATUS"}}
	for _, e := range emails {
		rows = append(rows, []string{e.GetId(), moment(e.GetCreateTime()), shorten(e.GetEmail()), shorten(e.GetSubject()), emailStatus(e)})
	}
	return table(w, "", rows)
}

// emailStatus returns "sent", or "failed: the mail server does not take the recipient".
func emailStatus(e *notificationv1.Email) string {
	text := strings.ToLower(strings.TrimPrefix(e.GetStatus().String(), "EMAIL_STATUS_"))
	if e.GetReason() != "" {
		text += ": " + shorten(e.GetReason())
	}
	return text
}
