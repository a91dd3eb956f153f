package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rivo/uniseg"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The forms of output.
const (
	outputText = "text"
	outputJSON = "json"
)

// present prints the message as JSON where --output says so, else calls text.
func (s *session) present(m proto.Message, text func(io.Writer) error) error {
	if s.output == outputJSON {
		return writeMessage(s.stdout, m)
	}
	return text(s.stdout)
}

// writeMessage prints a message as JSON: its field names as in the .proto, default values and
// empty lists included, so that a script finds every field.
func writeMessage(w io.Writer, m proto.Message) error {
	data, err := marshalMessage(m)
	if err != nil {
		return err
	}
	return writeIndented(w, data)
}

func marshalMessage(m proto.Message) ([]byte, error) {
	data, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("print as JSON: %w", err)
	}
	return data, nil
}

// writeJSON prints a value of our own as JSON.
func writeJSON(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("print as JSON: %w", err)
	}
	return writeIndented(w, data)
}

// writeIndented lays JSON out anew: the spaces of protojson differ from build to build.
func writeIndented(w io.Writer, data []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		return fmt.Errorf("print as JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err := w.Write(visibleJSON(out.Bytes()))
	return err
}

// table prints rows in columns, the first row being the heading. The cells are made visible, and columns are as
// wide as a terminal shows them: characters of East Asia take two places, marks on a letter none.
func table(w io.Writer, indent string, rows [][]string) error {
	var widths []int // by column; the last cell of a row needs none
	for _, row := range rows {
		for i, cell := range row[:max(0, len(row)-1)] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(shown(cell)))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(indent)
		for i, cell := range row {
			text := shown(cell)
			out.WriteString(text)
			if i < len(row)-1 {
				out.WriteString(strings.Repeat(" ", widths[i]-uniseg.StringWidth(text)+2))
			}
		}
		out.WriteByte('\n')
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// shown returns what stands in the place of a cell.
func shown(cell string) string {
	if cell == "" {
		return "-"
	}
	return visible(cell)
}

// moment returns a point in time in UTC, to the second; "-" for none.
func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}

// millis returns a duration in milliseconds with three significant digits or so.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}
