package user

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"seaport.example/services/internal/failure"
)

// Spelling brings what people type into one form, so that what looks the same is the same. The errors are
// reasons for a person to read: "must …".
type Spelling interface {
	// Address returns the normal form of an e-mail address.
	Address(raw string) (string, error)
	// Name returns a name in normal form, without space around it.
	Name(raw string) string
	// Password returns the form of a password that is the same on every keyboard.
	Password(raw string) (string, error)
}

// Limits, in characters.
const (
	maxName      = 200
	maxEmail     = 254
	maxTyped     = 2 * maxEmail // of an address as typed: its normal form may be shorter
	minPassword  = 8
	maxPassword  = 256
	maxRequestID = 128
	maxID        = 128
)

// Registration is who wants to be a user.
type Registration struct {
	Name      string
	Company   string
	Email     string
	Password  string
	RequestID string // chosen by the caller; empty: none
}

// String hides the password.
func (Registration) String() string { return hidden }

// LogValue hides the password.
func (Registration) LogValue() slog.Value { return slog.StringValue(hidden) }

// Normalise brings a registration into its normal form. Errors: INVALID_ARGUMENT naming every field at fault.
func (r *Registration) Normalise(spelling Spelling) error {
	var wrong []*failure.Error
	note := func(err *failure.Error) {
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	var err *failure.Error
	r.Name, err = name("name", r.Name, spelling)
	note(err)
	if err == nil && r.Name == "" {
		note(failure.Invalid("name", "is missing"))
	}
	r.Company, err = name("company", r.Company, spelling)
	note(err)
	r.Email, err = address(r.Email, spelling)
	note(err)
	if r.Password, err = password(r.Password, spelling); err == nil {
		err = r.weakness()
	}
	note(err)
	note(failure.Longest("request_id", r.RequestID, maxRequestID))
	return failure.All(wrong...)
}

// name returns a name in its normal form, which may be empty. Lengths are looked at first: bringing a
// megabyte into normal form would be work for nothing.
func name(field, raw string, spelling Spelling) (string, *failure.Error) {
	if err := failure.Longest(field, strings.TrimSpace(raw), maxName); err != nil {
		return "", err
	}
	if strings.ContainsFunc(strings.TrimSpace(raw), unseen) {
		return "", failure.Invalid(field, "must not contain control characters")
	}
	normal := spelling.Name(raw)
	return normal, failure.Longest(field, normal, maxName)
}

// unseen says whether a character shows itself only by what it does to others: in a mail or on a
// terminal it could pass a name off as something else.
func unseen(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

func address(raw string, spelling Spelling) (string, *failure.Error) {
	if strings.TrimSpace(raw) == "" {
		return "", failure.Invalid("email", "is missing")
	}
	if utf8.RuneCountInString(raw) > maxTyped {
		return "", failure.Invalid("email", "must have at most %d characters", maxEmail)
	}
	normal, err := spelling.Address(raw)
	if err != nil {
		return "", failure.Invalid("email", "%s", err)
	}
	return normal, failure.Longest("email", normal, maxEmail)
}

// password returns a password as it is hashed, strong or weak.
func password(raw string, spelling Spelling) (string, *failure.Error) {
	if raw == "" {
		return "", failure.Invalid("password", "is missing")
	}
	if err := failure.Longest("password", raw, maxPassword); err != nil {
		return "", err
	}
	normal, err := spelling.Password(raw)
	if err != nil {
		return "", failure.Invalid("password", "%s", err)
	}
	return normal, failure.Longest("password", normal, maxPassword)
}

// weakness says why others would guess the password; nil when they would not at once.
func (r *Registration) weakness() *failure.Error {
	local, _, _ := strings.Cut(r.Email, "@")
	about := []string{r.Name, r.Company, r.Email, local}
	switch {
	case utf8.RuneCountInString(r.Password) < minPassword:
		return failure.Invalid("password", "must have at least %d characters", minPassword)
	case common(r.Password):
		return failure.Invalid("password", "is one of the most common ones: everybody would guess it")
	case slices.ContainsFunc(about, func(known string) bool { return strings.EqualFold(known, r.Password) }):
		return failure.Invalid("password", "must not be the name, the company or the address")
	}
	return nil
}

// The passwords of at least eight characters that people choose most, in lower case, sorted.
//
//go:embed common.txt
var commonText string

var commonPasswords = strings.Fields(commonText)

// common says whether a password is one of those that are tried first: listed, or one character repeated.
func common(password string) bool {
	lower := strings.ToLower(password)
	_, listed := slices.BinarySearch(commonPasswords, lower)
	first, _ := utf8.DecodeRuneInString(lower)
	return listed || strings.Trim(lower, string(first)) == ""
}

// fingerprint tells the repeat of a registration from another one with the same request id. The password
// is left out: it is kept in no other form than its slow hash, which it is compared with.
func (r *Registration) fingerprint() string {
	if r.RequestID == "" {
		return ""
	}
	data, err := json.Marshal([]string{r.RequestID, r.Name, r.Company, r.Email})
	if err != nil {
		panic(err) // strings are always encoded
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
