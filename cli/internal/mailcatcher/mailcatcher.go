// Package mailcatcher is a mail server that delivers nothing: it keeps every mail in a folder.
package mailcatcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"seaport.example/cli/internal/mailbox"
)

const (
	largestMail    = 25 << 20 // bytes; what large providers take
	mostRecipients = 100
	patience       = time.Minute // with a client that says nothing
	grace          = time.Second // for what is under way when it ends
)

// Serve keeps the mails that come over listener in folder, a mailbox, until ctx ends. It answers that it has a mail
// when that is on the disk. What it says of each mail goes to out: never an address nor content.
func Serve(ctx context.Context, listener net.Listener, folder string, out io.Writer) error {
	if err := mailbox.Open(folder); err != nil {
		return errors.Join(err, listener.Close())
	}
	logger := log.New(out, "", 0)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{folder: folder, log: logger}, nil
	}))
	server.Domain = "localhost"
	server.MaxMessageBytes, server.MaxRecipients = largestMail, mostRecipients
	server.ReadTimeout, server.WriteTimeout = patience, patience
	server.EnableSMTPUTF8 = true
	server.ErrorLog = trouble{logger}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		end(server, listener)
		close(ended)
	})
	logger.Printf("INFO catching mails on %s, keeping them in %s", listener.Addr(), folder)
	err := server.Serve(listener)
	if !stop() {
		<-ended
		return nil
	}
	return fmt.Errorf("catching mails: %w", err)
}

// trouble is what the library has to say: that a client went away is no news.
type trouble struct{ log *log.Logger }

func (t trouble) Printf(format string, args ...any) { t.say(fmt.Sprintf(format, args...)) }
func (t trouble) Println(args ...any)               { t.say(fmt.Sprint(args...)) }

func (t trouble) say(text string) {
	level := "INFO"
	if strings.HasPrefix(text, "panic") {
		level = "ERROR"
	}
	t.log.Printf("%s %s", level, text)
}

// end lets mails that are under way arrive.
func end(server *smtp.Server, listener net.Listener) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_ = listener.Close() // the server does not know it if it has not begun yet
	_ = server.Shutdown(ctx)
}

// session is one connection.
type session struct {
	folder string
	log    *log.Logger

	from string
	to   []string
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !printable(from) {
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 7}, Message: "The sender's address holds control characters"}
	}
	s.from = from
	return nil
}

// Rcpt takes every address but those of .invalid, where no mailbox can be (RFC 2606): with them one can see what
// becomes of a mail that is refused.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch {
	case !printable(to):
		return &smtp.SMTPError{Code: 553, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "The recipient's address holds control characters"}
	case strings.HasSuffix(strings.ToLower(strings.TrimSuffix(to, ".")), ".invalid"):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 2}, Message: "There are no mailboxes in .invalid"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	size := &counter{r: r}
	mail, err := mailbox.Write(s.folder, time.Now(), io.MultiReader(strings.NewReader(s.envelope()), size))
	if refused, ok := errors.AsType[*smtp.SMTPError](err); ok {
		s.log.Printf("WARN a mail is refused: %s", refused.Message)
		return refused
	}
	if err != nil {
		s.log.Printf("ERROR %s", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "The mail could not be kept; try again"}
	}
	s.log.Printf("INFO kept mail %s: %d bytes", mail.ID, size.n)
	return nil
}

// envelope is put in front of a mail: what the mail itself says of sender and recipients need not be so.
func (s *session) envelope() string {
	return fmt.Sprintf("%s: <%s>\r\n%s: %s\r\n", mailbox.SenderField, s.from, mailbox.RecipientsField, strings.Join(s.to, ",\r\n "))
}

// printable says that nothing in an address could begin another line of a header.
func printable(address string) bool {
	return strings.IndexFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// counter counts the bytes read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
