// Package spelling brings what people type into one form, so that what looks the same is the same,
// whatever keyboard it comes from. It knows the rules of Unicode and of e-mail, and nobody's business.
package spelling

import (
	"errors"
	"strings"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"seaport.example/services/user/internal/user"
)

// Spelling is the rules of this package.
type Spelling struct{}

var _ user.Spelling = Spelling{}

// Name returns a name composed (NFC, https://www.unicode.org/reports/tr15) and without space around it.
func (Spelling) Name(raw string) string { return strings.TrimSpace(norm.NFC.String(raw)) }

// Password returns a password prepared by the profile OpaqueString (RFC 8265, section 4.2): composed, every
// space the same. Case, and space around it, count.
func (Spelling) Password(raw string) (string, error) {
	normal, err := precis.OpaqueString.String(raw)
	if err != nil {
		return "", errors.New("must not contain control characters or characters that Unicode has not assigned")
	}
	return normal, nil
}
