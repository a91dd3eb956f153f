package failure

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text says what is wrong with a name that somebody else chose: it must not be blank, longer than
// so many characters, contain control characters, or contain what separates keys in a state store.
// Nil when nothing is.
func Text(field, value string, most int) *Error {
	switch {
	case strings.TrimSpace(value) == "":
		return Invalid(field, "is missing")
	case utf8.RuneCountInString(value) > most:
		return Invalid(field, "must have at most %d characters", most)
	case strings.Contains(value, "||"):
		return Invalid(field, "must not contain \"||\"")
	case strings.ContainsFunc(value, unicode.IsControl):
		return Invalid(field, "must not contain control characters")
	}
	return nil
}

// Longest says that a text, which may be empty, is too long. Nil when it is not.
func Longest(field, value string, most int) *Error {
	if utf8.RuneCountInString(value) > most {
		return Invalid(field, "must have at most %d characters", most)
	}
	return nil
}
