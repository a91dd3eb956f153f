package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/mailbox"
)

// newMailCommand returns "seaport mail".
func newMailCommand(s *session) *cobra.Command {
	cmd := group("mail", "E-mails: those that a platform on this machine has sent, and what takes them",
		newMailListCommand(s), newMailShowCommand(s), newMailSentCommand(s), newMailServeCommand(), newMailCatchCommand(), newMailRelayCommand())
	cmd.Long = `On this machine a mail catcher takes every e-mail and delivers none. It keeps them in mail/ in the
data folder, an .eml file each, and "list" and "show" read them there, whether the platform runs or not.
Remove the files you do not want any more.`
	return cmd
}

func newMailListCommand(s *session) *cobra.Command {
	var (
		data, root string
		limit      int
	)
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the e-mails, the newest first",
		Example: "  seaport mail list\n  seaport mail list --limit 0 --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.checkOutput(); err != nil {
				return err
			}
			if limit < 0 {
				return badUsage(cmd, errors.New("--limit: must be 0, for all, or above"))
			}
			folder, err := mailFolder(cmd, root, data)
			if err != nil {
				return err
			}
			entries, err := mailbox.List(folder)
			if err != nil {
				return explainFolder(err, folder)
			}
			total := len(entries)
			if limit > 0 && total > limit {
				entries = entries[:limit]
			}
			mails, err := readMails(entries)
			if err != nil {
				return err
			}
			return s.listMails(mails, total)
		},
	}
	dataFlags(cmd, &data, &root)
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, "how many at most; 0 for all")
	return cmd
}

// mailDocument is the JSON form of a mail. Its field names are part of the interface of the program.
type mailDocument struct {
	ID        string `json:"id"`
	Time      string `json:"time"` // when it came, RFC 3339
	From      string `json:"from"`
	To        string `json:"to"`
	Subject   string `json:"subject"`
	MessageID string `json:"message_id"` // without angle brackets
	File      string `json:"file"`
}

func documentOf(entry mailbox.Entry, header mailbox.Header) mailDocument {
	return mailDocument{
		ID: entry.ID, Time: entry.Time.Format(time.RFC3339Nano), From: header.Get("From"), To: header.To(),
		Subject: header.Get("Subject"), MessageID: header.MessageID(), File: entry.Path,
	}
}

// readMails reads headers. A mail that somebody removes meanwhile is left out.
func readMails(entries []mailbox.Entry) ([]mailDocument, error) {
	mails := make([]mailDocument, 0, len(entries))
	for _, entry := range entries {
		header, err := mailbox.ReadHeader(entry.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading a mail: %w", err)
		}
		mails = append(mails, documentOf(entry, header))
	}
	return mails, nil
}

// listMails prints mails, of how many there are.
func (s *session) listMails(mails []mailDocument, total int) error {
	if s.output == outputJSON {
		return writeJSON(s.stdout, map[string]any{"mails": mails, "total": total})
	}
	if len(mails) == 0 {
		_, err := fmt.Fprintln(s.stdout, "No mails.")
		return err
	}
	rows := [][]string{{"ID", "TIME", "TO", "SUBJECT", "MESSAGE-ID"}}
	for _, mail := range mails {
		at, _ := time.Parse(time.RFC3339Nano, mail.Time)
		rows = append(rows, []string{mail.ID, at.Format(time.RFC3339), shorten(mail.To), shorten(mail.Subject), shorten(mail.MessageID)})
	}
	if err := table(s.stdout, "", rows); err != nil {
		return err
	}
	if len(mails) < total {
		fmt.Fprintf(s.stdout, "\nThere are %d; --limit 0 shows them all.\n", total)
	}
	return nil
}

// shorten cuts what a cell of a table cannot hold.
func shorten(text string) string {
	const longest = 80 // characters
	characters := []rune(text)
	if len(characters) <= longest {
		return text
	}
	return string(characters[:longest-1]) + "…"
}

// mailFolder is where the mails of the platform with this data folder are.
func mailFolder(cmd *cobra.Command, root, data string) (string, error) {
	data, err := dataFolder(cmd, root, data)
	if err != nil {
		return "", badUsage(cmd, err)
	}
	return mailbox.Folder(data), nil
}

// explainFolder says what a missing folder means.
func explainFolder(err error, folder string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, other := os.Stat(folder); other == nil {
		return err
	}
	return &advisedError{
		err:  fmt.Errorf("there is no folder %s", folder),
		next: `"seaport up" makes it when it starts; --data names the data folder of that platform.`,
	}
}
