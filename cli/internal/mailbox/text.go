package mailbox

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"os"
	"strings"
)

// What is looked at of a mail; hostile ones have more.
const (
	deepest     = 10      // parts within parts
	mostParts   = 100     // of the whole mail
	largestText = 1 << 20 // bytes of one part, decoded
)

// Mail is what a person reads of a mail.
type Mail struct {
	Header Header
	// Text and HTML are the first part of either kind that is no attachment; "" if there is none.
	Text string
	HTML string
	// Problem says why parts may be missing: the mail is malformed, or larger than is looked at. "" if all was read.
	Problem string
}

// Read reads a mail's file. That the mail is malformed is no error.
func Read(path string) (*Mail, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	header, body, err := readHeader(file)
	if err != nil {
		return nil, err
	}
	mail := &Mail{Header: header}
	if body == nil {
		mail.Problem = "its header is longer than is looked at"
		return mail, nil
	}
	reading := &reading{mail: mail}
	if err := reading.part(header.Get, body, 0); err != nil {
		mail.Problem = err.Error()
	}
	return mail, nil
}

// reading is the walk through the parts of a mail.
type reading struct {
	mail  *Mail
	parts int
}

// part reads a part with its parts. Get returns a field of its header.
func (r *reading) part(get func(string) string, body io.Reader, depth int) error {
	if r.parts++; r.parts > mostParts || depth > deepest {
		return errors.New("it has more parts than are looked at")
	}
	kind, parameters, err := mime.ParseMediaType(get("Content-Type"))
	switch {
	case get("Content-Type") == "":
		kind = "text/plain" // RFC 2045, 5.2
	case kind == "":
		return fmt.Errorf("the Content-Type of a part: %w", err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		return r.multipart(parameters["boundary"], body, depth)
	}
	if disposition, _, _ := mime.ParseMediaType(get("Content-Disposition")); disposition == "attachment" {
		return nil
	}
	var to *string
	switch kind {
	case "text/plain":
		to = &r.mail.Text
	case "text/html":
		to = &r.mail.HTML
	}
	if to == nil || *to != "" {
		return nil
	}
	*to, err = text(decoder(get("Content-Transfer-Encoding"), body), parameters["charset"])
	return err
}

func (r *reading) multipart(boundary string, body io.Reader, depth int) error {
	if boundary == "" {
		return errors.New("a multipart without a boundary")
	}
	parts := multipart.NewReader(body, boundary)
	for {
		// NextRawPart, unlike NextPart, leaves the encoding to us, all of them alike.
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading its parts: %w", err)
		}
		if err := r.part(part.Header.Get, part, depth+1); err != nil {
			return err
		}
	}
}

func decoder(encoding string, body io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		return quotedprintable.NewReader(body)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, body)
	default:
		return body
	}
}

// text reads what there is before an error, too. Bytes of a character set that is not known stay as they are.
func text(body io.Reader, charset string) (string, error) {
	data, err := io.ReadAll(io.LimitReader(body, largestText+1))
	if len(data) > largestText {
		data, err = data[:largestText], errors.New("a text is longer than is looked at")
	}
	content := strings.ReplaceAll(string(data), "\r\n", "\n")
	if strings.EqualFold(charset, "iso-8859-1") {
		content = latin1(content)
	}
	return content, err
}

// latin1 makes UTF-8 of ISO 8859-1, whose bytes are the first characters of Unicode.
func latin1(text string) string {
	characters := make([]rune, len(text))
	for i := range len(text) {
		characters[i] = rune(text[i])
	}
	return string(characters)
}
