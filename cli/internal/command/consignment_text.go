package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// writeConsignment prints a consignment as a block of lines.
func writeConsignment(w io.Writer, c *consignmentv1.Consignment) error {
	fmt.Fprintf(w, "Consignment %s\n", visible(c.GetId()))
	rows := [][]string{
		{"Status:", statusText(c)},
		{"Description:", c.GetDescription()},
		{"Weight:", strconv.Itoa(int(c.GetWeight())) + " kg"},
		{"Vessel:", c.GetVesselId()},
		{"Customer:", c.GetCustomerId()},
		{"Booked:", moment(c.GetCreateTime())},
		{"Containers:", strconv.Itoa(len(c.GetContainers()))},
	}
	if err := table(w, "  ", rows); err != nil {
		return err
	}
	if len(c.GetContainers()) == 0 {
		return nil
	}
	containers := [][]string{{"ID", "ORIGIN", "CUSTOMER", "USER"}}
	for _, b := range c.GetContainers() {
		containers = append(containers, []string{b.GetId(), b.GetOrigin(), b.GetCustomerId(), b.GetUserId()})
	}
	return table(w, "    ", containers)
}

// statusText returns "booked", or "cancelled: ordered twice".
func statusText(c *consignmentv1.Consignment) string {
	name := strings.TrimPrefix(c.GetStatus().String(), "CONSIGNMENT_STATUS_")
	text := strings.ToLower(strings.ReplaceAll(name, "_", " "))
	if c.GetStatusReason() != "" {
		text += ": " + c.GetStatusReason()
	}
	return text
}
