package orderfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// recordCutter cuts CSV into its records. Blank lines, and
// lines of nothing but separators, are left out. A record whose quotes do not fit is refused by
// its first line, and the next line is a record again: a missing quote does not swallow the file.
// https://www.rfc-editor.org/rfc/rfc4180
type recordCutter struct{ *source }

func (c *recordCutter) next() (Line, error) {
	for {
		row := c.row
		record, fault, err := c.record()
		switch {
		case err != nil:
			return Line{}, err
		case fault != nil:
			text, tooLong, err := c.line()
			if err != nil {
				return Line{}, err
			}
			l := c.cut(row, row, text, tooLong)
			if l.fault == nil {
				l.fault = fault
			}
			return l, nil
		}
		text := withoutEnd(record)
		c.discard(record)
		c.row += int64(bytes.Count(record, []byte("\n")))
		if !c.empty(text) {
			return c.cut(row, row, text, false), nil
		}
	}
}

// empty reports whether a record has nothing in it but separators and space, as spreadsheets leave behind.
func (c *recordCutter) empty(record []byte) bool {
	for _, b := range record {
		if b != c.comma && !blank(b) {
			return false
		}
	}
	return true
}

// record returns the next record with its end, without passing over it, or what is wrong with it. It looks at what
// is there first, and waits for more only if the record needs it.
func (c *recordCutter) record() ([]byte, *Fault, error) {
	for size := 1; ; {
		_, err := c.in.Peek(size)
		window, _ := c.in.Peek(c.in.Buffered())
		size = len(window) + 1
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, nil, c.unread(err)
		}
		n, place := scanRecord(window, c.comma)
		switch {
		case place == atEnd:
			return window[:n], nil, nil
		case place == misquoted:
			return nil, &Fault{Reason: `has a " where none may be; a text with " in it is put in quotes, each " in it doubled`}, nil
		case err == nil:
			continue
		case place == inQuotes, errors.Is(err, bufio.ErrBufferFull):
			return nil, &Fault{Reason: `has a " that is not closed`}, nil // or is a line too long, which is seen next
		case len(window) == 0:
			return nil, nil, io.EOF
		}
		return window, nil, nil // the last one, without a line end
	}
}

// place is where in a record a scan is.
type place int

const (
	atStart     place = iota // of a field
	inField                  // without quotes
	inQuotes                 // of a field
	afterQuotes              // of a field, or between two that mean one
	atEnd                    // of the record
	misquoted                // a quote is where none may be
)

// scanRecord returns where the record ends that data begins with, or where in it the scan is at the end of data.
func scanRecord(data []byte, comma byte) (int, place) {
	at := atStart
	for i, b := range data {
		switch {
		case at == inQuotes:
			if b == '"' {
				at = afterQuotes
			}
		case b == '\n':
			return i + 1, atEnd
		case b == comma:
			at = atStart
		case b == '"' && at != inField: // at the start, or again after the one that seemed to be the last
			at = inQuotes
		case b == '"', at == afterQuotes && b != '\r':
			return i, misquoted
		case at == atStart:
			at = inField
		}
	}
	return len(data), at
}
