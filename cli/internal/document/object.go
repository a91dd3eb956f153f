package document

import (
	"encoding/json"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// LoadObject reads the named file ("-" is stdin): one JSON object, whatever its fields. Every error is an [*Error].
func LoadObject(name string, stdin io.Reader) (*structpb.Struct, error) {
	data, err := Read(name, stdin)
	if err != nil {
		return nil, err
	}
	if name == Stdin {
		name = "standard input"
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		return nil, syntaxError(name, data, err)
	}
	if open, at, err := newChecker(name, data).token(); err != nil || open != json.Delim('{') {
		return nil, locate(name, data, at, "", "must be an object, { … }, not "+kindOf(open))
	}
	object := &structpb.Struct{}
	if err := protojson.Unmarshal(data, object); err != nil {
		return nil, rephrase(name, err)
	}
	return object, nil
}
