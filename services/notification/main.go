// The notification service: writes to people about what happens, and keeps what was written.
package main

import (
	"context"
	"errors"
	"io"
	"net/mail"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/notification/internal/letter"
	"seaport.example/services/notification/internal/notification"
	"seaport.example/services/notification/internal/post"
	"seaport.example/services/notification/internal/rpc"
	"seaport.example/services/notification/internal/store"
	"seaport.example/services/notification/internal/topic"
)

func main() { os.Exit(serve.Main(run)) }

// config is what this service reads from its environment, besides what all do.
type config struct {
	lease    time.Duration // SEAPORT_LEASE: of a replica's seat
	domain   string        // SEAPORT_MAIL_DOMAIN: of Message-IDs and of the sender
	from     mail.Address  // SEAPORT_MAIL_FROM: the sender; no-reply at the domain
	attempts int           // SEAPORT_MAIL_ATTEMPTS: after so many an e-mail is given up
	pause    time.Duration // SEAPORT_MAIL_PAUSE: after the first that failed; it doubles with each, up to a minute
}

func readConfig(getenv func(string) string) (cfg config, err error) {
	var errs [4]error
	cfg.lease, errs[0] = serve.Duration(getenv, "SEAPORT_LEASE", 15*time.Second)
	cfg.pause, errs[1] = serve.Duration(getenv, "SEAPORT_MAIL_PAUSE", 500*time.Millisecond)
	cfg.attempts = 12 // five minutes
	if v := getenv("SEAPORT_MAIL_ATTEMPTS"); v != "" {
		if cfg.attempts, err = strconv.Atoi(v); err != nil || cfg.attempts < 1 {
			errs[2] = failure.Invalid("SEAPORT_MAIL_ATTEMPTS", "must be a number above 0, not %q", v)
		}
	}
	cfg.domain = "seaport.example"
	if v := getenv("SEAPORT_MAIL_DOMAIN"); v != "" {
		cfg.domain = v
	}
	cfg.from, errs[3] = sender(getenv("SEAPORT_MAIL_FROM"), cfg.domain)
	return cfg, errors.Join(errs[:]...)
}

// sender returns the address that e-mails come from.
func sender(from, domain string) (mail.Address, error) {
	// A domain that makes no address makes no Message-ID either.
	address := mail.Address{Name: "Seaport", Address: "no-reply@" + domain}
	if parsed, err := mail.ParseAddress(address.Address); err != nil || parsed.Address != address.Address {
		return mail.Address{}, failure.Invalid("SEAPORT_MAIL_DOMAIN", "must be a domain name, not %q", domain)
	}
	if from == "" {
		return address, nil
	}
	parsed, err := mail.ParseAddress(from)
	if err != nil {
		return mail.Address{}, failure.Invalid("SEAPORT_MAIL_FROM", "must be an address such as Seaport <no-reply@seaport.example>, not %q", from)
	}
	return *parsed, nil
}

func run(ctx context.Context, getenv func(string) string, logs io.Writer) error {
	cfg, err := serve.ReadConfig("notification", getenv)
	if err != nil {
		return err
	}
	own, err := readConfig(getenv)
	if err != nil {
		return err
	}
	log := serve.NewLog(cfg, logs)
	dapr, err := sidecar.Open(cfg.Sidecar(), cfg.APIToken)
	if err != nil {
		return err
	}
	defer dapr.Close()
	keys := auth.NewKeys(dapr.Secrets("secretstore"), cfg.AppID, log)
	guard := serve.NewGuard(cfg, keys, access.Notification)

	var sending *notification.Sender // which finds what it sends in the store
	emails := store.New(store.Config{
		State:   dapr.State("statestore"),
		Deliver: func(ctx context.Context, id string) error { return sending.Deliver(ctx, id) },
		Lease:   own.lease, Now: time.Now, Log: log,
	})
	sending = notification.NewSender(notification.SenderConfig{
		Emails: emails, Mailer: post.New(dapr.Binding("mailer"), own.from), Dead: topic.NewDeadLetters(dapr.Publisher("pubsub")),
		Attempts: own.attempts, Pause: own.pause, Now: time.Now, Log: log,
	})
	users := dapr.App("user")
	if !cfg.Insecure { // else nobody has keys
		users = auth.AsApp(users, "user", keys)
	}
	notices := notification.NewNotices(notification.Config{
		Store: emails, Writer: letter.Writer{}, People: rpc.NewPeople(users), Domain: own.domain,
		Now: time.Now, NewID: uuid.NewString, Log: log,
	})
	return serve.Run(ctx, serve.Service{
		Config:   cfg,
		Sidecar:  dapr,
		Log:      log,
		Keys:     keys,
		Guard:    guard,
		Handlers: topic.Handlers(notices),
		GivenUp:  topic.NewGivenUp(notices),
		Register: func(server grpc.ServiceRegistrar) { rpc.Register(server, notices) },
		Work:     []func(context.Context) error{emails.Run},
		Ready:    emails.Ready,
	})
}
