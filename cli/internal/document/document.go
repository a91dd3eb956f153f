// Package document reads what a person wrote in a JSON file into a message, and says where and
// why it cannot be one. Field names may be in snake_case or camelCase.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"
)

// MaxBytes is the largest document accepted: what the gateway takes in one request.
const MaxBytes = 4 << 20

// Stdin is the file name that means standard input.
const Stdin = "-"

// Error says what is wrong with a document, and where.
type Error struct {
	Name         string // the file, or "standard input"
	Line, Column int    // from 1, the column in characters; 0 when the place, or where in the line it is, does not matter
	Field        string // the field at fault, for instance "containers[1].origin"; may be empty
	Reason       string // what is wrong, for a person
	Cause        error  // the error of the file system, if it was one
}

// Error returns one line with all of it.
func (e *Error) Error() string {
	text := e.Name
	if e.Line > 0 {
		text += fmt.Sprintf(": line %d", e.Line)
	}
	if e.Column > 0 {
		text += fmt.Sprintf(", column %d", e.Column)
	}
	if e.Field != "" {
		text += ": " + e.Field
	}
	return text + ": " + e.Reason
}

// Unwrap returns the cause, so that errors.Is(err, fs.ErrNotExist) works.
func (e *Error) Unwrap() error { return e.Cause }

// byteOrderMark is what some editors put before UTF-8 text; JSON does not have it.
var byteOrderMark = []byte("\xef\xbb\xbf")

// Read returns the text of the named file; "-" is stdin. What it returns is UTF-8, not empty and
// at most [MaxBytes] long. Every error is an [*Error].
func Read(name string, stdin io.Reader) ([]byte, error) {
	from, label := stdin, "standard input"
	if name != Stdin {
		label = name
		file, err := Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close() //nolint:errcheck // nothing was written
		from = file
	}
	// One byte more than allowed tells a document of the full size from a longer one, and
	// keeps an endless one out of memory.
	data, err := io.ReadAll(io.LimitReader(from, MaxBytes+1))
	if err != nil {
		return nil, &Error{Name: label, Reason: whyUnread(err), Cause: err}
	}
	if len(data) > MaxBytes {
		return nil, &Error{Name: label, Reason: fmt.Sprintf("is larger than %d MiB", MaxBytes>>20)}
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Name: label, Reason: "is empty"}
	}
	if at := invalidUTF8(data); at >= 0 {
		return nil, locate(label, data, at, "", "is not UTF-8 text")
	}
	return data, nil
}

// Open opens the named file for reading. Every error is an [*Error].
func Open(name string) (*os.File, error) {
	if name == "" {
		return nil, &Error{Name: "FILE", Reason: "must not be empty"}
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, &Error{Name: name, Reason: whyUnread(err), Cause: err}
	}
	return file, nil
}

// whyUnread says why a file cannot be read without repeating its name.
func whyUnread(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "cannot be read: permission denied"
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return "cannot be read: " + pathErr.Err.Error()
	}
	return "cannot be read: " + err.Error()
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// locate returns an Error for the byte at an offset.
func locate(name string, data []byte, offset int, field, reason string) *Error {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return &Error{Name: name, Line: line, Column: column, Field: field, Reason: reason}
}
