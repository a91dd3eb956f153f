package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"seaport.example/cli/internal/mailbox"
)

func newMailShowCommand(s *session) *cobra.Command {
	var (
		data, root string
		raw, html  bool
	)
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show an e-mail: its headers and its text",
		Long: `Shows the headers of an e-mail and its plain text. ID is as "seaport mail list" has it, or as much of
its beginning as no other mail has.

What a terminal would act on is shown as an escape, \x1b for instance. With --raw or --html, and when
the output is no terminal, it comes as it is.`,
		Example: "  seaport mail show 3f9a1c20b7de\n  seaport mail show 3f9a --html > mail.html\n  seaport mail show 3f9a --raw",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.checkOutput(); err != nil {
				return err
			}
			if s.output == outputJSON && (raw || html) {
				return badUsage(cmd, errors.New("--output json has the HTML in it; it does not go with --raw or --html"))
			}
			folder, err := mailFolder(cmd, root, data)
			if err != nil {
				return err
			}
			entry, err := mailbox.Find(folder, args[0])
			switch {
			case errors.Is(err, mailbox.ErrNoMail):
				return &advisedError{err: fmt.Errorf("no mail in %s has the id %q", folder, args[0]), next: `"seaport mail list" lists them.`}
			case err != nil:
				return explainFolder(err, folder)
			case raw:
				return s.showRaw(entry.Path)
			}
			mail, err := mailbox.Read(entry.Path)
			if err != nil {
				return fmt.Errorf("reading a mail: %w", err)
			}
			if html {
				return s.showHTML(mail)
			}
			return s.showMail(entry, mail)
		},
	}
	dataFlags(cmd, &data, &root)
	cmd.Flags().BoolVar(&raw, "raw", false, "print the mail as it came")
	cmd.Flags().BoolVar(&html, "html", false, "print its HTML")
	cmd.MarkFlagsMutuallyExclusive("raw", "html")
	return cmd
}

// mailBody is the JSON form of a whole mail.
type mailBody struct {
	mailDocument

	Headers []mailbox.Field `json:"headers"`
	Text    string          `json:"text"`
	HTML    string          `json:"html"`
	Problem string          `json:"problem"` // why something may be missing; mostly empty
}

func (s *session) showMail(entry mailbox.Entry, mail *mailbox.Mail) error {
	if s.output == outputJSON {
		return writeJSON(s.stdout, mailBody{
			documentOf(entry, mail.Header), append([]mailbox.Field{}, mail.Header...), mail.Text, mail.HTML, mail.Problem,
		})
	}
	for _, field := range mail.Header {
		fmt.Fprintf(s.stdout, "%s: %s\n", visible(field.Name), visible(field.Value))
	}
	text := mail.Text
	if text == "" {
		text = "(It has no plain text.)"
	}
	fmt.Fprintf(s.stdout, "\n%s\n", visibleLines(strings.TrimRight(text, "\n")))
	if mail.HTML != "" {
		fmt.Fprintf(s.stderr, "\nIt has HTML as well; --html shows it.\n")
	}
	s.warnOf(mail)
	return nil
}

// warnOf says that a mail could not be read as a whole.
func (s *session) warnOf(mail *mailbox.Mail) {
	if mail.Problem != "" {
		fmt.Fprintf(s.stderr, "seaport: the mail is not all here: %s; --raw shows it as it came\n", visible(mail.Problem))
	}
}

func (s *session) showHTML(mail *mailbox.Mail) error {
	if mail.HTML == "" {
		s.warnOf(mail)
		return errors.New("the mail has no HTML")
	}
	if _, err := io.WriteString(s.terminalSafe(), mail.HTML); err != nil {
		return fmt.Errorf("printing the mail: %w", err)
	}
	s.warnOf(mail)
	return nil
}

func (s *session) showRaw(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading a mail: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := io.Copy(s.terminalSafe(), file); err != nil {
		return fmt.Errorf("printing the mail: %w", err)
	}
	return nil
}

// terminalSafe is the output; where that is a terminal it escapes what would act on it.
func (s *session) terminalSafe() io.Writer {
	if isTerminal(s.stdout) {
		return lineWriter{s.stdout}
	}
	return s.stdout
}

// lineWriter makes what is written visible. A character that falls between two writes is escaped byte by byte.
type lineWriter struct{ w io.Writer }

func (l lineWriter) Write(data []byte) (int, error) {
	if _, err := io.WriteString(l.w, visibleLines(strings.ReplaceAll(string(data), "\r\n", "\n"))); err != nil {
		return 0, err
	}
	return len(data), nil
}
