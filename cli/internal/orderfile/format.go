package orderfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Format is how orders are written in a file.
type Format string

// The formats.
const (
	JSON   Format = "json"   // one array of objects
	NDJSON Format = "ndjson" // an object a line
	CSV    Format = "csv"    // a header, then an order a record
)

// Unit is what the numbers of lines count.
func (f Format) Unit() string {
	if f == JSON {
		return "item"
	}
	return "line"
}

// detect tells the format by the ending of the name, else by the first visible byte. An object over several lines is
// none of them.
func (s *source) detect(first byte) (Format, error) {
	switch strings.ToLower(filepath.Ext(s.name)) {
	case ".csv":
		return CSV, nil
	case ".ndjson", ".jsonl":
		return NDJSON, nil
	}
	switch {
	case first == '[':
		return JSON, nil
	case first == '{' && s.spread():
		return "", s.refuse(s.row, `is an object over several lines; there must be an object a line, or a list, [ … ]; `+
			`a single order is for "seaport consignment create"`)
	case first == '{':
		return NDJSON, nil
	}
	return CSV, nil
}

// sniffed is how many bytes are looked at before anything is made of a file.
const sniffed = 8 << 10

var byteOrderMark = []byte("\xef\xbb\xbf")

// begin refuses a file whose beginning is no text, and passes over a byte order mark. What a pipe does not have yet
// is not waited for.
func (s *source) begin() error {
	if _, err := s.in.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return s.unread(err)
	}
	head, _ := s.in.Peek(min(s.in.Buffered(), sniffed))
	if kind := binary(head); kind != "" {
		return s.refuse(0, "%s", kind)
	}
	if at := notText(head); at >= 0 {
		return s.refuse(int64(bytes.Count(head[:at], []byte("\n")))+1, "is not UTF-8 text")
	}
	if bytes.HasPrefix(head, byteOrderMark) {
		s.discard(byteOrderMark)
	}
	return nil
}

// binary says what a file is that is no text; empty when it may be one.
func binary(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "is compressed; unpack it first, for instance with gunzip"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return "is a ZIP file or a spreadsheet; save it as CSV in UTF-8 first"
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return "is UTF-16; save it as UTF-8 first"
	case bytes.IndexByte(head, 0) >= 0:
		return "is a binary file, neither JSON nor CSV"
	}
	return ""
}

// notText returns the offset of the first byte that is not UTF-8, or -1. A character that is cut off at the end is
// left for later.
func notText(head []byte) int {
	for at := 0; at < len(head); {
		r, size := utf8.DecodeRune(head[at:])
		if r == utf8.RuneError && size == 1 {
			if !utf8.FullRune(head[at:]) {
				return -1
			}
			return at
		}
		at += size
	}
	return -1
}

// firstVisible returns the first byte that is no space, and leaves it there.
func (s *source) firstVisible() (byte, error) {
	for {
		head, err := s.in.Peek(1)
		if errors.Is(err, io.EOF) {
			return 0, s.refuse(0, "is empty")
		}
		if err != nil {
			return 0, s.unread(err)
		}
		if !blank(head[0]) {
			return head[0], nil
		}
		if head[0] == '\n' {
			s.row++
		}
		s.discard(head)
	}
}

// spread says that the object which begins here goes on on the next line. Where the first is only damaged, that line
// begins another.
func (s *source) spread() bool {
	head, _ := s.in.Peek(s.in.Buffered())
	first, rest, _ := bytes.Cut(head, []byte("\n"))
	next := bytes.TrimSpace(rest)
	if len(next) == 0 || next[0] == '{' {
		return false
	}
	var object json.RawMessage
	return errors.Is(json.NewDecoder(bytes.NewReader(first)).Decode(&object), io.ErrUnexpectedEOF)
}

func blank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }
