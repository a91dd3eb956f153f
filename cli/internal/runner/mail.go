package runner

import (
	"strconv"

	"seaport.example/cli/internal/runner/process"
)

// mailerToken is the environment variable in which the mail relay finds the token it asks for.
const mailerToken = "SEAPORT_MAILER_TOKEN"

// mail is how e-mails go: from the sidecar to the relay, by HTTP, and from there to the catcher, by SMTP.
type mail struct {
	catcher process.Spec
	relay   process.Spec
}

func (p *planner) planMail(result *plan) error {
	catcher, err := p.ports("smtp")
	if err != nil {
		return err
	}
	relay, err := p.ports("http")
	if err != nil {
		return err
	}
	result.mail = &mail{
		catcher: process.Spec{
			Name: "mailcatcher",
			Kind: process.Mail,
			Path: p.options.Program,
			Args: []string{"mail", "catch", "--data", p.options.Data, "--listen", address(catcher["smtp"])},
			Dir:  p.options.Data, Env: p.options.Environ, Ports: catcher,
		},
		relay: process.Spec{
			Name: "mailrelay",
			Kind: process.Mail,
			Path: p.options.Program,
			Args: []string{"mail", "relay", "--listen", address(relay["http"])},
			Dir:  p.options.Data,
			Env: environment(p.options.inherited(), map[string]string{
				"SEAPORT_SMTP_HOST": loopback, "SEAPORT_SMTP_PORT": strconv.Itoa(catcher["smtp"]),
				// The catcher knows no users.
				"SEAPORT_SMTP_USER": "", "SEAPORT_SMTP_PASSWORD": "",
				mailerToken: p.mailerToken,
			}),
			Ports: relay,
		},
	}
	return nil
}

// asked is what components may ask for in the environment of sidecars.
func (p *plan) asked() map[string]string {
	env := map[string]string{}
	if p.broker != nil {
		env[brokerURL] = p.url
	}
	return env
}

func (m *mail) url() string { return "http://" + address(m.relay.Ports["http"]) }

// probes say whether mails would go.
func (m *mail) probes() []probe {
	return []probe{
		{m.catcher.Name, "smtp://" + address(m.catcher.Ports["smtp"])},
		{m.relay.Name, m.url() + "/healthz"},
	}
}
