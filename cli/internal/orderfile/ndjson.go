package orderfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"seaport.example/cli/internal/document"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// lineCutter cuts NDJSON into its lines. Blank ones are left out.
type lineCutter struct{ *source }

func (c *lineCutter) next() (Line, error) {
	for {
		row := c.row
		text, tooLong, err := c.line()
		if err != nil {
			return Line{}, err
		}
		if tooLong || len(bytes.TrimSpace(text)) > 0 {
			return c.cut(row, row, text, tooLong), nil
		}
	}
}

// jsonOrder reads an object as a file of "seaport consignment create" has it, or one that was refused before.
func jsonOrder(l Line) (*consignmentv1.CreateConsignmentRequest, *Fault) {
	order, fault := decodeOrder(l.Text, l.Row)
	if fault == nil {
		return order, nil
	}
	if inner, ok := unwrap(l.Text); ok {
		return decodeOrder(inner, l.Row)
	}
	return nil, fault
}

// decodeOrder reads an object that begins on a line of the file.
func decodeOrder(text []byte, row int64) (*consignmentv1.CreateConsignmentRequest, *Fault) {
	order := &consignmentv1.CreateConsignmentRequest{}
	err := document.Decode("", text, order)
	if err == nil {
		return order, nil
	}
	wrong, ok := errors.AsType[*document.Error](err)
	if !ok {
		return nil, &Fault{Reason: err.Error()}
	}
	fault := &Fault{Field: wrong.Field, Reason: wrong.Reason}
	if wrong.Line > 1 {
		fault.Reason += fmt.Sprintf(" (line %d, column %d)", row+int64(wrong.Line)-1, wrong.Column)
	} else if wrong.Line == 1 {
		fault.Reason += fmt.Sprintf(" (column %d)", wrong.Column)
	}
	return nil, fault
}

// Refused is a line of NDJSON that says why an order was refused. It can be imported again once the order in it is
// corrected.
type Refused struct {
	Number int64           `json:"line"`
	Field  string          `json:"field"`
	Code   string          `json:"code"`
	Reason string          `json:"error"`
	Order  json.RawMessage `json:"order,omitempty"` // as it was
	Text   string          `json:"text,omitempty"`  // what stood there, if it was not JSON
}

// unwrap returns the order in a line that was refused before.
func unwrap(text []byte) ([]byte, bool) {
	var refused Refused
	switch err := json.Unmarshal(text, &refused); {
	case err != nil, refused.Reason == "":
		return nil, false
	case refused.Order != nil:
		return refused.Order, true
	}
	return []byte(refused.Text), refused.Text != ""
}

// Wrap puts a line in the place of the order that was refused.
func (r *Refused) Wrap(l Line) {
	text := l.Text
	if inner, ok := unwrap(text); ok {
		text = inner
	}
	if json.Valid(text) {
		r.Order = text
		return
	}
	r.Text = string(text)
}
