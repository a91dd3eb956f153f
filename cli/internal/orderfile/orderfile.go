// Package orderfile reads many orders from one file: a JSON array, NDJSON or CSV. It never holds more than one line
// of it, and what is wrong with a line does not keep it from the lines after it.
package orderfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"seaport.example/cli/internal/document"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

const (
	// MaxText is the longest line that is read, in bytes. A consignment of 1,000 containers fits.
	MaxText = 256 << 10
	// MaxOrder is the largest order, in bytes as it is sent: a little less than the service takes.
	MaxOrder = 250 << 10
)

// Line is one line of a file: a line of NDJSON, a record of CSV, an item of a JSON array.
type Line struct {
	// Number is that of the line in the file, from 1, of a record's first line; in a JSON array it is that of the item.
	Number int64
	// Text is the line as it stands there, without its end; nil if it is too long.
	Text []byte
	// Row is the line of the file that it begins on.
	Row int64
	// End is the offset of what comes after it.
	End int64

	fault *Fault // found when it was cut out
}

// Fault says why a line is no order.
type Fault struct {
	Field  string // the field or column at fault; may be empty
	Reason string // for a person
}

// Error returns "field: reason".
func (f *Fault) Error() string {
	if f.Field == "" {
		return f.Reason
	}
	return f.Field + ": " + f.Reason
}

// File is a file of orders that is being read.
type File struct {
	format Format
	next   func() (Line, error)
	order  func(Line) (*consignmentv1.CreateConsignmentRequest, *Fault)
	header *header // of CSV
}

// Open finds out the format of a file, unless it is given, and reads the header of CSV. Errors call the file by its
// name; every one is a [*document.Error], and means that there is nothing in it to be read.
func Open(name string, in io.Reader, format Format) (*File, error) {
	s := &source{name: name, in: bufio.NewReaderSize(in, MaxText), comma: ',', row: 1}
	if err := s.begin(); err != nil {
		return nil, err
	}
	first, err := s.firstVisible()
	if err != nil {
		return nil, err
	}
	if format == "" {
		if format, err = s.detect(first); err != nil {
			return nil, err
		}
	}
	f := &File{format: format}
	switch format {
	case JSON:
		array := &arrayCutter{source: s}
		f.next, f.order = array.next, jsonOrder
		err = array.open()
	case NDJSON:
		f.next, f.order = (&lineCutter{s}).next, jsonOrder
	case CSV:
		s.readOldLineEnds()
		records := &recordCutter{s}
		f.header, err = readHeader(records)
		f.next, f.order = records.next, func(l Line) (*consignmentv1.CreateConsignmentRequest, *Fault) { return f.header.order(l) }
	default:
		return nil, fmt.Errorf("%q is no format of orders", format)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Format is that of the file.
func (f *File) Format() Format { return f.format }

// Next returns the next line, and io.EOF after the last. Any other error is a [*document.Error], and the end too:
// where the next line begins cannot be told.
func (f *File) Next() (Line, error) { return f.next() }

// Order returns what a line orders, or why it orders nothing.
func (f *File) Order(l Line) (*consignmentv1.CreateConsignmentRequest, *Fault) {
	if l.fault != nil {
		return nil, l.fault
	}
	order, fault := f.order(l)
	if fault != nil {
		return nil, fault
	}
	if size := proto.Size(order); size > MaxOrder {
		return nil, tooLarge(size)
	}
	return order, nil
}

func tooLarge(size int) *Fault {
	return &Fault{Reason: fmt.Sprintf("is too large with its containers: %d bytes; at most %d", size, MaxOrder)}
}

// source is the bytes of a file, with where one is in it.
type source struct {
	name   string
	in     *bufio.Reader
	comma  byte  // between the fields of CSV
	row    int64 // the line that the next byte is on, from 1
	offset int64 // of the next byte
}

// refuse returns an error about the file at a line; 0 for the file as a whole.
func (s *source) refuse(row int64, format string, args ...any) error {
	return &document.Error{Name: s.name, Line: int(row), Reason: fmt.Sprintf(format, args...)}
}

// unread returns the error of a read.
func (s *source) unread(err error) error {
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err // it is named already
	}
	return &document.Error{Name: s.name, Reason: "cannot be read: " + cause.Error(), Cause: err}
}

// discard passes over bytes that were peeked at.
func (s *source) discard(data []byte) {
	n, _ := s.in.Discard(len(data)) // it is in the buffer
	s.offset += int64(n)
}

// line reads up to the end of the line, of which text is without; what it returns is good until the next read. Of a
// line that is too long there is no text.
func (s *source) line() (text []byte, tooLong bool, err error) {
	text, err = s.in.ReadSlice('\n')
	size := len(text)
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		text, err = s.in.ReadSlice('\n')
		size += len(text)
	}
	s.offset += int64(size)
	if errors.Is(err, io.EOF) && size > 0 {
		err = nil
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = s.unread(err)
		}
		return nil, false, err
	}
	s.row++
	if tooLong {
		return nil, true, nil
	}
	return withoutEnd(text), false, nil
}

func withoutEnd(text []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
}

// cut makes a line of a text, which it copies.
func (s *source) cut(number, row int64, text []byte, tooLong bool) Line {
	l := Line{Number: number, Row: row, End: s.offset}
	switch {
	case tooLong:
		l.fault = &Fault{Reason: fmt.Sprintf("is longer than %d KiB", MaxText>>10)}
		return l
	case !utf8.Valid(text):
		l.fault = &Fault{Reason: "is not UTF-8 text"}
	case bytes.IndexByte(text, 0) >= 0:
		l.fault = &Fault{Reason: "has a zero byte: it is no text"}
	}
	l.Text = bytes.Clone(text)
	return l
}
