package mailbox

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/textproto"
	"os"
	"strings"
)

const (
	largestHeader = 256 << 10 // bytes; what is after them is not looked at
	mostFields    = 1000
)

// Envelope fields are put in front of a mail by whoever receives it. Only the first of a name is to be believed: the
// sender can have written others.
const (
	SenderField     = "Return-Path"
	RecipientsField = "X-Envelope-To"
)

// Field is one line of a header, unfolded, its encoded words (RFC 2047) decoded.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Header is the fields of a mail, in its order.
type Header []Field

// Get returns the first field with the name, whatever its case; "" if there is none.
func (h Header) Get(name string) string {
	for _, field := range h {
		if strings.EqualFold(field.Name, name) {
			return field.Value
		}
	}
	return ""
}

// To is who it was sent to: what the mail server was told, else what the mail says.
func (h Header) To() string {
	if to := h.Get(RecipientsField); to != "" {
		return to
	}
	return h.Get("To")
}

// MessageID is the Message-ID without angle brackets; "" if there is none.
func (h Header) MessageID() string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(h.Get("Message-ID")), "<"), ">")
}

// ReadHeader reads the header of a mail's file. Lines that are no fields are left out; an error is one of reading
// the file.
func ReadHeader(path string) (Header, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	header, _, err := readHeader(file)
	return header, err
}

// readHeader reads a header and returns a reader of what is after it; nil if the header is longer than is looked at.
func readHeader(r io.Reader) (Header, io.Reader, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	var (
		header Header
		size   int
	)
	var body io.Reader
	for size < largestHeader && len(header) < mostFields {
		line, err := lines.ReadSlice('\n')
		size += len(line)
		// A line that does not fit comes in pieces: the later ones look like lines that are no fields.
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, nil, err
		}
		text := bytes.TrimRight(line, "\r\n")
		if len(text) > 0 {
			header = header.add(string(text))
		}
		if len(text) == 0 || errors.Is(err, io.EOF) {
			body = lines
			break
		}
	}
	for i := range header {
		header[i].Value = decodeWords(strings.TrimSpace(header[i].Value))
	}
	return header, body, nil
}

// add takes one line: a field, or more of the field before.
func (h Header) add(line string) Header {
	if line[0] == ' ' || line[0] == '\t' {
		if len(h) > 0 {
			h[len(h)-1].Value += " " + strings.TrimSpace(line)
		}
		return h
	}
	name, value, found := strings.Cut(line, ":")
	if !found || name == "" || strings.ContainsAny(name, " \t") {
		return h
	}
	return append(h, Field{textproto.TrimString(name), value})
}

// decodeWords leaves a value as it is that cannot be decoded.
func decodeWords(value string) string {
	if decoded, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
		return decoded
	}
	return value
}
