// Package normalize brings names into one spelling, so that what reads the same is one key, whatever
// keyboard, program or document it comes from. It is the one rule for every name that others choose and
// that Seaport finds things by: places, vessels, customers, owners, containers and request ids. E-mail addresses have
// a stricter rule of their own.
package normalize

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Name returns a name in its normal form:
//
//   - characters are composed and compatibility forms resolved (NFKC, https://www.unicode.org/reports/tr15);
//   - characters that are not seen are left out (Default_Ignorable_Code_Point: zero-width ones, soft
//     hyphens, marks of direction, variation selectors);
//   - every dash, hyphen and minus sign is "-";
//   - white space is one space, and there is none around the name.
//
// Case is kept, and so are control characters, which no name may have. Letters of different scripts stay
// different however alike they look: a Cyrillic "а" is no Latin "a". The normal form of a normal form is itself.
func Name(raw string) string {
	if plain(raw) {
		return raw
	}
	name := raw
	for range rounds { // what is left out or resolved may bring characters together that compose
		next := norm.NFKC.String(strings.Map(one, norm.NFKC.String(name)))
		next = strings.Trim(spaces(next), " ")
		if next == name {
			return name
		}
		name = next
	}
	return name
}

// rounds bounds the work: one changes a name, the next finds nothing to change. Only dozens of marks on one
// letter, which no language has, need more.
const rounds = 4

// plain reports whether a name is ASCII without anything to change, as most are.
func plain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c < ' ' || c > '~' || c == ' ' && (i == 0 || i == len(name)-1 || name[i-1] == ' ') {
			return false
		}
	}
	return true
}

// one returns what is written for a character; below zero, nothing is.
func one(r rune) rune {
	switch {
	case unicode.IsControl(r):
		return r
	case unicode.IsSpace(r):
		return ' '
	case ignorable(r):
		return -1
	case unicode.Is(unicode.Dash, r), r == hyphenBullet, r == modifierMinus:
		return '-'
	}
	return r
}

const (
	hyphenBullet  = '\u2043'
	modifierMinus = '\u02d7'
)

// ignorable reports whether a character has the property Default_Ignorable_Code_Point, which is derived
// (https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point).
func ignorable(r rune) bool {
	if unicode.In(r, unicode.Prepended_Concatenation_Mark, annotations) {
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// annotations are format characters that are seen.
var annotations = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0xfff9, Hi: 0xfffb, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x13430, Hi: 0x13440, Stride: 1}},
}

// spaces makes each run of spaces one.
func spaces(s string) string {
	var b strings.Builder
	space := false
	for i := range len(s) { // a space is never part of another character
		if s[i] != ' ' || !space {
			b.WriteByte(s[i])
		}
		space = s[i] == ' '
	}
	return b.String()
}
