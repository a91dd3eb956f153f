package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/document"
)

// inputError is bad usage or bad input: exit code 2, nothing was sent.
type inputError struct {
	err  error
	next string // what to do; may be empty
}

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// badInput returns an inputError; format and arguments as for fmt.Errorf.
func badInput(format string, args ...any) error {
	return &inputError{err: fmt.Errorf(format, args...)}
}

// badUsage returns an inputError that points to the help of the command.
func badUsage(cmd *cobra.Command, err error) error {
	return &inputError{err: err, next: fmt.Sprintf("See \"%s --help\".", cmd.CommandPath())}
}

// advisedError is an error with advice that only the command that failed can give.
type advisedError struct {
	err  error
	next string
}

func (e *advisedError) Error() string { return e.err.Error() }
func (e *advisedError) Unwrap() error { return e.err }

// failure is an error as a person or a script sees it.
type failure struct {
	exit       int
	status     string // the gRPC code, "INVALID_ARGUMENT"; empty for what did not come from a call
	message    string
	violations []violation
	next       string // what to do next; may be empty
}

// violation is one thing at fault.
type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
	Type        string `json:"type"`
}

// explain turns any error of a command into what is shown of it: the only place that does.
func explain(err error, s *session) failure {
	var f failure
	input, isInput := errors.AsType[*inputError](err)
	_, isDocument := errors.AsType[*document.Error](err)
	st, isStatus := callStatus(err)
	switch {
	case isInput:
		f = failure{exit: exitBadInput, message: err.Error(), next: input.next}
	case isDocument:
		f = failure{exit: exitBadInput, message: err.Error()}
	case errors.Is(err, context.Canceled), isStatus && st.Code() == codes.Canceled:
		f = failure{exit: exitInterrupted, message: "interrupted"}
	case isStatus:
		f = explainStatus(st, s)
	default:
		f = failure{exit: exitFailed, message: err.Error()}
	}
	if advised, ok := errors.AsType[*advisedError](err); ok {
		f.next = strings.TrimSpace(f.next + "\n" + advised.next)
	}
	return f
}

// callStatus finds the status of a call in the chain of err. Unlike status.FromError it keeps the
// message as the server sent it.
func callStatus(err error) (*status.Status, bool) {
	carrier, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if !ok {
		return nil, false
	}
	return carrier.GRPCStatus(), true
}

func explainStatus(st *status.Status, s *session) failure {
	f := failure{
		exit:       exitFailed,
		status:     statusName(st.Code()),
		message:    st.Message(),
		violations: violationsOf(st),
	}
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded:
		f.exit = exitUnreachable
		if !s.reached() {
			f.message = fmt.Sprintf("cannot reach Seaport at %s: %s", s.address, transportCause(st.Message()))
			f.next = "Is Seaport running? Start it with `make run`, or point --server (or " + serverEnv + ") elsewhere."
			return f
		}
	}
	f.next = advice(st, f.violations, s)
	return f
}

// advice says what to do about an answer of the gateway; empty when the message says it all.
func advice(st *status.Status, violations []violation, s *session) string {
	code := st.Code()
	switch code {
	case codes.Unauthenticated, codes.PermissionDenied:
		return adviseLogin(code, s)
	case codes.ResourceExhausted:
		return adviseWait(st)
	case codes.Unavailable:
		return fmt.Sprintf("Seaport is there, but a part of it does not answer. Try again in a moment; http://%s/healthz says what is not ready.", s.address)
	case codes.DeadlineExceeded:
		return fmt.Sprintf("There was no answer within %s; --timeout allows more.", s.timeout)
	case codes.Unimplemented:
		return fmt.Sprintf("Is the server at %s a Seaport gateway, and as new as this program?", s.address)
	case codes.Internal, codes.Unknown:
		return "The log of the service says more."
	case codes.NotFound, codes.FailedPrecondition, codes.AlreadyExists:
	default:
		return ""
	}
	for _, v := range violations {
		switch {
		case code == codes.AlreadyExists && v.Field == "request_id":
			return "That request id belongs to another request; take a new one."
		case code == codes.AlreadyExists && v.Field == "email":
			return "Is it yours? Then log in: " + loginCommand(s, "")
		case code == codes.AlreadyExists:
			return ""
		case v.Type == "CAPACITY", v.Type == "WEIGHT", strings.HasSuffix(v.Field, "vessel_id"):
			return "\"seaport vessel list\" shows the room on each vessel, \"seaport vessel create\" adds one."
		case v.Type == "CONTAINERS", strings.HasSuffix(v.Field, "origin"):
			return "\"seaport depot list\" shows the free containers of each depot, \"seaport depot stock\" adds some."
		case strings.HasSuffix(v.Field, "app_id"):
			return "The services are gateway, consignment, vessel, inventory, user and notification."
		}
	}
	return ""
}

// statusName returns the name that the gRPC documentation and the REST errors use.
// https://grpc.io/docs/guides/status-codes/
func statusName(code codes.Code) string {
	var name strings.Builder
	for i, r := range code.String() {
		if i > 0 && r >= 'A' && r <= 'Z' && code != codes.OK {
			name.WriteByte('_')
		}
		name.WriteRune(r)
	}
	return strings.ToUpper(name.String())
}

func violationsOf(st *status.Status) []violation {
	var all []violation
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				all = append(all, violation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.PreconditionFailure:
			for _, v := range d.GetViolations() {
				all = append(all, violation{Field: v.GetSubject(), Description: v.GetDescription(), Type: v.GetType()})
			}
		}
	}
	return all
}

// transportCause takes the words a person needs out of gRPC's account of a failed connection.
func transportCause(message string) string {
	if i := strings.LastIndex(message, "desc = "); i >= 0 {
		if inner, err := strconv.Unquote(message[i+len("desc = "):]); err == nil {
			message = inner
		}
	}
	return strings.TrimPrefix(message, "transport: Error while dialing: ")
}

// print writes the failure to w: as text, or as the JSON object the REST errors have, with the
// exit code and the advice in place of the HTTP code.
func (f failure) print(w io.Writer, format string) {
	if format == outputJSON {
		f.printJSON(w)
		return
	}
	headline, lines := f.message, f.lines()
	if len(lines) > 0 && strings.Join(lines, "; ") == headline { // the message only repeats them
		headline = "refused"
		if len(lines) == 1 {
			headline, lines = lines[0], nil
		}
	}
	if f.status != "" {
		headline += " (" + f.status + ")"
	}
	fmt.Fprintf(w, "seaport: %s\n", visible(headline))
	for _, line := range lines {
		fmt.Fprintf(w, "  %s\n", visible(line))
	}
	if f.next != "" {
		fmt.Fprintln(w, f.next)
	}
}

// lines returns a "field: description" for each violation.
func (f failure) lines() []string {
	lines := make([]string, len(f.violations))
	for i, v := range f.violations {
		lines[i] = v.Description
		if v.Field != "" {
			lines[i] = v.Field + ": " + v.Description
		}
	}
	return lines
}

func (f failure) printJSON(w io.Writer) {
	type body struct {
		ExitCode   int         `json:"exit_code"`
		Status     string      `json:"status"`
		Message    string      `json:"message"`
		Violations []violation `json:"violations"`
		Next       string      `json:"next"`
	}
	_ = writeJSON(w, map[string]body{"error": {
		ExitCode: f.exit, Status: f.status, Message: f.message, Violations: append([]violation{}, f.violations...), Next: f.next,
	}}) // nobody is left to tell that stderr is closed
}
