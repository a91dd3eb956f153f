package command

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

// writeDeadLetters prints a page as a table.
func writeDeadLetters(w io.Writer, page *opsv1.ListDeadLettersResponse) error {
	if len(page.GetDeadLetters()) == 0 {
		text := "No dead letters."
		if page.GetNextPageToken() != "" { // a crash may have left places of those that are gone
			text = "No dead letters are left on this page."
		}
		_, err := fmt.Fprintln(w, text)
		return err
	}
	rows := [][]string{{"ID", "TOPIC", "TYPE", "ATTEMPTS", "TIME", "REASON"}}
	for _, l := range page.GetDeadLetters() {
		name := l.GetType()
		name = name[strings.LastIndexByte(name, '.')+1:] // the package is the same for all events
		rows = append(rows, []string{
			l.GetId(), l.GetTopic(), name, strconv.Itoa(int(l.GetAttempts())), moment(l.GetCreateTime()), shorten(l.GetReason()),
		})
	}
	return table(w, "", rows)
}

// writeDeadLetter prints all of a dead letter, its payload last.
func writeDeadLetter(w io.Writer, l *opsv1.DeadLetter) error {
	fmt.Fprintf(w, "Dead letter %s\n", visible(l.GetId()))
	data := bytes.TrimSpace(l.GetData())
	isJSON := utf8.Valid(data) && json.Valid(data)
	size := strconv.Itoa(len(l.GetData())) + " bytes"
	if !isJSON && len(l.GetData()) > 0 {
		size += ", not JSON; here in base64"
	}
	err := table(w, "  ", [][]string{
		{"Topic:", l.GetTopic()},
		{"Type:", l.GetType()},
		{"Reason:", l.GetReason()},
		{"Attempts:", strconv.Itoa(int(l.GetAttempts()))},
		{"Given up:", moment(l.GetCreateTime())},
		{"Tried last:", moment(l.GetUpdateTime())},
		{"Content type:", l.GetContentType()},
		{"Payload:", size},
	})
	if err != nil || len(l.GetData()) == 0 {
		return err
	}
	fmt.Fprintln(w)
	if isJSON {
		return writeIndented(w, data)
	}
	_, err = fmt.Fprintln(w, base64.StdEncoding.EncodeToString(l.GetData()))
	return err
}

// deadLetters returns "1 dead letter", "2 dead letters".
func deadLetters(n int) string {
	if n == 1 {
		return "1 dead letter"
	}
	return strconv.Itoa(n) + " dead letters"
}
