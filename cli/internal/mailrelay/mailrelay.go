// Package mailrelay takes e-mails over HTTP and hands them to a mail server by SMTP (RFC 5321). The services' mailer
// is a binding that posts: Dapr's own binding for SMTP carries neither a Message-ID nor text beside HTML
// (docs/adr/0007-mail.md).
//
// It keeps nothing: an e-mail is answered for once the mail server answered.
package mailrelay

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	largestMail = 8 << 20 // bytes
	headerTime  = 5 * time.Second
	bodyTime    = 20 * time.Second
	grace       = time.Second // for what is under way when it ends
)

// Config says what a relay works with.
type Config struct {
	Listen   string // host:port
	Host     string // of the mail server
	Port     string // 465 is TLS from the start, any other STARTTLS
	User     string // empty: without log-in
	Password string
	Token    string    // what a POST must show as X-Mailer-Token; empty for nothing
	Log      io.Writer // gets lines that begin with their level, never with an address or content
}

// Run relays e-mails until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("relaying mails: %w", err)
	}
	return serve(ctx, listener, cfg)
}

func serve(ctx context.Context, listener net.Listener, cfg Config) error {
	logger := log.New(cfg.Log, "", 0)
	web := &http.Server{
		Handler: handler(cfg, logger), ErrorLog: logger,
		ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		_ = listener.Close() // the server does not know it if it has not begun yet
		_ = web.Shutdown(leaving)
	})
	logger.Printf("INFO relaying mails from %s to %s", listener.Addr(), cfg.server().Address)
	err := web.Serve(listener)
	if !stop() {
		<-ended
		return nil
	}
	return fmt.Errorf("relaying mails: %w", err)
}

func (c Config) server() server {
	return server{Address: net.JoinHostPort(c.Host, c.Port), User: c.User, Password: c.Password}
}

// tokenHeader is what a POST shows.
const tokenHeader = "X-Mailer-Token"

// handler answers a POST of an e-mail (message/rfc822): 204 once the mail server took it, 422 when it never will, 502
// or 503 when it may do so later. GET /healthz says that the relay is there; it does not ask the mail server.
func handler(cfg Config, logger *log.Logger) http.Handler {
	server := cfg.server()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(cfg.Token)) == 0 {
			http.Error(w, tokenHeader+" is not the one", http.StatusUnauthorized)
			return
		}
		// A page in somebody's browser cannot post this type to an address that is not its own.
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "message/rfc822" {
			http.Error(w, "the content type must be message/rfc822", http.StatusUnsupportedMediaType)
			return
		}
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestMail))
		if err != nil {
			if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
				http.Error(w, fmt.Sprintf("a mail must have at most %d bytes", largestMail), http.StatusUnprocessableEntity)
				return
			}
			http.Error(w, "the mail did not arrive whole", http.StatusBadRequest)
			return
		}
		if err := server.Send(r.Context(), raw); err != nil {
			logger.Printf("WARN a mail was not taken: %d", statusOf(err)) // what the mail server says may name an address
			http.Error(w, strings.TrimPrefix(err.Error(), ErrRefused.Error()+": "), statusOf(err))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrRefused):
		return http.StatusUnprocessableEntity
	case errors.Is(err, ErrAway):
		return http.StatusBadGateway
	}
	return http.StatusServiceUnavailable
}
