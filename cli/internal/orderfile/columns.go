package orderfile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"seaport.example/cli/internal/document"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// The columns of CSV.
const (
	description = "description"
	weight      = "weight"
	origin      = "origin"
	containers  = "containers"
	vesselID    = "vessel_id"
	customerID  = "customer_id"
	requestID   = "request_id"
)

var (
	required = []string{description, weight, origin}
	columns  = append(slices.Clone(required), containers, vesselID, customerID, requestID)
	// remarks are what a report of refused lines has besides; they are passed over.
	remarks = []string{"line", "field", "code", "error"}
)

// maxContainers is how many containers a consignment has at most.
const maxContainers = 1000

// header is the first record of CSV, and what is needed to read the others.
type header struct {
	names []string
	at    map[string]int // by column
	comma byte           // between fields
	in    *bufio.Reader  // of order alone
}

// readHeader reads the header and says all that is wrong with it.
func readHeader(records *recordCutter) (*header, error) {
	l, err := records.next()
	if comma, ok := separator(l.Text); err == nil && ok {
		records.comma = comma
		l, err = records.next()
	}
	if errors.Is(err, io.EOF) {
		return nil, records.refuse(0, "is empty")
	}
	if err != nil {
		return nil, err
	}
	if l.fault != nil {
		return nil, records.refuse(l.Number, "the header %s", l.fault.Reason)
	}
	h := &header{at: make(map[string]int), comma: records.comma, in: bufio.NewReader(nil)}
	cells, fault := split(bytes.NewReader(l.Text), h.comma)
	if fault != nil {
		return nil, records.refuse(l.Number, "the header %s", fault.Reason)
	}
	if wrong := h.take(cells); len(wrong) > 0 {
		reason := strings.Join(wrong, "; ") + "; there are the columns " + strings.Join(columns, ", ")
		if len(cells) == 1 && strings.ContainsAny(cells[0], ";\t") {
			reason += ", separated by commas"
		}
		return nil, &document.Error{Name: records.name, Line: int(l.Number), Reason: reason}
	}
	return h, nil
}

// separator returns what separates the fields, if a line says nothing else: "sep=;", as Excel has it before the
// header.
func separator(line []byte) (byte, bool) {
	text := strings.ToLower(strings.TrimRight(strings.Trim(string(line), `"`), " "))
	sep, ok := strings.CutPrefix(text, "sep=")
	if !ok || len(sep) != 1 || !strings.Contains(",;\t|", sep) {
		return 0, false
	}
	return sep[0], true
}

// take notes where the columns are and returns what is wrong with them.
func (h *header) take(cells []string) (wrong []string) {
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		_, twice := h.at[name]
		switch {
		case name == "":
			wrong = append(wrong, fmt.Sprintf("column %d has no name", i+1))
		case twice:
			wrong = append(wrong, fmt.Sprintf("the column %s is there twice", name))
		case !slices.Contains(columns, name) && !slices.Contains(remarks, name):
			wrong = append(wrong, fmt.Sprintf("there is no such column as %s", strconv.Quote(shorten(name))))
		}
		h.at[name] = i
		h.names = append(h.names, name)
	}
	for _, name := range required {
		if _, ok := h.at[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("the column %s is missing", name))
		}
	}
	return wrong
}

// shorten keeps a message readable when the name is not.
func shorten(name string) string {
	const longest = 60
	if characters := []rune(name); len(characters) > longest {
		return string(characters[:longest]) + "…"
	}
	return name
}

// split returns the fields of a record.
func split(record io.Reader, comma byte) ([]string, *Fault) {
	fields := csv.NewReader(record)
	fields.Comma = rune(comma)
	fields.FieldsPerRecord = -1
	cells, err := fields.Read()
	if err != nil {
		return nil, &Fault{Reason: "is not CSV: " + err.Error()}
	}
	return cells, nil
}

// order reads a record.
func (h *header) order(l Line) (*consignmentv1.CreateConsignmentRequest, *Fault) {
	h.in.Reset(bytes.NewReader(l.Text)) // csv.NewReader takes it as it is: no buffer is made for each record
	cells, fault := split(h.in, h.comma)
	if fault != nil {
		return nil, fault
	}
	if len(cells) != len(h.names) {
		return nil, &Fault{Reason: fmt.Sprintf("has %d columns, the header has %d", len(cells), len(h.names))}
	}
	cell := func(name string) string {
		i, ok := h.at[name]
		if !ok {
			return ""
		}
		return cells[i]
	}
	kilograms, err := strconv.ParseInt(strings.TrimSpace(cell(weight)), 10, 32)
	if err != nil {
		return nil, notWhole(weight, cell(weight), "of kilograms")
	}
	count := int64(1)
	if text := strings.TrimSpace(cell(containers)); text != "" {
		if count, err = strconv.ParseInt(text, 10, 32); err != nil || count < 1 || count > maxContainers {
			return nil, notWhole(containers, text, fmt.Sprintf("from 1 to %d", maxContainers))
		}
	}
	order := &consignmentv1.CreateConsignmentRequest{
		Description: cell(description),
		Weight:      int32(kilograms),
		VesselId:    strings.TrimSpace(cell(vesselID)),
		CustomerId:  strings.TrimSpace(cell(customerID)),
		RequestId:   strings.TrimSpace(cell(requestID)),
	}
	box := &consignmentv1.Container{Origin: strings.TrimSpace(cell(origin))}
	if size := proto.Size(box) * int(count); size > MaxOrder {
		return nil, tooLarge(size)
	}
	// They are one and the same: nobody changes them, and a thousand need room for one.
	order.Containers = slices.Repeat([]*consignmentv1.Container{box}, int(count))
	return order, nil
}

func notWhole(column, text, what string) *Fault {
	return &Fault{Field: column, Reason: fmt.Sprintf("must be a whole number %s, not %s", what, strconv.Quote(shorten(text)))}
}

// RefusedHeader is the header of a report about lines of the file. It can be imported again, once the orders in it
// are corrected.
func (f *File) RefusedHeader() []string {
	head := slices.Clone(remarks)
	if _, ok := f.header.at[requestID]; !ok {
		head = append(head, requestID)
	}
	for _, name := range f.header.names {
		if !slices.Contains(remarks, name) {
			head = append(head, name)
		}
	}
	return head
}

// RefusedRecord is the record of a report about a line, which has the request id unless it had one. A line that does
// not fit the header is put after the remarks as it is, so that it does not fit there either. It may be called while
// the file is being read.
func (f *File) RefusedRecord(l Line, about Refused, request string) []string {
	h := f.header
	row := []string{strconv.FormatInt(about.Number, 10), about.Field, about.Code, about.Reason}
	own, hasColumn := h.at[requestID]
	if !hasColumn {
		row = append(row, request)
	}
	cells := []string{string(l.Text)}
	if l.fault == nil {
		if split, fault := split(bytes.NewReader(l.Text), h.comma); fault == nil {
			cells = split
		}
	}
	if len(cells) != len(h.names) {
		if len(cells) == len(f.RefusedHeader())-len(row) { // they would fit after all, each in a wrong place
			cells = []string{string(l.Text)}
		}
		return append(row, cells...)
	}
	if hasColumn && strings.TrimSpace(cells[own]) == "" {
		cells[own] = request
	}
	for i, name := range h.names {
		if !slices.Contains(remarks, name) {
			row = append(row, cells[i])
		}
	}
	return row
}
