package mailrelay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"time"
)

var (
	// ErrRefused says that the mail server will not take this mail however often it is asked.
	ErrRefused = errors.New("refused")
	// ErrAway says that the mail server does not answer.
	ErrAway = errors.New("the mail server does not answer")
)

// server is a mail server.
type server struct {
	Address  string // host:port
	User     string
	Password string
}

const (
	dialTime = 5 * time.Second
	sendTime = 15 * time.Second // all of it; the component mailer waits longer
)

// Send hands over a mail, which names its one sender and its one recipient in its header. Errors: [ErrRefused],
// [ErrAway]; any other is worth another try too, and the mail may have been taken.
func (s server) Send(ctx context.Context, raw []byte) error {
	from, to, err := envelope(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	client, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := client.Mail(from); err != nil {
		return answered("the sender", err)
	}
	if err := client.Rcpt(to); err != nil {
		return answered("the recipient", err)
	}
	data, err := client.Data()
	if err != nil {
		return answered("the mail", err)
	}
	if _, err := data.Write(raw); err != nil {
		return answered("the mail", err)
	}
	if err := data.Close(); err != nil {
		return answered("the mail", err)
	}
	_ = client.Quit() // it was taken
	return nil
}

// envelope reads who a mail is from and whom it is for.
func envelope(raw []byte) (from, to string, err error) {
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", "", fmt.Errorf("it is no mail: %w", err)
	}
	var ends [2]string
	for i, name := range []string{"From", "To"} {
		addresses, err := message.Header.AddressList(name)
		if err != nil || len(addresses) != 1 {
			return "", "", fmt.Errorf("its header %s does not name one address", name)
		}
		ends[i] = addresses[0].Address
	}
	return ends[0], ends[1], nil
}

// open connects and logs in.
func (s server) open(ctx context.Context) (*smtp.Client, error) {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return nil, fmt.Errorf("the mail server's address: %w", err)
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	dialer := &net.Dialer{Timeout: dialTime}
	var conn net.Conn
	if port == "465" { // RFC 8314, section 3.3
		conn, err = (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext(ctx, "tcp", s.Address)
	} else {
		conn, err = dialer.DialContext(ctx, "tcp", s.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	if err := s.greet(client, host, port, secure); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

// greet makes the connection a safe one and logs in. What goes wrong here is not the mail's fault.
func (s server) greet(client *smtp.Client, host, port string, secure *tls.Config) error {
	offered, _ := client.Extension("STARTTLS")
	switch {
	case port == "465":
	case offered:
		if err := client.StartTLS(secure); err != nil {
			return fmt.Errorf("STARTTLS with the mail server: %w", err)
		}
	case !loopback(host):
		return errors.New("the mail server offers no TLS: mails would pass for everybody to read")
	}
	if s.User == "" {
		return nil
	}
	if err := client.Auth(smtp.PlainAuth("", s.User, s.Password, host)); err != nil {
		return fmt.Errorf("log in to the mail server: %w", err)
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// answered reads what the mail server says to a mail: 5yz is for good (RFC 5321, section 4.2.1).
func answered(what string, err error) error {
	said, ok := errors.AsType[*textproto.Error](err)
	if ok && said.Code >= 500 && said.Code < 600 {
		return fmt.Errorf("%w: the mail server does not take %s: %w", ErrRefused, what, err)
	}
	return fmt.Errorf("the mail server does not take %s now: %w", what, err)
}
