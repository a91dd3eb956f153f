package command

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// changePrinter prints changes of consignments as they come: as rows, or as JSON objects.
type changePrinter struct {
	out    io.Writer
	json   bool
	headed bool
	widths []int // of the columns so far, but the last: rows that are still to come are not known
}

func newChangePrinter(s *session) *changePrinter {
	// Times and ids have these widths.
	return &changePrinter{out: s.stdout, json: s.output == outputJSON, widths: []int{20, 9, 36, 36, 9}}
}

// heading prints the heading, once.
func (p *changePrinter) heading() error {
	if p.json || p.headed {
		return nil
	}
	p.headed = true
	return p.row("TIME", "WHAT", "CONSIGNMENT", "CUSTOMER", "VESSEL", "DESCRIPTION")
}

// change prints one change.
func (p *changePrinter) change(resp *consignmentv1.WatchConsignmentsResponse) error {
	if p.json {
		return writeMessageLine(p.out, resp)
	}
	change := resp.GetChange()
	c := change.GetConsignment()
	description := c.GetDescription()
	if c.GetStatusReason() != "" {
		description += " (" + c.GetStatusReason() + ")"
	}
	return p.row(moment(change.GetTime()), changeText(change.GetType()), c.GetId(), c.GetCustomerId(), c.GetVesselId(), description)
}

// row prints cells in columns. One that is wider than its column widens it from then on.
func (p *changePrinter) row(cells ...string) error {
	var line strings.Builder
	for i, cell := range cells {
		if cell = visible(cell); cell == "" {
			cell = "-"
		}
		line.WriteString(cell)
		if i < len(p.widths) {
			width := utf8.RuneCountInString(cell)
			p.widths[i] = max(p.widths[i], width)
			line.WriteString(strings.Repeat(" ", p.widths[i]-width+2))
		}
	}
	_, err := fmt.Fprintln(p.out, line.String())
	return err
}

// changeText returns "booked".
func changeText(t consignmentv1.ConsignmentChangeType) string {
	name := strings.TrimPrefix(t.String(), "CONSIGNMENT_CHANGE_TYPE_")
	return strings.ToLower(strings.ReplaceAll(name, "_", " "))
}
