package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/importing"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	failurev1 "seaport.example/proto/seaport/failure/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
)

// freight is CSV of which lines 3, 5 and 7 are to be refused.
const freight = `description,weight,origin
Tea,5,Derby
Coffee,heavy,Derby
Cocoa,6,Derby
Salt,-7,Derby
Sugar,8,Derby
"Sand` + "\x1b[2J" + `",-9,Derby
`

// refuseBelowZero refuses what a service refuses.
func refuseBelowZero(line *consignmentv1.ImportLine) *failurev1.Failure {
	if w := line.GetOrder().GetWeight(); w < 0 {
		why := fmt.Sprintf("must be above zero kilograms, not %d\x1b", w)
		return &failurev1.Failure{Code: int32(codes.InvalidArgument), Message: "weight: " + why, Violations: []*failurev1.Violation{{Field: "weight", Description: why}}}
	}
	return nil
}

// inFolder writes a file into a folder that becomes the working folder.
func inFolder(t *testing.T, name, text string) {
	t.Helper()
	t.Chdir(t.TempDir())
	put(t, name, text)
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// steady replaces what differs from run to run.
func steady(p *platform, text string) string {
	for _, figure := range []string{"elapsed_ms", "per_second"} {
		text = figures(figure).ReplaceAllString(text, `"`+figure+`": X`)
	}
	text = importIDs.ReplaceAllString(text, "IMPORT-ID")
	text = rates.ReplaceAllString(text, "in X s, X a second")
	return strings.ReplaceAll(text, p.address, "HOST:PORT")
}

func TestImportOutput(t *testing.T) {
	tests := []struct {
		name, file, text string
		args             []string
		exit             int
		stderr           string
		left             string // files
	}{
		{"consignment-import", "orders.ndjson", `{"description": "Tea", "weight": 5, "containers": [{"origin": "Derby"}]}` + "\n", nil, exitOK, "", "orders.ndjson"},
		{"consignment-import-refused", "orders.csv", freight, nil, exitFailed,
			"seaport: 3 of 6 lines refused\nCorrect them in the report, then: seaport consignment import orders.refused.csv --server HOST:PORT\n", "orders.csv orders.refused.csv"},
		{"consignment-import-report", "orders.json", `[{"weight": 5}, {"weigth": 5}]`, []string{"--report", "bad.ndjson"}, exitFailed,
			"seaport: 1 of 2 items refused\nCorrect them in the report, then: seaport consignment import bad.ndjson --server HOST:PORT\n", "bad.ndjson orders.json"},
		{"consignment-import-dry-run", "orders.csv", freight, []string{"--dry-run"}, exitFailed, "seaport: 1 of 6 lines refused\n", "orders.csv"},
		{"consignment-import-nothing", "orders.json", "[]", nil, exitBadInput,
			"seaport: orders.json has no order in it: nothing was sent\n", "orders.json"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, form := range []string{"text", "json"} {
				p := newPlatform(t)
				p.refuse = refuseBelowZero
				inFolder(t, tt.file, tt.text)
				got := p.run(t, "", append([]string{"consignment", "import", tt.file, "-o", form}, tt.args...)...)
				if got.exit != tt.exit || form == "text" && steady(p, got.stderr) != tt.stderr || form == "json" && got.stderr != "" && !json.Valid([]byte(got.stderr)) {
					t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
				}
				name := tt.name
				if form == "json" {
					name += "-json"
				}
				golden(t, name, steady(p, got.stdout))
				if left := strings.Join(files(t), " "); left != tt.left {
					t.Errorf("files %s, want %s", left, tt.left)
				}
			}
		})
	}
}

// What was refused is booked once it is corrected in the report.
func TestImportCorrected(t *testing.T) {
	p := newPlatform(t)
	p.refuse = refuseBelowZero
	inFolder(t, "orders.csv", freight)
	p.run(t, "", "consignment", "import", "orders.csv")
	report, err := os.ReadFile("orders.refused.csv")
	if err != nil {
		t.Fatal(err)
	}
	want := "line,field,code,error,request_id,description,weight,origin\n" +
		"3,weight,INVALID_ARGUMENT,\"must be a whole number of kilograms, not \"\"heavy\"\"\",,Coffee,heavy,Derby\n" +
		"5,weight,INVALID_ARGUMENT,\"must be above zero kilograms, not -7\x1b\",,Salt,-7,Derby\n" +
		"7,weight,INVALID_ARGUMENT,\"must be above zero kilograms, not -9\x1b\",,Sand\x1b[2J,-9,Derby\n"
	if string(report) != want {
		t.Errorf("got\n%s", report)
	}
	put(t, "orders.refused.csv", strings.NewReplacer(",heavy,", ",4,", ",-7,", ",7,", ",-9,", ",9,").Replace(want))
	got := p.run(t, "", "consignment", "import", "orders.refused.csv")
	if got.exit != exitOK || len(p.imported) != 6 || p.imported["Coffee"] != 1 {
		t.Errorf("exit %d, stderr %q, booked %v", got.exit, got.stderr, p.imported)
	}
}

func TestImportBadInput(t *testing.T) {
	tests := []struct {
		name, file, text string
		args             []string
		want             string // part of stderr
	}{
		{"no file", "other.csv", "", nil, "seaport: orders.csv: does not exist\n"},
		{"folder", "other.csv", "", []string{"."}, "seaport: .: cannot be read: is a directory\n"},
		{"header", "orders.csv", "weight;origin\n", nil, "there is no such column as \"weight;origin\"; the column description is missing;"},
		{"an order over several lines", "order.json", "{\n  \"weight\": 5\n}\n", []string{"order.json"}, "seaport: order.json: line 1: is an object over several lines; "},
		{"binary", "orders.csv", "\x7fELF\x00", nil, "seaport: orders.csv: is a binary file, neither JSON nor CSV\n"},
		{"form", "orders.csv", freight, []string{"--format", "xml"}, "seaport: --format: must be json, ndjson or csv, not \"xml\"\n"},
		{"both", "orders.csv", freight, []string{"--resume", "--restart"}, "[restart resume]"},
		{"nothing to resume", "orders.csv", freight, []string{"--resume"}, "seaport: --resume: there is no import of orders.csv to go on with: no orders.csv.import.json\n"},
		{"standard input", "orders.csv", freight, []string{"-", "--resume"}, "seaport: --resume: an import of standard input goes on with the --journal that it was given\n"},
		{"report is there", "orders.refused.csv", "", nil, ""},
		{"no place for the report", "orders.csv", freight, []string{"--report", "none/bad.csv"}, "seaport: --report: there is no folder for none/bad.csv\n"},
		{"journal in the place of FILE", "orders.csv", freight, []string{"--journal", "./orders.csv", "--restart"}, "seaport: --journal: must not be FILE, which it would replace\n"},
		{"report in the place of the journal", "orders.csv", freight, []string{"--journal", "a", "--report", "./a"}, "seaport: --report: must not be the journal\n"},
	}
	p := newPlatform(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inFolder(t, tt.file, tt.text)
			if tt.name == "report is there" {
				put(t, "orders.csv", freight)
				tt.want = "seaport: orders.refused.csv, for refused lines, is there already\nImport it, if its lines are corrected; then remove it, or name another with --report.\n"
			}
			args := append([]string{"consignment", "import"}, tt.args...)
			if len(tt.args) == 0 || strings.HasPrefix(tt.args[0], "--") {
				args = append(args, "orders.csv")
			}
			before := files(t)
			got := p.run(t, freight, args...)
			if got.exit != exitBadInput || !strings.Contains(got.stderr, tt.want) || got.stdout != "" {
				t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
			}
			if len(p.imported) > 0 || len(files(t)) != len(before) {
				t.Errorf("booked %v, files %v", p.imported, files(t))
			}
		})
	}
}

// An import that broke off says how it goes on, and does.
func TestImportResumes(t *testing.T) {
	quickly(t)
	p := newPlatform(t)
	var text strings.Builder
	text.WriteString("description,weight,origin\n")
	const n = 1000
	for i := range n {
		fmt.Fprintf(&text, "order %d,%d,Derby\n", i, i-1) // two are refused
	}
	inFolder(t, "my orders.csv", text.String())
	p.refuse = refuseBelowZero
	var lines atomic.Int64
	p.breakOff = func() error {
		if lines.Add(1) == 3 { // the second message is booked, and its answer lost; then Seaport is away
			return status.Error(codes.Unavailable, "away")
		}
		if lines.Load() > 3 {
			return status.Error(codes.PermissionDenied, "not any more")
		}
		return nil
	}
	args := []string{"consignment", "import", "my orders.csv"}
	got := p.run(t, "", args...)
	if got.exit != exitFailed || !strings.Contains(got.stderr, "(UNAVAILABLE); trying again (2 of 10)\n") ||
		!strings.HasSuffix(got.stderr, "\nGo on with: seaport consignment import 'my orders.csv' --resume --server "+p.address+"\n") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	golden(t, "consignment-import-broke-off", steady(p, got.stdout))

	p.breakOff = nil
	got = p.run(t, "", args...)
	want := "seaport: an import of my orders.csv broke off after 500 lines: my orders.csv.import.json\n" +
		"--resume goes on with it. --restart begins anew: what was booked before is booked again.\n"
	if got.exit != exitBadInput || got.stderr != want {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	for _, other := range [][]string{{"--mail"}, {"--report", "x.csv"}} {
		if got = p.run(t, "", append(append(args, "--resume"), other...)...); got.exit != exitBadInput || !strings.Contains(got.stderr, other[0]+": the import began with ") {
			t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
		}
	}
	put(t, "my orders.csv", strings.Replace(text.String(), "order 7,", "order 8,", 1))
	if got = p.run(t, "", append(args, "--resume")...); got.exit != exitBadInput || !strings.HasPrefix(got.stderr, "seaport: my orders.csv is not the file that was being imported") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	put(t, "my orders.csv", text.String())
	report, err := os.ReadFile("my orders.refused.csv")
	if err != nil {
		t.Fatal(err)
	}
	put(t, "my orders.refused.csv", strings.Replace(string(report), ",-1,", ",1,", 1))
	want = "seaport: my orders.refused.csv, for refused lines, was changed since the import broke off\n" +
		"Rename it, and import it by itself once it is corrected, without what comes after line 501: --resume begins another report, with that in it.\n"
	if got = p.run(t, "", append(args, "--resume")...); got.exit != exitBadInput || got.stderr != want {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	put(t, "my orders.refused.csv", string(report))
	got = p.run(t, "", append(args, "--resume")...)
	if got.exit != exitFailed || got.stderr != "seaport: 1 of 1000 lines refused\nCorrect them in the report, then: seaport consignment import 'my orders.refused.csv' --server "+p.address+"\n" {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	golden(t, "consignment-import-resumed", steady(p, got.stdout))
	if len(p.imported) != n-1 || p.imported["order 5"] != 1 {
		t.Errorf("%d booked", len(p.imported))
	}
	for what, times := range p.imported {
		if times != 1 {
			t.Errorf("%s is booked %d times", what, times)
		}
	}
	if left := strings.Join(files(t), ","); left != "my orders.csv,my orders.refused.csv" {
		t.Errorf("files %s", left)
	}
}

// An import that begins anew books again what the one before it had booked.
func TestImportRestarts(t *testing.T) {
	p := newPlatform(t)
	inFolder(t, "orders.csv", freight)
	put(t, "orders.csv.import.json", "{")
	if got := p.run(t, "", "consignment", "import", "orders.csv"); got.exit != exitBadInput || !strings.Contains(got.stderr, "is not the journal of an import, or is damaged\n--restart begins anew") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	if got := p.run(t, "", "consignment", "import", "orders.csv", "--restart"); got.exit != exitFailed || len(p.imported) != 5 {
		t.Errorf("exit %d, stderr %q, booked %v", got.exit, got.stderr, p.imported)
	}

	put(t, "other.txt", "of somebody else")
	elsewhere, err := filepath.Abs("other.txt")
	if err != nil {
		t.Fatal(err)
	}
	put(t, "foreign.csv", freight)
	put(t, "foreign.csv.import.json", fmt.Sprintf(`{"import_id": "i1", "format": "csv", "last": 3, "report": %q}`, elsewhere))
	got := p.run(t, "", "consignment", "import", "foreign.csv", "--restart")
	if text, err := os.ReadFile("other.txt"); got.exit != exitFailed || err != nil || string(text) != "of somebody else" {
		t.Errorf("exit %d, stderr %q; the journal of another folder removed a file: %v, %q", got.exit, got.stderr, err, text)
	}
}

// slow is an input of which nothing comes until the test ends; begins is called when somebody waits for it.
type slow struct {
	begins func()
	end    <-chan struct{}
}

func (s slow) Read([]byte) (int, error) {
	s.begins()
	<-s.end
	return 0, io.EOF
}

// Ctrl-C ends an import that waits for the first line.
func TestImportInterruptedBeforeItBegins(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	end, exit := make(chan struct{}), make(chan int, 1)
	defer close(end)
	go func() {
		exit <- Run(ctx, []string{"consignment", "import", "-"}, slow{cancel, end}, io.Discard, io.Discard)
	}()
	select {
	case got := <-exit:
		if got != exitInterrupted {
			t.Errorf("exit %d", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on waiting")
	}
}

// An import that nobody took leaves nothing behind; one that nobody answered goes on by itself.
func TestImportNotTaken(t *testing.T) {
	quickly(t)
	inFolder(t, "orders.csv", freight)
	got := runLine(t, "", "--server", "127.0.0.1:1", "consignment", "import", "orders.csv")
	if got.exit != exitUnreachable || got.stdout != "" || !strings.Contains(got.stderr, "seaport: cannot reach Seaport at 127.0.0.1:1") || len(files(t)) != 1 {
		t.Errorf("exit %d, stdout %q, stderr %q, files %v", got.exit, got.stdout, got.stderr, files(t))
	}
	p := newPlatform(t)
	p.breakOff = func() error { return status.Error(codes.Unauthenticated, "who are you?") }
	got = p.run(t, "", "consignment", "import", "orders.csv")
	if got.exit != exitFailed || !strings.Contains(got.stderr, "Log in: seaport login") || strings.Contains(got.stderr, "--resume") || len(p.imported) != 5 {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
	p.breakOff = nil
	put(t, "orders.refused.csv", "what it had to report until it was killed")
	got = p.run(t, "", "consignment", "import", "orders.csv", "--mail")
	if got.exit != exitFailed || len(p.imported) != 5 || p.imported["Tea"] != 1 || !p.mails {
		t.Errorf("exit %d, stderr %q, booked %v", got.exit, got.stderr, p.imported)
	}
}

// Standard input is kept in a journal where one is named.
func TestImportStandardInput(t *testing.T) {
	p := newPlatform(t)
	t.Chdir(t.TempDir())
	var streams atomic.Int64
	p.breakOff = func() error {
		if streams.Add(1) > 1 {
			return status.Error(codes.PermissionDenied, "no")
		}
		return nil
	}
	text := "description,weight,origin\n" + strings.Repeat("Tea,x,Derby\n", 3) + strings.Repeat("Tea,5,Derby\n", 600)
	if got := p.run(t, text, "consignment", "import", "-"); got.exit != exitFailed || !strings.HasSuffix(got.stderr, "\nStandard input cannot be resumed without --journal.\n") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	if err := os.Remove("import.refused.csv"); err != nil {
		t.Error(err)
	}
	streams.Store(0)
	if got := p.run(t, text, "consignment", "import", "-", "--journal", "j"); got.exit != exitFailed || !strings.Contains(got.stderr, "\nGo on with: seaport consignment import - --resume --journal j ") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	p.breakOff = nil
	got := p.run(t, text, "consignment", "import", "-", "--journal", "j", "--resume")
	if got.exit != exitFailed || !strings.Contains(got.stdout, "standard input: 603 lines, 600 booked, 3 refused\nThis run: ") {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
	// The first message, which alone was answered, has 250 lines, or those there were when the reader was slow.
	_, run, _ := strings.Cut(got.stdout, "This run: ")
	var again int
	if _, err := fmt.Sscanf(run, "%d lines", &again); err != nil || again < 350 || again >= 603 {
		t.Errorf("it went on with %d lines, %v: %q", again, err, got.stdout)
	}
	if left := strings.Join(files(t), " "); left != "import.refused.csv" {
		t.Errorf("files %s", left)
	}
}

// A file that breaks in the middle is not bad input: some of it is booked.
func TestImportBrokenFile(t *testing.T) {
	p := newPlatform(t)
	inFolder(t, "orders.json", `[{"description": "Tea", "weight": 5},`+"\n\n")
	got := p.run(t, "", "consignment", "import", "orders.json")
	want := "seaport: orders.json: line 3: is not JSON: it ends too early, after item 1; a closing }, ] or \" is missing\nCorrect it from there on, then: seaport consignment import orders.json --resume"
	if got.exit != exitFailed || !strings.HasPrefix(got.stderr, want) || !strings.HasPrefix(got.stdout, "orders.json: 1 item, 1 booked, 0 refused\n") {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
}

// Interrupted, it says what came of it, and how it goes on.
func TestImportInterrupted(t *testing.T) {
	p := newPlatform(t)
	inFolder(t, "orders.csv", "description,weight,origin\n"+strings.Repeat("Tea,5,Derby\n", 20_000))
	ctx, cancel := context.WithCancel(t.Context())
	p.breakOff = func() error {
		cancel()
		return nil
	}
	var stdout, stderr strings.Builder
	exit := Run(ctx, []string{"consignment", "import", "orders.csv", "--server", p.address}, nil, &stdout, &stderr)
	if exit != exitInterrupted || stderr.String() != "seaport: interrupted\nGo on with: seaport consignment import orders.csv --resume --server "+p.address+"\n" ||
		!strings.HasPrefix(stdout.String(), "orders.csv: "+strconv.Itoa(p.imported["Tea"])+" lines, ") {
		t.Errorf("exit %d, stdout %q, stderr %q, booked %v", exit, stdout.String(), stderr.String(), p.imported)
	}
	p.breakOff = nil
	if got := p.run(t, "", "consignment", "import", "orders.csv", "--resume"); got.exit != exitOK || p.imported["Tea"] != 20_000 {
		t.Errorf("exit %d, stderr %q, booked %v", got.exit, got.stderr, p.imported)
	}
}

// When the access token ends meanwhile, the import goes on with another.
func TestImportOutlivesToken(t *testing.T) {
	quickly(t)
	p := newPlatform(t)
	p.logIn(t, time.Hour)
	inFolder(t, "orders.csv", "description,weight,origin\n"+strings.Repeat("Tea,5,Derby\n", 2000))
	var ended atomic.Bool
	p.admit = func(token string) error {
		if ended.Load() && token == "access-1" {
			return status.Error(codes.Unauthenticated, "the token has expired")
		}
		return nil
	}
	p.breakOff = func() error {
		if ended.Load() {
			return nil
		}
		ended.Store(p.bookings("Tea") > 500)
		if ended.Load() {
			return status.Error(codes.Unauthenticated, "the token has expired")
		}
		return nil
	}
	p.refresh = func(*userv1.RefreshTokenRequest) (*userv1.RefreshTokenResponse, error) {
		return &userv1.RefreshTokenResponse{Tokens: pair(2)}, nil
	}
	got := p.run(t, "", "consignment", "import", "orders.csv")
	if got.exit != exitOK || p.bookings("Tea") != 2000 || !ended.Load() {
		t.Errorf("exit %d, stderr %q, booked %v", got.exit, got.stderr, p.imported)
	}
}

// Nobody else imports a file meanwhile.
func TestImportTwiceAtOnce(t *testing.T) {
	p := newPlatform(t)
	inFolder(t, "orders.csv", freight)
	p.breakOff = func() error {
		got := runLine(t, "", "--server", p.address, "consignment", "import", "orders.csv", "--resume")
		if got.exit != exitBadInput || got.stderr != "seaport: orders.csv is being imported by another command\n" {
			t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
		}
		return nil
	}
	if got := p.run(t, "", "consignment", "import", "orders.csv"); len(p.imported) != 5 {
		t.Errorf("exit %d, stderr %q, booked %v", got.exit, got.stderr, p.imported)
	}
}

func TestImportBar(t *testing.T) {
	var out strings.Builder
	s := &session{stderr: &out, output: outputText, address: "seaport:8080"}
	d := newImportDisplay(s, 1000)
	d.moves = true
	d.retrying(status.Error(codes.Unavailable, "dial tcp: connection refused"), 2, 4)
	s.connected.Store(true)
	d.show(importing.Progress{Counts: importing.Counts{Booked: 700, Refused: 50}, From: 500, Offset: 750, Elapsed: 20 * time.Second, Run: 250})
	d.retrying(status.Error(codes.Unavailable, "away\x1b"), 2, 10)
	d.show(importing.Progress{})
	d.finish()
	d.finish()
	want := "seaport: seaport:8080 is not available, trying again (2 of 4)\n" +
		"\r[##################......]  75%  700 booked, 50 refused, 12/s, 20s left\x1b[K" +
		"\r\x1b[Kseaport: away\\x1b (UNAVAILABLE); trying again (2 of 10)\n" +
		"\r[........................]   0%  0 booked, 0 refused, 0/s\x1b[K\r\x1b[K"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}

	out.Reset()
	d = newImportDisplay(s, 0)
	d.show(importing.Progress{})
	d.shown = d.shown.Add(-lineEvery)
	d.show(importing.Progress{Counts: importing.Counts{Booked: 7}, Elapsed: time.Second, Run: 7})
	d.show(importing.Progress{})
	if out.String() != "seaport: 7 booked, 0 refused, 7/s\n" {
		t.Errorf("got %q", out.String())
	}

	out.Reset()
	s.output = outputJSON
	d.shown = time.Time{}
	d.show(importing.Progress{})
	d.retrying(status.Error(codes.Unavailable, "away"), 2, 10)
	if out.Len() > 0 {
		t.Errorf("got %q", out.String())
	}
}

// With --mail customers get their mails, also for what is sent after a resume.
func TestImportMails(t *testing.T) {
	p := newPlatform(t)
	inFolder(t, "orders.csv", freight)
	p.run(t, "", "consignment", "import", "orders.csv", "--mail")
	if !p.mails {
		t.Error("the import is one without mails")
	}
}
