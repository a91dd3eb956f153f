package failure_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/failure"
)

// every is one error of each kind.
func every() map[string]*failure.Error {
	return map[string]*failure.Error{
		"invalid":         failure.Invalid("weight", "must be %d to %d", 1, 9),
		"not found":       failure.NotFound("id", "there is no %q", "x"),
		"exists":          failure.Exists("request_id", "is taken"),
		"short":           failure.Short(failure.ShortOfWeight, "weight", "9 kg wanted, 1 kg free"),
		"unavailable":     failure.Unavailable(errors.New("10.0.0.7 is away"), "try again"),
		"unauthenticated": failure.Unauthenticated("log in"),
		"denied":          failure.Denied("this is for operators"),
		"denied field":    failure.DeniedField("customer_id", "must be your own"),
		"several": failure.From(failure.All(
			failure.Invalid("weight", "must be above zero"), failure.Invalid("containers[1].origin", "must not be empty"))),
		"several short": failure.From(failure.All(
			failure.Short(failure.ShortOfCapacity, "containers", "4 wanted, 1 free"), failure.Short(failure.ShortOfWeight, "weight", "too heavy"))),
	}
}

func TestCodeAndMessage(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		code    codes.Code
		message string
	}{
		"invalid":         {codes.InvalidArgument, "weight: must be 1 to 9"},
		"not found":       {codes.NotFound, `id: there is no "x"`},
		"exists":          {codes.AlreadyExists, "request_id: is taken"},
		"short":           {codes.FailedPrecondition, "weight: 9 kg wanted, 1 kg free"},
		"unavailable":     {codes.Unavailable, "try again"},
		"unauthenticated": {codes.Unauthenticated, "log in"},
		"denied":          {codes.PermissionDenied, "this is for operators"},
		"denied field":    {codes.PermissionDenied, "customer_id: must be your own"},
		"several":         {codes.InvalidArgument, "weight: must be above zero; containers[1].origin: must not be empty"},
		"several short":   {codes.FailedPrecondition, "containers: 4 wanted, 1 free; weight: too heavy"},
	} {
		e := every()[name]
		if e.Code() != want.code || e.GRPCStatus().Code() != want.code || e.GRPCStatus().Message() != want.message {
			t.Errorf("%s: %v, %v, want %v %q", name, e.Code(), e.GRPCStatus(), want.code, want.message)
		}
		if e.IsNotFound() != (want.code == codes.NotFound) || e.IsShort() != (want.code == codes.FailedPrecondition) {
			t.Errorf("%s: not found %v, short %v", name, e.IsNotFound(), e.IsShort())
		}
	}
}

// An error is the same to whoever gets it as a status or as an item of a batch.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for name, e := range every() {
		for way, got := range map[string]error{
			"status":         failure.From(status.FromProto(e.GRPCStatus().Proto()).Err()),
			"proto":          failure.FromProto(failure.ToProto(e)),
			"status, proto":  failure.FromProto(failure.ToProto(e.GRPCStatus().Err())),
			"wrapped, proto": failure.FromProto(failure.ToProto(fmt.Errorf("booking: %w", e))),
			"itself":         failure.From(fmt.Errorf("booking: %w", e)),
		} {
			back, ok := errors.AsType[*failure.Error](got)
			if !ok || back.Code() != e.Code() || back.GRPCStatus().Message() != e.GRPCStatus().Message() {
				t.Errorf("%s by %s: became %v", name, way, got)
				continue
			}
			if len(back.Violations())+len(e.Violations()) > 0 && !reflect.DeepEqual(back.Violations(), e.Violations()) {
				t.Errorf("%s by %s: violations became %+v, were %+v", name, way, back.Violations(), e.Violations())
			}
		}
	}
	if failure.From(nil) != nil || failure.ToProto(nil) != nil || failure.FromProto(nil) != nil || failure.All() != nil {
		t.Error("no error became one")
	}
}

// The details are those of google.rpc, which every gRPC client can read.
func TestDetails(t *testing.T) {
	t.Parallel()
	details := every()["several"].GRPCStatus().Details()
	request, ok := details[0].(*errdetails.BadRequest)
	if !ok || len(details) != 1 || len(request.GetFieldViolations()) != 2 ||
		request.GetFieldViolations()[1].GetField() != "containers[1].origin" || request.GetFieldViolations()[1].GetDescription() != "must not be empty" {
		t.Errorf("details of a bad request: %v", details)
	}
	details = every()["short"].GRPCStatus().Details()
	short, ok := details[0].(*errdetails.PreconditionFailure)
	if !ok || len(details) != 1 || len(short.GetViolations()) != 1 || short.GetViolations()[0].GetType() != "WEIGHT" ||
		short.GetViolations()[0].GetSubject() != "weight" || short.GetViolations()[0].GetDescription() != "9 kg wanted, 1 kg free" {
		t.Errorf("details of a precondition: %v", details)
	}
	if details := every()["unavailable"].GRPCStatus().Details(); len(details) != 0 {
		t.Errorf("details without a violation: %v", details)
	}
}

// How long to wait reaches the caller as google.rpc.RetryInfo, and whoever passes the error on.
func TestExhausted(t *testing.T) {
	t.Parallel()
	e := failure.Exhausted(90*time.Second, "too many attempts")
	info, ok := e.GRPCStatus().Details()[0].(*errdetails.RetryInfo)
	if e.Code() != codes.ResourceExhausted || !ok || info.GetRetryDelay().AsDuration() != 90*time.Second {
		t.Errorf("became %v", e.GRPCStatus())
	}
	if again := failure.From(e.GRPCStatus().Err()); again.Wait() != 90*time.Second || again.GRPCStatus().String() != e.GRPCStatus().String() {
		t.Errorf("passed on, it waits %s: %v", again.Wait(), again)
	}
}

// A caller learns nothing of what is not meant for it; the log does.
func TestDetailIsHidden(t *testing.T) {
	t.Parallel()
	const secret = "password=hunter2 at 10.0.0.7"
	for name, err := range map[string]error{
		"an error":           errors.New(secret),
		"wrapped":            fmt.Errorf("read: %w", errors.New(secret)),
		"a sidecar away":     fmt.Errorf("read: %w", status.Error(codes.Unavailable, secret)),
		"a sidecar refuses":  fmt.Errorf("read: %w", status.Error(codes.InvalidArgument, secret)),
		"an internal status": status.Error(codes.Internal, secret),
		"an unknown status":  status.Error(codes.Unknown, secret),
		"a deadline":         fmt.Errorf("%s: %w", secret, context.DeadlineExceeded),
		"a caller gone":      fmt.Errorf("%s: %w", secret, context.Canceled),
		"a cause":            failure.Unavailable(errors.New(secret), "try again"),
	} {
		e := failure.From(err)
		for what, shown := range map[string]string{
			"status": e.GRPCStatus().String(), "proto": failure.ToProto(err).String(), "again": failure.From(e.GRPCStatus().Err()).Error(),
		} {
			if strings.Contains(shown, "hunter2") {
				t.Errorf("%s, as %s, shows %q", name, what, shown)
			}
		}
		if !strings.Contains(e.Error(), "hunter2") {
			t.Errorf("%s: the log would read %q", name, e.Error())
		}
		if !errors.Is(e, err) && errors.Unwrap(e) == nil {
			t.Errorf("%s: the cause is lost", name)
		}
	}
}

func TestCodeOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want codes.Code
	}{
		"any":         {errors.New("x"), codes.Internal},
		"deadline":    {fmt.Errorf("read: %w", context.DeadlineExceeded), codes.DeadlineExceeded},
		"cancelled":   {fmt.Errorf("read: %w", context.Canceled), codes.Canceled},
		"unknown":     {status.Error(codes.Unknown, "x"), codes.Internal},
		"exhausted":   {status.Error(codes.ResourceExhausted, "x"), codes.ResourceExhausted},
		"its failure": {errors.Join(errors.New("x"), failure.NotFound("id", "none")), codes.NotFound},
	} {
		if got := failure.From(c.err).Code(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	outer := func(field string) string { return "holds[2]." + field }
	for name, c := range map[string]struct {
		err     *failure.Error
		message string
		fields  []string
	}{
		"one":   {failure.NotFound("origin", "no depot"), "holds[2].origin: no depot", []string{"holds[2].origin"}},
		"cause": {failure.Unavailable(errors.New("x"), "try again: later"), "try again: later", nil},
		"several": {
			failure.From(failure.All(failure.Invalid("a", "one"), failure.Invalid("b", "two"))),
			"holds[2].a: one; holds[2].b: two", []string{"holds[2].a", "holds[2].b"},
		},
		"one twice": {
			failure.From(failure.All(failure.Invalid("a", "one"), failure.Invalid("a", "two"))),
			"holds[2].a: one; holds[2].a: two", []string{"holds[2].a", "holds[2].a"},
		},
		"one at the end of another": {
			failure.From(failure.All(failure.Invalid("max_weight", "one"), failure.Invalid("weight", "two"))),
			"holds[2].max_weight: one; holds[2].weight: two", []string{"holds[2].max_weight", "holds[2].weight"},
		},
		"quoted in a description": {
			failure.From(failure.All(failure.Invalid("a", "is a: b"), failure.Invalid("b", "is b: c"))),
			"holds[2].a: is a: b; holds[2].b: is b: c", []string{"holds[2].a", "holds[2].b"},
		},
	} {
		before := c.err.Error()
		got := c.err.Within(outer)
		var fields []string
		for _, v := range got.Violations() {
			fields = append(fields, v.Field)
		}
		if got.GRPCStatus().Message() != c.message || !reflect.DeepEqual(fields, c.fields) {
			t.Errorf("%s: became %q of %q, want %q of %q", name, got.GRPCStatus().Message(), fields, c.message, c.fields)
		}
		if got.Code() != c.err.Code() || c.err.Error() != before || !reflect.DeepEqual(errors.Unwrap(got), errors.Unwrap(c.err)) {
			t.Errorf("%s: the code, the cause or the inner error changed", name)
		}
	}
	// Of no field of the request at all.
	nowhere := failure.Invalid("", "broken: not JSON")
	if got := nowhere.Within(func(field string) string { return field }); got.Error() != "broken: not JSON" {
		t.Errorf("became %q", got.Error())
	}
	if got := nowhere.Within(func(string) string { return "body" }); got.GRPCStatus().Message() != "body: broken: not JSON" {
		t.Errorf("became %q", got.GRPCStatus().Message())
	}
}
