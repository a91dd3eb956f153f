package freight

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Violation is one thing at fault.
type Violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Type        string `json:"type"`
}

// Violations returns what a refusal names: the fields of a BadRequest, the subjects of a
// PreconditionFailure.
func Violations(err error) []Violation {
	var all []Violation
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				all = append(all, Violation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.PreconditionFailure:
			for _, v := range d.GetViolations() {
				all = append(all, Violation{Field: v.GetSubject(), Description: v.GetDescription(), Type: v.GetType()})
			}
		}
	}
	return all
}
