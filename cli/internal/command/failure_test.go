package command

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// refusal returns a status with details, as the services send it.
func refusal(t *testing.T, code codes.Code, message string, detail protoadapt.MessageV1) error {
	t.Helper()
	st, err := status.New(code, message).WithDetails(detail)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func fields(pairs ...string) protoadapt.MessageV1 {
	b := &errdetails.BadRequest{}
	for i := 0; i < len(pairs); i += 2 {
		b.FieldViolations = append(b.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: pairs[i], Description: pairs[i+1]})
	}
	return b
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name string
		err  error
		exit int
		want string
	}{
		{
			"one field", refusal(t, codes.InvalidArgument, "weight: must be above zero", fields("weight", "must be above zero")), exitFailed,
			"seaport: weight: must be above zero (INVALID_ARGUMENT)\n",
		},
		{
			"several fields", refusal(t, codes.InvalidArgument, "weight: must be above zero; containers[1].origin: must not be empty",
				fields("weight", "must be above zero", "containers[1].origin", "must not be empty")), exitFailed,
			"seaport: refused (INVALID_ARGUMENT)\n  weight: must be above zero\n  containers[1].origin: must not be empty\n",
		},
		{
			"a message of its own", refusal(t, codes.InvalidArgument, "the request makes no sense", fields("weight", "odd")), exitFailed,
			"seaport: the request makes no sense (INVALID_ARGUMENT)\n  weight: odd\n",
		},
		{
			"unknown depot", refusal(t, codes.NotFound, `containers[0].origin: no depot "X"`, fields("containers[0].origin", `no depot "X"`)), exitFailed,
			"seaport: containers[0].origin: no depot \"X\" (NOT_FOUND)\n\"seaport depot list\" shows the free containers of each depot, \"seaport depot stock\" adds some.\n",
		},
		{
			"no room", refusal(t, codes.FailedPrecondition, "weight: no vessel takes 900000 kg", &errdetails.PreconditionFailure{
				Violations: []*errdetails.PreconditionFailure_Violation{{Type: "WEIGHT", Subject: "weight", Description: "no vessel takes 900000 kg"}},
			}), exitFailed,
			"seaport: weight: no vessel takes 900000 kg (FAILED_PRECONDITION)\n\"seaport vessel list\" shows the room on each vessel, \"seaport vessel create\" adds one.\n",
		},
		{
			"request id taken", refusal(t, codes.AlreadyExists, "request_id: belongs to another booking", fields("request_id", "belongs to another booking")), exitFailed,
			"seaport: request_id: belongs to another booking (ALREADY_EXISTS)\nThat request id belongs to another request; take a new one.\n",
		},
		{
			"too often", refusal(t, codes.ResourceExhausted, "too many requests", &errdetails.RetryInfo{RetryDelay: durationpb.New(61500 * time.Millisecond)}), exitFailed,
			"seaport: too many requests (RESOURCE_EXHAUSTED)\nTry again in 1m2s.\n",
		},
		{
			"too large", status.Error(codes.ResourceExhausted, "message larger than max"), exitFailed,
			"seaport: message larger than max (RESOURCE_EXHAUSTED)\n",
		},
		{
			"address taken", refusal(t, codes.AlreadyExists, "email: taken", fields("email", "taken")), exitFailed,
			"seaport: email: taken (ALREADY_EXISTS)\nIs it yours? Then log in: seaport login --email ADDRESS --server HOST:PORT\n",
		},
		{
			"not implemented", status.Error(codes.Unimplemented, "unknown service"), exitFailed,
			"seaport: unknown service (UNIMPLEMENTED)\nIs the server at HOST:PORT a Seaport gateway, and as new as this program?\n",
		},
		{
			"hostile", status.Error(codes.DataLoss, "\x1b[2Jgone\nnew line"), exitFailed,
			"seaport: \\x1b[2Jgone\\nnew line (DATA_LOSS)\n",
		},
		{
			"broken inside", status.Error(codes.Internal, "internal error"), exitFailed,
			"seaport: internal error (INTERNAL)\nThe log of the service says more.\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			p.fail = func(string) error { return tt.err }
			got := p.run(t, "", "consignment", "get", "c1")
			if got.exit != tt.exit || got.stdout != "" {
				t.Errorf("exit %d, stdout %q", got.exit, got.stdout)
			}
			if text := strings.ReplaceAll(got.stderr, p.address, "HOST:PORT"); text != tt.want {
				t.Errorf("got\n%swant\n%s", text, tt.want)
			}
			got = p.run(t, "", "consignment", "get", "c1", "-o", "json")
			if got.exit != tt.exit || got.stdout != "" || !json.Valid([]byte(got.stderr)) {
				t.Errorf("exit %d, stdout %q, stderr %s", got.exit, got.stdout, got.stderr)
			}
		})
	}
}

func TestRefusalInJSON(t *testing.T) {
	p := newPlatform(t)
	p.fail = func(string) error {
		return refusal(t, codes.NotFound, "vessel_id: no vessel \"x\"", fields("vessel_id", "no vessel \"x\""))
	}
	golden(t, "refusal-json", p.run(t, "", "consignment", "get", "c1", "--output", "json").stderr)
}

func TestBadInputSendsNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("typo.json", "{\n  \"weigth\": 5\n}")
	write("vessel.json", `{"name": 5}`)
	create := []string{"consignment", "create"}
	tests := []struct {
		name  string
		args  []string
		stdin string
		want  string // part of stderr
	}{
		{"default file missing", create, "", "consignment.json: does not exist\nName a file"},
		{"file missing", append(create, "nowhere.json"), "", "nowhere.json: does not exist\n"},
		{"directory", append(create, dir), "", "cannot be read: is a directory"},
		{"typo", append(create, "typo.json"), "", "typo.json: line 2, column 3: weigth: there is no such field"},
		{"empty", append(create, "-"), "", "standard input: is empty"},
		{"hostile", append(create, "-"), "{\"\x7f\u009b2J\": 1}", `\x7f\u009b2J: there is no such field`},
		{"two files", append(create, "a", "b"), "", `See "seaport consignment create --help".`},
		{"unknown flag", append(create, "--colour"), "", "unknown flag: --colour"},
		{"unknown command", []string{"consignmnt"}, "", `unknown command "consignmnt" for "seaport"; did you mean "consignment"?`},
		{"unknown subcommand", []string{"vessel", "sink"}, "", `unknown command "sink" for "seaport vessel"`},
		{"no id", []string{"consignment", "get"}, "", "accepts 1 arg(s), received 0"},
		{"vessel file", []string{"vessel", "create", "vessel.json"}, "", "name: must be text in quotes, not a number"},
		{"vessel from nothing", []string{"vessel", "create"}, "", "name a file, or give --name, --capacity and --max-weight"},
		{"find without weight", []string{"vessel", "find", "--capacity", "3"}, "", `required flag(s) "weight" not set`},
		{"capacity in words", []string{"vessel", "find", "--capacity", "many", "--weight", "1"}, "", `invalid argument "many"`},
		{"stock in words", []string{"depot", "stock", "Derby", "many"}, "", `argument N: must be a whole number of containers, not "many"`},
		{"stock too large", []string{"depot", "stock", "Derby", "2147483648"}, "", "argument N: must be a whole number"},
		{"role", []string{"user", "set-roles", "u1", "captain"}, "", `argument ROLE: must be customer, operator or admin, not "captain"`},
		{"no role", []string{"user", "set-roles", "u1"}, "", "argument ROLE: name one or more, or --none"},
		{"no and some", []string{"user", "set-roles", "u1", "admin", "--none"}, "", "--none: leaves no role to name"},
		{"the unspecified role", []string{"user", "set-roles", "u1", "unspecified"}, "", "argument ROLE: must be"},
		{"nameless", []string{"user", "create", "--email", "x@y.example"}, "", `required flag(s) "name" not set`},
		{"log-in of nobody", []string{"login"}, "", `required flag(s) "email" not set`},
		{"no password", []string{"login", "--email", "x@y.example"}, "", "no password: the first line of standard input is empty"},
		{"empty password", []string{"login", "--email", "x@y.example", "--password", ""}, "", "--password: must not be empty"},
		{"endless password", []string{"login", "--email", "x@y.example"}, strings.Repeat("x", 5000), "the password is longer than 4096 bytes"},
		{"ping nobody", []string{"ping", ""}, "", "APP: must not be empty"},
		{"dead letters of nobody", []string{"deadletter", "list", ""}, "", "APP: must not be empty"},
		{"dead letter of no id", []string{"deadletter", "show", "vessel", ""}, "", "ID: must not be empty"},
		{"replay of no id", []string{"deadletter", "replay", "vessel", "e1", ""}, "", "ID: must not be empty"},
		{"replay of nothing", []string{"deadletter", "replay", "vessel"}, "", "argument ID: name one or more, or --all"},
		{"replay of all and some", []string{"deadletter", "replay", "vessel", "e1", "--all"}, "", "--all: leaves no ID to name"},
		{"discard of nothing", []string{"deadletter", "discard", "vessel", "--yes"}, "", "argument ID: name one or more, or --all"},
		{"discard unasked", []string{"deadletter", "discard", "vessel", "--all"}, "yes\n", "--all: needs --yes where there is no terminal to ask at"},
		{"no strokes", []string{"ping", "vessel", "-n", "0"}, "", "-n: must be 1 to 1000000"},
		{"no callers", []string{"bench", "--callers", "0"}, "", "--callers: 0 is not between 1 and 10000"},
		{"no bench", []string{"bench", "--count", "0"}, "", "--count: must be above zero"},
		{"both", []string{"bench", "--count", "5", "--duration", "1s"}, "", "none of the others can be"},
		{"output", []string{"depot", "list", "-o", "xml"}, "", `--output: must be text or json, not "xml"`},
		{"timeout", []string{"depot", "list", "--timeout", "0"}, "", "--timeout: must be above zero"},
		{"server", []string{"depot", "list", "--server", "https://x"}, "", "only http:// is understood"},
	}
	p := newPlatform(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := p.run(t, tt.stdin, tt.args...)
			if got.exit != exitBadInput || got.stdout != "" {
				t.Errorf("exit %d, stdout %q", got.exit, got.stdout)
			}
			if !strings.Contains(got.stderr, tt.want) {
				t.Errorf("got %q, want %q in it", got.stderr, tt.want)
			}
			if sent := p.received(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

// closedAddress returns an address of this machine where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nothing was sent
	return listener.Addr().String()
}

func TestUnreachable(t *testing.T) {
	quickly(t)
	address := closedAddress(t)
	for _, args := range [][]string{
		{"consignment", "list"},
		{"ping", "vessel"},
		{"ping", "vessel", "--unary"},
		{"bench", "--count", "1", "--callers", "1", "--warmup", "0"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got := runLine(t, "", append(args, "--server", "http://"+address)...)
			if got.exit != exitUnreachable {
				t.Errorf("exit %d", got.exit)
			}
			if !strings.Contains(got.stderr, "cannot reach Seaport at "+address+": dial tcp "+address+": connect: connection refused (UNAVAILABLE)\nIs Seaport running?") {
				t.Errorf("stderr %q", got.stderr)
			}
		})
	}
}

func TestUnreachableBookingIsNotInDoubt(t *testing.T) {
	quickly(t)
	got := runLine(t, "{}", "consignment", "create", "-", "--server", closedAddress(t))
	if got.exit != exitUnreachable || strings.Contains(got.stderr, "--request-id") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}

func TestServerFromEnvironment(t *testing.T) {
	p := newPlatform(t)
	t.Setenv(serverEnv, "http://"+p.address)
	if got := runLine(t, "", "depot", "list"); got.exit != exitOK {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	t.Setenv(serverEnv, "ftp://nowhere")
	if got := runLine(t, "", "depot", "list"); got.exit != exitBadInput || !strings.Contains(got.stderr, serverEnv) {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}

func TestLateAnswer(t *testing.T) {
	p := newPlatform(t)
	held := make(chan struct{})
	t.Cleanup(func() { close(held) }) // before the server stops
	p.create = func(*consignmentv1.CreateConsignmentRequest) (*consignmentv1.CreateConsignmentResponse, error) {
		<-held
		return nil, status.Error(codes.Aborted, "too late")
	}
	got := p.run(t, "{}", "consignment", "create", "-", "--timeout", "50ms", "--request-id", "r1")
	want := "There was no answer within 50ms; --timeout allows more.\nWhether it was booked is not known. Repeat it with --request-id r1: that books it at most once.\n"
	if got.exit != exitUnreachable || !strings.HasSuffix(got.stderr, want) {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
}

func TestInterrupted(t *testing.T) {
	p := newPlatform(t)
	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan struct{})
	t.Cleanup(func() { close(held) }) // before the server stops
	p.fail = func(string) error {
		cancel()
		<-held
		return nil
	}
	var stdout, stderr strings.Builder
	exit := Run(ctx, []string{"consignment", "get", "c1", "--server", p.address}, nil, &stdout, &stderr)
	if exit != exitInterrupted || stderr.String() != "seaport: interrupted\n" {
		t.Errorf("exit %d, stderr %q", exit, stderr.String())
	}
}

func TestStatusName(t *testing.T) {
	for code, want := range map[codes.Code]string{
		codes.OK: "OK", codes.InvalidArgument: "INVALID_ARGUMENT", codes.NotFound: "NOT_FOUND", codes.DataLoss: "DATA_LOSS", codes.Internal: "INTERNAL",
	} {
		if got := statusName(code); got != want {
			t.Errorf("%v: %s", code, got)
		}
	}
}
