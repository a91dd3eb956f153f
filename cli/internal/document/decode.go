package document

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Load reads the named file ("-" is stdin) into m. Every error is an [*Error].
func Load(name string, stdin io.Reader, m proto.Message) error {
	data, err := Read(name, stdin)
	if err != nil {
		return err
	}
	if name == Stdin {
		name = "standard input"
	}
	return Decode(name, data, m)
}

// Decode parses JSON into m. It is strict: a field that m does not have, a value of another type
// and a field given twice are errors. Every error is an [*Error] that names the document by name.
func Decode(name string, data []byte, m proto.Message) error {
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return syntaxError(name, data, err)
	}
	// protojson refuses all this too, but neither names a nested field nor promises its wording.
	if err := newChecker(name, data).message(m.ProtoReflect().Descriptor(), ""); err != nil {
		return err
	}
	if err := protojson.Unmarshal(data, m); err != nil {
		return rephrase(name, err)
	}
	return nil
}

func syntaxError(name string, data []byte, err error) error {
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return &Error{Name: name, Reason: "is not JSON: " + err.Error(), Cause: err}
	}
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		return locate(name, data, len(data), "", "is not JSON: it ends too early; a closing }, ] or \" is missing")
	}
	// Offset counts the offending byte as read.
	return locate(name, data, int(syntax.Offset)-1, "", "is not JSON: "+syntax.Error())
}

// place is how protojson says where an error is.
var place = regexp.MustCompile(`\(line (\d+):(\d+)\): *`)

// rephrase turns what only protojson finds, an unpaired surrogate for instance, into an Error.
func rephrase(name string, err error) error {
	e := &Error{Name: name, Cause: err}
	text := strings.TrimLeft(strings.TrimPrefix(err.Error(), "proto:"), " \u00a0")
	if at := place.FindStringSubmatch(text); at != nil {
		e.Line, _ = strconv.Atoi(at[1])
		e.Column, _ = strconv.Atoi(at[2])
		text = strings.Replace(text, at[0], "", 1)
	}
	e.Reason = "cannot be read: " + text
	return e
}
