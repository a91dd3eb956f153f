package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// refusal is what every door must answer to a bad request.
type refusal struct {
	code  codes.Code
	field string // the field at fault; "" for any
	short string // what is short, where something is
}

// badRequest is one bad request and how it is made at each door. A door that cannot make it is
// left out.
type badRequest struct {
	name string
	want refusal
	grpc func(ctx context.Context, c *platform.Client) error
	rest *restCall
	cli  *cliCall
}

type restCall struct {
	method, path string
	body         []byte
	field        string // the field at fault, where it has another name here
}

type cliCall struct {
	args  []string
	stdin string
	// says is set when the command line finds out by itself and sends nothing: what it must say.
	says string
}

const (
	exitRefused  = 1
	exitBadInput = 2
)

var httpStatus = map[codes.Code]int{
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.NotFound:           http.StatusNotFound,
	codes.FailedPrecondition: http.StatusConflict,
	codes.AlreadyExists:      http.StatusConflict,
}

var statusName = map[codes.Code]string{
	codes.InvalidArgument:    "INVALID_ARGUMENT",
	codes.NotFound:           "NOT_FOUND",
	codes.FailedPrecondition: "FAILED_PRECONDITION",
	codes.AlreadyExists:      "ALREADY_EXISTS",
}

// wantRefused sends a bad request through every door and wants the same refusal from each, and
// nothing changed by it.
func wantRefused(t *testing.T, p *platform.Platform, c *platform.Client, bad badRequest) {
	t.Helper()
	before := everything(t, p, c)
	var answers [][]freight.Violation
	if bad.grpc != nil {
		answers = append(answers, bad.overGRPC(t, c))
	}
	if bad.rest != nil {
		if got := bad.overREST(t, p); bad.rest.field == "" {
			answers = append(answers, got)
		}
	}
	if bad.cli != nil {
		if got := bad.overCLI(t, p); bad.cli.says == "" {
			answers = append(answers, got)
		}
	}
	for _, other := range answers[min(1, len(answers)):] {
		if !slices.Equal(other, answers[0]) {
			t.Errorf("the doors do not answer the same:\n%+v\n%+v", answers[0], other)
		}
	}
	wantUnchanged(t, before, everything(t, p, c))
}

// wantUnchanged wants the lines that describe everything to be the same.
func wantUnchanged(t *testing.T, before, after []string) {
	t.Helper()
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("it changed something: gone is %s", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("it changed something: new is %s", line)
		}
	}
}

func (b badRequest) overGRPC(t *testing.T, c *platform.Client) []freight.Violation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := b.grpc(ctx, c)
	if status.Code(err) != b.want.code {
		t.Errorf("gRPC: got %v, want %s", err, b.want.code)
	}
	violations := freight.Violations(err)
	b.wantNamed(t, "gRPC", violations, b.want.field)
	wantClear(t, "gRPC", fmt.Sprint(err))
	return violations
}

func (b badRequest) overREST(t *testing.T, p *platform.Platform) []freight.Violation {
	t.Helper()
	answer := p.REST(t, b.rest.method, b.rest.path, b.rest.body)
	violations := restError(t, answer, httpStatus[b.want.code], statusName[b.want.code])
	field := b.want.field
	if b.rest.field != "" {
		field = b.rest.field
	}
	b.wantNamed(t, "REST", violations, field)
	return violations
}

// restError reads the one form that errors have.
func restError(t *testing.T, answer platform.Answer, wantHTTP int, wantStatus string) []freight.Violation {
	t.Helper()
	if answer.Status != wantHTTP {
		t.Errorf("REST: answered %d %s, want %d", answer.Status, answer.Body, wantHTTP)
	}
	if !strings.HasPrefix(answer.Type, "application/json") {
		t.Errorf("REST: the error is %q, want application/json", answer.Type)
	}
	var body struct {
		Error struct {
			Code       int                 `json:"code"`
			Status     string              `json:"status"`
			Message    string              `json:"message"`
			Violations []freight.Violation `json:"violations"`
		} `json:"error"`
	}
	decoder := json.NewDecoder(bytes.NewReader(answer.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		t.Errorf("REST: the error has another form (%v): %s", err, answer.Body)
	}
	if body.Error.Code != answer.Status || body.Error.Status != wantStatus || body.Error.Message == "" || body.Error.Violations == nil {
		t.Errorf("REST: the error is %s, want code %d, status %s, a message and violations", answer.Body, answer.Status, wantStatus)
	}
	wantClear(t, "REST", string(answer.Body))
	return body.Error.Violations
}

func (b badRequest) overCLI(t *testing.T, p *platform.Platform) []freight.Violation {
	t.Helper()
	wantExit := exitRefused
	if b.cli.says != "" {
		wantExit = exitBadInput
	}
	text := p.CLIWith(t, b.cli.stdin, b.cli.args...)
	if text.Exit != wantExit || text.Stdout != "" || !strings.HasPrefix(text.Stderr, "seaport: ") {
		t.Errorf("command line: exit %d, want %d; stdout %q, stderr %q", text.Exit, wantExit, text.Stdout, text.Stderr)
	}
	if !strings.Contains(text.Stderr, b.cli.says) {
		t.Errorf("command line: it says %q, want %q in it", text.Stderr, b.cli.says)
	}
	wantClear(t, "command line", text.Stderr)

	scripted := p.CLIWith(t, b.cli.stdin, append([]string{"--output", "json"}, b.cli.args...)...)
	var body struct {
		Error struct {
			Exit       int                 `json:"exit_code"`
			Status     string              `json:"status"`
			Message    string              `json:"message"`
			Violations []freight.Violation `json:"violations"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(scripted.Stderr), &body); err != nil || scripted.Stdout != "" {
		t.Errorf("command line: with --output json it prints %q and %q (%v)", scripted.Stdout, scripted.Stderr, err)
	}
	if scripted.Exit != wantExit || body.Error.Exit != wantExit || body.Error.Message == "" {
		t.Errorf("command line: exit %d and %s, want exit %d", scripted.Exit, scripted.Stderr, wantExit)
	}
	if b.cli.says != "" {
		return nil
	}
	if body.Error.Status != statusName[b.want.code] {
		t.Errorf("command line: status %s, want %s", body.Error.Status, statusName[b.want.code])
	}
	b.wantNamed(t, "command line", body.Error.Violations, b.want.field)
	return body.Error.Violations
}

// wantNamed wants the field at fault among the violations.
func (b badRequest) wantNamed(t *testing.T, door string, violations []freight.Violation, field string) {
	t.Helper()
	if !slices.ContainsFunc(violations, func(v freight.Violation) bool {
		return (field == "" || v.Field == field) && v.Description != "" && v.Type == b.want.short
	}) {
		t.Errorf("%s: the refusal names %+v, want field %q (short of %q)", door, violations, field, b.want.short)
	}
}

// wantClear wants words for a person, no entrails.
func wantClear(t *testing.T, door, text string) {
	t.Helper()
	for _, entrail := range []string{"goroutine ", "panic", ".go:", "rpc error: code = Unknown", "runtime error"} {
		if strings.Contains(text, entrail) {
			t.Errorf("%s: the error shows %q: %s", door, entrail, text)
		}
	}
	if len(text) > 4_000 {
		t.Errorf("%s: the error has %d characters", door, len(text))
	}
}

// everything describes all that a request could have changed, a line a thing.
func everything(t *testing.T, p *platform.Platform, c *platform.Client) []string {
	t.Helper()
	var lines []string
	vessels, err := c.ListVessels(t.Context(), &vesselv1.ListVesselsRequest{PageSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vessels.GetVessels() {
		lines = append(lines, "vessel "+protojson.Format(v))
	}
	depots, err := c.ListDepots(t.Context(), &inventoryv1.ListDepotsRequest{PageSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range depots.GetDepots() {
		lines = append(lines, "depot "+protojson.Format(d))
	}
	consignments, err := audit.List(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, consignment := range consignments {
		lines = append(lines, "consignment "+protojson.Format(consignment))
	}
	for _, stored := range []struct{ app, prefix string }{{"consignment", "consignment/"}, {"vessel", "vessel/"}, {"inventory", "depot/"}} {
		for key := range p.Rows(t, stored.app, stored.prefix) {
			lines = append(lines, fmt.Sprintf("row %q of %s", stored.prefix+key, stored.app))
		}
	}
	return lines
}
