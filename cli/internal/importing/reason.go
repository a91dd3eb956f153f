package importing

import (
	"fmt"
	"regexp"

	"google.golang.org/grpc/codes"
)

// maxReasons is how many reasons are told apart; a journal stays small.
const maxReasons = 50

// values is what differs in reasons that are one for a person: numbers and what is quoted.
var values = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?\d+`)

// Reason is why some lines were refused.
type Reason struct {
	Field  string     `json:"field"`
	Text   string     `json:"reason"` // that of the first line
	Code   codes.Code `json:"code"`
	Count  int64      `json:"count"`
	First  int64      `json:"first"`  // number of the first line
	Others bool       `json:"others"` // of any reason that is not named

	form string // without values
}

// addReason counts a refusal with those that differ from it in values only.
func (c *Counts) addReason(number int64, refusal *Refusal) {
	added := Reason{Field: refusal.Field, Text: refusal.Reason, Code: refusal.Code, Count: 1, First: number}
	added.form = added.withoutValues()
	for i := range c.Reasons {
		r := &c.Reasons[i]
		if r.form == "" { // read from a journal
			r.form = r.withoutValues()
		}
		if r.Others || r.form == added.form {
			r.Count++
			return
		}
	}
	added.Others = len(c.Reasons) == maxReasons-1
	c.Reasons = append(c.Reasons, added)
}

func (r *Reason) withoutValues() string {
	return fmt.Sprintf("%d %s: %s", r.Code, values.ReplaceAllString(r.Field, "…"), values.ReplaceAllString(r.Text, "…"))
}
