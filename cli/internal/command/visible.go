package command

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// visible returns s with everything in it that would not show as itself written as an escape,
// \x1b for instance: data must not move the cursor, colour the screen or turn the writing round.
func visible(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[0])
		case !hidden(r):
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
		s = s[size:]
	}
	return out.String()
}

// visibleLines is visible for a text: line feeds and tabs act as they should.
func visibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		cells := strings.Split(line, "\t")
		for j, cell := range cells {
			cells[j] = visible(cell)
		}
		lines[i] = strings.Join(cells, "\t")
	}
	return strings.Join(lines, "\n")
}

// visibleJSON is visible for JSON. Beyond ASCII, which JSON escapes itself, a hidden character
// can only stand in a string, where its escape means the same.
func visibleJSON(data []byte) []byte {
	suspect := func(r rune) bool { return r >= 0x7f && hidden(r) }
	if bytes.IndexFunc(data, suspect) < 0 {
		return data
	}
	var out bytes.Buffer
	for _, r := range string(data) {
		if !suspect(r) {
			out.WriteRune(r)
			continue
		}
		units := utf16.Encode([]rune{r})
		for _, unit := range units {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.Bytes()
}

// hidden says whether a character acts on a terminal or on its neighbours instead of being seen.
func hidden(r rune) bool {
	return !unicode.IsGraphic(r)
}
