package importing

import (
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"

	"seaport.example/cli/internal/orderfile"
	failurev1 "seaport.example/proto/seaport/failure/v1"
)

// Refusal is why a line is not booked.
type Refusal struct {
	Field  string     // the first field at fault; may be empty
	Reason string     // for a person
	Code   codes.Code // as the call for it alone would have answered
}

const invalid = codes.InvalidArgument

// ofContainer is how the service calls what is one column for all containers in CSV.
var ofContainer = regexp.MustCompile(`^containers\[\d+\]\.`)

// refusalOf reads the failure of a line.
func refusalOf(f *failurev1.Failure, format orderfile.Format) *Refusal {
	refusal := &Refusal{Reason: f.GetMessage(), Code: codes.Code(max(0, f.GetCode()))}
	field := func(v *failurev1.Violation) string {
		if format == orderfile.CSV {
			return ofContainer.ReplaceAllString(v.GetField(), "")
		}
		return v.GetField()
	}
	if len(f.GetViolations()) == 0 {
		return refusal
	}
	var reasons []string
	for i, v := range f.GetViolations() {
		if i == 0 {
			refusal.Field = field(v)
			reasons = append(reasons, v.GetDescription())
			continue
		}
		reasons = append(reasons, strings.TrimPrefix(field(v)+": "+v.GetDescription(), ": "))
	}
	refusal.Reason = strings.Join(reasons, "; ")
	return refusal
}

// doubtful says that the line may be booked nevertheless.
func (r *Refusal) doubtful() bool {
	switch r.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted, codes.Unknown, codes.Internal:
		return true
	}
	return false
}
