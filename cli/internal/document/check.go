package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// checker walks a syntactically correct document beside the description of a message.
type checker struct {
	name   string
	data   []byte
	tokens *json.Decoder
}

func newChecker(name string, data []byte) *checker {
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	return &checker{name: name, data: data, tokens: tokens}
}

// token returns the next token and the offset it begins at.
func (c *checker) token() (json.Token, int, error) {
	at := int(c.tokens.InputOffset())
	for at < len(c.data) && strings.IndexByte(" \t\r\n,:", c.data[at]) >= 0 {
		at++
	}
	token, err := c.tokens.Token()
	if err != nil {
		return nil, at, syntaxError(c.name, c.data, err)
	}
	return token, at, nil
}

// message checks that what follows is an object with fields of the message only.
func (c *checker) message(want protoreflect.MessageDescriptor, path string) error {
	open, at, err := c.token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') {
		return locate(c.name, c.data, at, path, "must be an object, { … }, not "+kindOf(open))
	}
	seen := make(map[protoreflect.Name]bool)
	for c.tokens.More() {
		key, at, err := c.token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		field := want.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			field = want.Fields().ByJSONName(name)
		}
		if field == nil {
			return locate(c.name, c.data, at, join(path, shorten(name)), "there is no such field; there are "+fieldNames(want))
		}
		if seen[field.Name()] {
			return locate(c.name, c.data, at, join(path, name), "is given twice")
		}
		seen[field.Name()] = true
		if err := c.field(field, join(path, name)); err != nil {
			return err
		}
	}
	_, _, err = c.token() // the closing brace
	return err
}

// field checks the value of a field: a list, null, or a single value.
func (c *checker) field(field protoreflect.FieldDescriptor, path string) error {
	if !field.IsList() {
		return c.value(field, path)
	}
	open, at, err := c.token()
	if err != nil || open == nil { // null: as if the field were absent
		return err
	}
	if open != json.Delim('[') {
		return locate(c.name, c.data, at, path, "must be a list, [ … ], not "+kindOf(open))
	}
	for i := 0; c.tokens.More(); i++ {
		if err := c.value(field, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	_, _, err = c.token() // the closing bracket
	return err
}

// value checks a single value. Kinds that no document of Seaport has are left to protojson.
func (c *checker) value(field protoreflect.FieldDescriptor, path string) error {
	if field.Kind() == protoreflect.MessageKind {
		return c.message(field.Message(), path)
	}
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.Int32Kind:
	default:
		var skipped json.RawMessage
		return c.tokens.Decode(&skipped)
	}
	token, at, err := c.token()
	if err != nil || token == nil && !field.IsList() {
		return err
	}
	if reason := mismatch(field.Kind(), token); reason != "" {
		return locate(c.name, c.data, at, path, reason)
	}
	return nil
}

// mismatch says why a token is no value of the kind; empty when it is one.
func mismatch(kind protoreflect.Kind, token json.Token) string {
	switch kind {
	case protoreflect.StringKind:
		if _, ok := token.(string); !ok {
			return "must be text in quotes, not " + kindOf(token)
		}
	case protoreflect.BoolKind:
		if _, ok := token.(bool); !ok {
			return "must be true or false, not " + kindOf(token)
		}
	case protoreflect.Int32Kind:
		// The JSON form of protobuf lets a number stand in quotes.
		digits, ok := token.(string)
		if number, isNumber := token.(json.Number); isNumber {
			digits, ok = number.String(), true
		}
		if !ok {
			return "must be a whole number, not " + kindOf(token)
		}
		n, err := strconv.ParseFloat(digits, 64)
		switch {
		case err != nil && !errors.Is(err, strconv.ErrRange), n != math.Trunc(n):
			return "must be a whole number, not " + strconv.Quote(shorten(digits))
		case n < math.MinInt32 || n > math.MaxInt32:
			return fmt.Sprintf("must be between %d and %d", math.MinInt32, math.MaxInt32)
		}
	}
	return ""
}

// shorten keeps a message readable when the value is not.
func shorten(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

func kindOf(token json.Token) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case json.Delim:
		if v == '[' {
			return "a list"
		}
		return "an object"
	case string:
		return "text"
	case bool:
		return "true or false"
	}
	return "a number"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func fieldNames(m protoreflect.MessageDescriptor) string {
	names := make([]string, m.Fields().Len())
	for i := range names {
		names[i] = string(m.Fields().Get(i).Name())
	}
	return strings.Join(names, ", ")
}
