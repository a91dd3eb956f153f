package spelling

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const (
	maxLocal  = 64  // characters before the "@" (RFC 5321, section 4.5.3.1.1)
	maxDomain = 253 // characters of a domain name (RFC 1035, section 2.3.4, without the root's dot)
	maxLabel  = 63
)

// domains maps a domain name to its ASCII form and is strict about it (UTS #46, RFC 5891). It is the profile
// Lookup of today: that of tomorrow may spell addresses differently from those that are stored.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule())

// Address returns an address with compatibility forms resolved (NFKC), in lower case, its domain in ASCII. The
// part before the "@" must be a dot-atom of ASCII (RFC 5321, section 4.1.2): letters of another script that
// look like Latin ones would be another account.
func (Spelling) Address(raw string) (string, error) {
	address := strings.ToLower(norm.NFKC.String(strings.TrimSpace(raw)))
	if strings.ContainsFunc(address, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return "", errors.New("must not contain spaces or control characters")
	}
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", errors.New("must be of the form local@domain, with one @")
	}
	if err := checkLocal(local); err != nil {
		return "", err
	}
	domain, err := ascii(domain)
	if err != nil {
		return "", err
	}
	return local + "@" + domain, nil
}

// atoms is what a dot-atom consists of besides letters and digits (RFC 5322, section 3.2.3).
const atoms = "!#$%&'*+-/=?^_`{|}~."

func checkLocal(local string) error {
	switch {
	case len(local) > maxLocal:
		return errors.New("must have at most 64 characters before the @")
	case strings.ContainsFunc(local, func(r rune) bool { return !letterOrDigit(r) && !strings.ContainsRune(atoms, r) }):
		return errors.New("must have only letters a to z, digits and !#$%&'*+-/=?^_`{|}~. before the @")
	case strings.HasPrefix(local, "."), strings.HasSuffix(local, "."), strings.Contains(local, ".."):
		return errors.New("must have something before, between and behind the dots before the @")
	}
	return nil
}

func letterOrDigit(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }

// ascii returns a domain name as it is asked for in the DNS.
func ascii(domain string) (string, error) {
	wrong := errors.New("must have a domain name such as example.com behind the @")
	name, err := domains.ToASCII(domain)
	if err != nil || len(name) > maxDomain {
		return "", wrong
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > maxLabel {
			return "", wrong
		}
	}
	if last := labels[len(labels)-1]; len(labels) < 2 || !strings.ContainsFunc(last, func(r rune) bool { return r < '0' || '9' < r }) {
		return "", wrong // an IP address is no domain, and neither is a host of the own network
	}
	return name, nil
}
