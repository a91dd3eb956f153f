// Package document reads YAML strictly: a key that nobody reads, a value of the wrong type or a key
// given twice is an error that names file and line.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is one YAML document of a file.
type Document struct {
	file string
	root *yaml.Node
}

// Problem is one thing wrong at a place in a file.
type Problem struct {
	File string
	Line int // counted from 1
	Text string
}

// Error is "file:line: text".
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Parse splits data into its documents; empty ones are left out. File is how errors call it.
func Parse(file string, data []byte) ([]*Document, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var documents []*Document
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, yamlProblems(file, err)
		}
		if len(node.Content) == 0 || node.Content[0].Tag == "!!null" {
			continue
		}
		documents = append(documents, &Document{file: file, root: node.Content[0]})
	}
}

// Decode fills out, a pointer to a struct with yaml tags. All that is wrong is reported, not only
// the first.
func (d *Document) Decode(out any) error {
	if err := d.unknownKeys(d.root, reflect.TypeOf(out), ""); err != nil {
		return err
	}
	if err := d.root.Decode(out); err != nil {
		return yamlProblems(d.file, err)
	}
	return nil
}

// Peek fills out and overlooks keys it does not know. It is for finding out what a document is.
func (d *Document) Peek(out any) error {
	if err := d.root.Decode(out); err != nil {
		return yamlProblems(d.file, err)
	}
	return nil
}

// Problemf makes a Problem at the place that path leads to: strings are keys, ints are indexes. Where the
// path ends early, its last known place is named.
func (d *Document) Problemf(path []any, format string, args ...any) *Problem {
	return &Problem{File: d.file, Line: d.line(path), Text: fmt.Sprintf(format, args...)}
}

// File is how errors call the file.
func (d *Document) File() string { return d.file }

func (d *Document) line(path []any) int {
	node, line := d.root, d.root.Line
	for _, step := range path {
		next, at := child(node, step)
		if next == nil {
			break
		}
		node, line = next, at
	}
	return line
}

func child(node *yaml.Node, step any) (value *yaml.Node, line int) {
	switch step := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && step < len(node.Content) {
			return node.Content[step], node.Content[step].Line
		}
	case string:
		if node.Kind != yaml.MappingNode {
			return nil, 0
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	}
	return nil, 0
}

// unknownKeys compares the mapping keys under node with the yaml tags of t.
func (d *Document) unknownKeys(node *yaml.Node, t reflect.Type, where string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	var problems []error
	switch {
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range node.Content {
			problems = append(problems, d.unknownKeys(item, t.Elem(), where))
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i+1 < len(node.Content); i += 2 {
			problems = append(problems, d.unknownKeys(node.Content[i+1], t.Elem(), node.Content[i].Value))
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := keysOf(t)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			field, known := fields[key.Value]
			if !known {
				problems = append(problems, &Problem{File: d.file, Line: key.Line, Text: unknownKey(key.Value, where, fields)})
				continue
			}
			problems = append(problems, d.unknownKeys(node.Content[i+1], field, key.Value))
		}
	}
	return errors.Join(problems...)
}

func unknownKey(key, where string, fields map[string]reflect.Type) string {
	known := make([]string, 0, len(fields))
	for name := range fields {
		if strings.EqualFold(name, key) {
			return fmt.Sprintf("unknown key %q: it is written %q", key, name)
		}
		known = append(known, name)
	}
	slices.Sort(known)
	in := ""
	if where != "" {
		in = " in " + where
	}
	return fmt.Sprintf("unknown key %q%s: remove it, or use one of %s", key, in, strings.Join(known, ", "))
}

// keysOf lists the keys a struct is decoded from, those of inlined structs included.
func keysOf(t reflect.Type) map[string]reflect.Type {
	keys := make(map[string]reflect.Type, t.NumField())
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			maps.Copy(keys, keysOf(field.Type))
		case name != "" && name != "-":
			keys[name] = field.Type
		}
	}
	return keys
}

var atLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// yamlProblems turns the parser's errors, which begin with "line N:", into Problems.
func yamlProblems(file string, err error) error {
	texts := []string{err.Error()}
	if typeError, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = typeError.Errors
	}
	problems := make([]error, 0, len(texts))
	for _, text := range texts {
		problem := &Problem{File: file, Line: 1, Text: strings.TrimPrefix(text, "yaml: ")}
		if found := atLine.FindStringSubmatch(text); found != nil {
			problem.Line, _ = strconv.Atoi(found[1])
			problem.Text = found[2]
		}
		problems = append(problems, problem)
	}
	return errors.Join(problems...)
}
