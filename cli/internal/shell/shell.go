// Package shell writes words for a POSIX shell, so that a command line that a person is shown can be pasted.
package shell

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,/:@%"

// Word returns s so that the shell reads it as one word, and a terminal shows it as it is. What would not show as
// itself is in the form $'\033' (POSIX.1-2024, section 2.2.4).
func Word(s string) string {
	isPlain := strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(plain, r) }) < 0
	switch {
	case isPlain && s != "":
		return s
	case utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	var out strings.Builder
	out.WriteString("$'")
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1, hidden(r):
			for _, b := range []byte(s[:size]) {
				fmt.Fprintf(&out, `\%03o`, b) // octal has an end, whatever follows
			}
		case r == '\'', r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		default:
			out.WriteRune(r)
		}
		s = s[size:]
	}
	out.WriteByte('\'')
	return out.String()
}

// File is Word for the name of a file among the arguments of a command: one that begins with "-" is no flag, and
// "-" itself is a file of that name and not standard input.
func File(name string) string {
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	return Word(name)
}

func hidden(r rune) bool { return !unicode.IsGraphic(r) }
