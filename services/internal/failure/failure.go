// Package failure holds the errors that callers are meant to see. Such an error knows its gRPC
// code and names the fields or preconditions at fault, so that it reads the same through gRPC,
// REST and the command line. Every other error reaches a caller as INTERNAL, without its detail.
package failure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	failurev1 "seaport.example/proto/seaport/failure/v1"
)

// What a precondition that does not hold is short of: the type of its violation.
const (
	ShortOfCapacity   = "CAPACITY"
	ShortOfWeight     = "WEIGHT"
	ShortOfContainers = "CONTAINERS"
)

// InternalMessage is all a caller learns of an error that is not an [Error].
const InternalMessage = "internal error; the service's log has the detail"

// Error is an error for the caller. The zero value is not useful: use the constructors.
type Error struct {
	code       codes.Code
	message    string
	violations []Violation
	cause      error
	wait       time.Duration
}

// Violation is one thing at fault.
type Violation struct {
	Field       string // the request's field, for instance "containers[1].origin"
	Description string // what is wrong with it, for a person
	Type        string // what is short, for a precondition; else empty
}

// Invalid says that a field of the request is wrong (INVALID_ARGUMENT).
func Invalid(field, format string, args ...any) *Error {
	return about(codes.InvalidArgument, "", field, format, args...)
}

// NotFound says that what a field names does not exist (NOT_FOUND).
func NotFound(field, format string, args ...any) *Error {
	return about(codes.NotFound, "", field, format, args...)
}

// Exists says that what a field names is already there (ALREADY_EXISTS).
func Exists(field, format string, args ...any) *Error {
	return about(codes.AlreadyExists, "", field, format, args...)
}

// Short says that there is not enough of something (FAILED_PRECONDITION). Kind is one of the
// ShortOf constants, field what asked for it.
func Short(kind, field, format string, args ...any) *Error {
	return about(codes.FailedPrecondition, kind, field, format, args...)
}

// Unavailable says that the call is worth a retry (UNAVAILABLE). The cause is for the log.
func Unavailable(cause error, format string, args ...any) *Error {
	return &Error{code: codes.Unavailable, message: fmt.Sprintf(format, args...), cause: cause}
}

// Unauthenticated says that it is not known who calls (UNAUTHENTICATED).
func Unauthenticated(format string, args ...any) *Error {
	return &Error{code: codes.Unauthenticated, message: fmt.Sprintf(format, args...)}
}

// Denied says that the caller may not do this (PERMISSION_DENIED).
func Denied(format string, args ...any) *Error {
	return &Error{code: codes.PermissionDenied, message: fmt.Sprintf(format, args...)}
}

// DeniedField says that the caller may not ask for this value of a field (PERMISSION_DENIED).
func DeniedField(field, format string, args ...any) *Error {
	return about(codes.PermissionDenied, "", field, format, args...)
}

// Exhausted says that the caller asks too much and after how long it may ask again
// (RESOURCE_EXHAUSTED).
func Exhausted(wait time.Duration, format string, args ...any) *Error {
	return &Error{code: codes.ResourceExhausted, message: fmt.Sprintf(format, args...), wait: wait}
}

func about(code codes.Code, kind, field, format string, args ...any) *Error {
	violations := []Violation{{Field: field, Description: fmt.Sprintf(format, args...), Type: kind}}
	return &Error{code: code, message: messageOf(violations), violations: violations}
}

// All joins violations of one code into one error; nil when there are none.
func All(errs ...*Error) error {
	if len(errs) == 0 {
		return nil
	}
	joined := &Error{code: errs[0].code}
	messages := make([]string, 0, len(errs))
	for _, err := range errs {
		messages = append(messages, err.message)
		joined.violations = append(joined.violations, err.violations...)
	}
	joined.message = strings.Join(messages, "; ")
	return joined
}

// Within returns the error with its fields seen from the request around it: f names the field
// of the outer request for a field of the inner one.
func (e *Error) Within(f func(field string) string) *Error {
	outer := &Error{code: e.code, cause: e.cause, message: e.message, wait: e.wait}
	for _, v := range e.violations {
		v.Field = f(v.Field)
		outer.violations = append(outer.violations, v)
	}
	if e.message == messageOf(e.violations) { // else it is somebody else's, and names no fields
		outer.message = messageOf(outer.violations)
	}
	return outer
}

// messageOf puts violations into words.
func messageOf(violations []Violation) string {
	messages := make([]string, len(violations))
	for i, v := range violations {
		messages[i] = v.Description
		if v.Field != "" {
			messages[i] = v.Field + ": " + v.Description
		}
	}
	return strings.Join(messages, "; ")
}

// Error returns the message; for logs, with the cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.message + ": " + e.cause.Error()
	}
	return e.message
}

// Unwrap returns what caused the error, if anything did.
func (e *Error) Unwrap() error { return e.cause }

// Code returns the gRPC code.
func (e *Error) Code() codes.Code { return e.code }

// Violations returns what is at fault.
func (e *Error) Violations() []Violation { return e.violations }

// Wait returns after how long it makes sense to ask again; 0 when that is not known.
func (e *Error) Wait() time.Duration { return e.wait }

// GRPCStatus returns the status with its details (BadRequest, PreconditionFailure or RetryInfo).
func (e *Error) GRPCStatus() *status.Status {
	st := status.New(e.code, e.message)
	if e.wait > 0 {
		if detailed, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(e.wait)}); err == nil {
			st = detailed
		}
	}
	if len(e.violations) == 0 {
		return st
	}
	var detail protoadapt.MessageV1
	if e.code == codes.FailedPrecondition {
		pf := &errdetails.PreconditionFailure{}
		for _, v := range e.violations {
			pf.Violations = append(pf.Violations, &errdetails.PreconditionFailure_Violation{
				Type: v.Type, Subject: v.Field, Description: v.Description,
			})
		}
		detail = protoadapt.MessageV1Of(pf)
	} else {
		br := &errdetails.BadRequest{}
		for _, v := range e.violations {
			br.FieldViolations = append(br.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: v.Field, Description: v.Description,
			})
		}
		detail = protoadapt.MessageV1Of(br)
	}
	if detailed, err := st.WithDetails(detail); err == nil {
		return detailed
	}
	return st
}

// From returns err as an [Error]: an Error in its chain, a gRPC status with its details, the
// end of a context; UNAVAILABLE for an error that wraps the status of a sidecar that is away; else
// INTERNAL with a fixed message. Err is the cause, for the log. Nil gives nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{code: codes.DeadlineExceeded, message: "the answer took too long", cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{code: codes.Canceled, message: "the caller went away", cause: err}
	}
	if answer, ok := err.(interface{ GRPCStatus() *status.Status }); ok { // a wrapped one is not the answer of a service
		if st := answer.GRPCStatus(); st.Code() != codes.Unknown && st.Code() != codes.Internal {
			return fromStatus(st)
		}
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.ResourceExhausted:
		// The sidecar or what is behind it. What it says is for the log.
		return Unavailable(err, "the service cannot do its work at present; try again")
	}
	return &Error{code: codes.Internal, message: InternalMessage, cause: err}
}

func fromStatus(st *status.Status) *Error {
	e := &Error{code: st.Code(), message: st.Message()}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.violations = append(e.violations, Violation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.PreconditionFailure:
			for _, v := range d.GetViolations() {
				e.violations = append(e.violations, Violation{Field: v.GetSubject(), Description: v.GetDescription(), Type: v.GetType()})
			}
		case *errdetails.RetryInfo:
			e.wait = d.GetRetryDelay().AsDuration()
		}
	}
	return e
}

// ToProto returns the error of one item of a batch; nil for nil.
func ToProto(err error) *failurev1.Failure {
	if err == nil {
		return nil
	}
	e := From(err)
	f := &failurev1.Failure{Code: int32(e.code), Message: e.message}
	for _, v := range e.violations {
		f.Violations = append(f.Violations, &failurev1.Violation{Field: v.Field, Description: v.Description, Type: v.Type})
	}
	return f
}

// FromProto is the inverse of [ToProto].
func FromProto(f *failurev1.Failure) error {
	if f == nil {
		return nil
	}
	e := &Error{code: codes.Code(f.GetCode()), message: f.GetMessage()} //nolint:gosec // status codes are small
	for _, v := range f.GetViolations() {
		e.violations = append(e.violations, Violation{Field: v.GetField(), Description: v.GetDescription(), Type: v.GetType()})
	}
	return e
}

// IsNotFound says that something named does not exist.
func (e *Error) IsNotFound() bool { return e.code == codes.NotFound }

// IsShort says that there was not enough of something.
func (e *Error) IsShort() bool { return e.code == codes.FailedPrecondition }

// IsRefusal says that it is what was asked for that does not go: asking the same again is of no use.
func (e *Error) IsRefusal() bool {
	switch e.code {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition:
		return true
	}
	return false
}
