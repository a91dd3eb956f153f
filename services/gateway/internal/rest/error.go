package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"seaport.example/services/internal/failure"
)

// errorBody is the one form of every error.
type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code       int         `json:"code"`   // the HTTP status
	Status     string      `json:"status"` // the gRPC code's name, for instance "INVALID_ARGUMENT"
	Message    string      `json:"message"`
	Violations []violation `json:"violations"`
}

type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Type        string `json:"type,omitempty"` // what is short
}

// WriteError answers with an error. A caller who is not known is told how to become so (RFC 6750), one
// who asks too often when to come back (RFC 9110, in seconds).
func WriteError(w http.ResponseWriter, httpCode int, e *failure.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if httpCode == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if wait := e.Wait(); wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(httpCode)
	_ = json.NewEncoder(w).Encode(bodyOf(httpCode, e))
}

func bodyOf(httpCode int, e *failure.Error) errorBody {
	body := errorBody{Error: errorDetail{
		Code: httpCode, Status: statusName(e), Message: e.GRPCStatus().Message(), Violations: []violation{},
	}}
	for _, v := range e.Violations() {
		body.Error.Violations = append(body.Error.Violations, violation(v))
	}
	return body
}

// statusName returns the code as the standard spells it: "NotFound" is "NOT_FOUND".
func statusName(e *failure.Error) string {
	if e.Code() == codes.Canceled {
		return "CANCELLED" // as the standard has it, and Go has not
	}
	var name strings.Builder
	for i, r := range e.Code().String() {
		if i > 0 && r >= 'A' && r <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(r)
	}
	return strings.ToUpper(name.String())
}
