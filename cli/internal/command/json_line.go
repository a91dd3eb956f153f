package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// writeMessageLine prints a message as JSON on a line of its own: for what goes on and on. The fields are as in
// [writeMessage].
func writeMessageLine(w io.Writer, m proto.Message) error {
	data, err := marshalMessage(m)
	if err != nil {
		return err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, data); err != nil {
		return fmt.Errorf("print as JSON: %w", err)
	}
	line.WriteByte('\n')
	_, err = w.Write(visibleJSON(line.Bytes()))
	return err
}
