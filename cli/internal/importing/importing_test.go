package importing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/cli/internal/orderfile"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	failurev1 "seaport.example/proto/seaport/failure/v1"
)

// attempt is one run of an import of a text, with files in a folder.
type attempt struct {
	folder string
	text   io.Reader
	name   string
	client consignmentv1.ShippingServiceClient
	edit   func(*Config)

	retries []string
}

func (a *attempt) run(ctx context.Context, t *testing.T) (Progress, error) {
	t.Helper()
	if a.name == "" {
		a.name = "orders.csv"
	}
	file, err := orderfile.Open(a.name, a.text, "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(a.folder, "journal")
	journal, err := ReadJournal(path)
	if errors.Is(err, os.ErrNotExist) {
		journal, err = &Journal{Path: path, ImportID: "import1", Format: file.Format()}, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	report := &Report{Path: filepath.Join(a.folder, "refused"), File: file, Code: codes.Code.String}
	if err := report.Resume(journal); err != nil {
		t.Fatal(err)
	}
	c := Config{
		File: file, Client: a.client, Journal: journal, Report: report, Timeout: 20 * time.Second, Pause: 10 * time.Microsecond,
		Progress: func(Progress) {}, Retrying: func(err error, attempt, of int) { a.retries = append(a.retries, err.Error()) },
	}
	if a.edit != nil {
		a.edit(&c)
	}
	progress, err := Run(ctx, c)
	if closeErr := report.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	return progress, err
}

func (a *attempt) report(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(a.folder, "refused"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// orders is CSV of n orders, of which every tenth is bad here, and some others are to be refused by the service.
func orders(n int) string {
	var text strings.Builder
	text.WriteString("description,weight,origin\n")
	for i := range n {
		switch {
		case i%10 == 3:
			fmt.Fprintf(&text, "order %d,heavy,Derby\n", i)
		case i%25 == 4:
			fmt.Fprintf(&text, "order %d,-%d,Derby\n", i, i)
		default:
			fmt.Fprintf(&text, "order %d,%d,Derby\n", i, i+1)
		}
	}
	return text.String()
}

func refuseBelowZero(line *consignmentv1.ImportLine) *failurev1.Failure {
	if line.GetOrder().GetWeight() < 0 {
		return failed(codes.InvalidArgument, "weight", fmt.Sprintf("must be above zero kilograms, not %d", line.GetOrder().GetWeight()))
	}
	return nil
}

func refusedAmong(n int) (all int64) {
	for i := range n {
		if i%10 == 3 || i%25 == 4 {
			all++
		}
	}
	return all
}

func TestImport(t *testing.T) {
	t.Parallel()
	const n = 2000
	s := &server{refuse: refuseBelowZero}
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(n)), client: serve(t, s)}
	got, err := a.run(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	if got.Lines != n || got.Refused != refusedAmong(n) || got.Booked != n-got.Refused || got.Run != n || got.Offset != int64(len(orders(n))) {
		t.Errorf("got %+v", got)
	}
	if len(s.booked) != int(got.Booked) || s.repeats > 0 || s.booked["import1/2"] != "order 0" || s.streams != 1 || len(a.retries) > 0 {
		t.Errorf("%d booked, %d twice, on %d streams; %v", len(s.booked), s.repeats, s.streams, a.retries)
	}
	if len(got.Reasons) != 2 || got.Reasons[0].Text != `must be a whole number of kilograms, not "heavy"` || got.Reasons[0].First != 5 || got.Reasons[0].Count != n/10 ||
		got.Reasons[1].Text != "must be above zero kilograms, not -4" || got.Reasons[1].Field != "weight" || got.Reasons[1].Code != codes.InvalidArgument {
		t.Errorf("reasons %+v", got.Reasons)
	}
	lines := strings.Split(a.report(t), "\n")
	if int64(len(lines)) != 1+got.Refused+1 || lines[0] != "line,field,code,error,request_id,description,weight,origin" ||
		lines[1] != `5,weight,InvalidArgument,"must be a whole number of kilograms, not ""heavy""",,order 3,heavy,Derby` ||
		lines[2] != `6,weight,InvalidArgument,"must be above zero kilograms, not -4",,order 4,-4,Derby` {
		t.Errorf("%d lines of report, which begins with\n%s", len(lines), strings.Join(lines[:3], "\n"))
	}
}

// Whatever breaks, whenever the program dies, each line is booked once and counted once.
func TestImportThatBreaksOff(t *testing.T) {
	t.Parallel()
	var broke atomic.Int64
	t.Cleanup(func() {
		if broke.Load() == 0 {
			t.Error("nothing broke")
		}
	})
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			n := 3000
			chance := &unsteady{chance: rand.New(rand.NewPCG(seed, 1))}
			s := &server{answer: chance.breaks, group: func(ctx context.Context, stream, group int) error { return chance.breaks(stream, group) }}
			s.refuse = func(line *consignmentv1.ImportLine) *failurev1.Failure {
				if chance.hits(1, 400) {
					return failed(codes.Unavailable, "", "the vessel service is away")
				}
				return refuseBelowZero(line)
			}
			client := serve(t, s)
			folder := t.TempDir()
			var got Progress
			deaths := 0
			for ; ; deaths++ {
				ctx, cancel := context.WithCancel(t.Context())
				a := &attempt{folder: folder, text: strings.NewReader(orders(n)), client: client}
				text := &dying{in: strings.NewReader(orders(n)), die: func() bool { return chance.hits(1, 100) }, kill: cancel}
				a.edit = func(c *Config) { c.File = open(t, "orders.csv", text) }
				before := keep(t, folder)
				var err error
				got, err = a.run(ctx, t)
				cancel()
				if err == nil {
					break
				}
				if chance.hits(1, 2) { // nothing of the end was kept, as after kill -9
					before.restore(t, folder)
				}
			}
			if got.Lines != int64(n) || got.Refused != refusedAmong(n) || got.Booked != int64(n)-got.Refused {
				t.Errorf("got %+v", got)
			}
			if len(s.booked) != int(got.Booked) {
				t.Errorf("%d booked", len(s.booked))
			}
			a := &attempt{folder: folder}
			if lines := strings.Split(a.report(t), "\n"); int64(len(lines)) != 1+got.Refused+1 || !ascending(t, lines[1:len(lines)-1]) {
				t.Errorf("%d lines of report, %d refused", len(lines), got.Refused)
			}
			broke.Add(int64(s.streams - 1))
			t.Logf("%d runs, %d streams, %d lines sent, %d of them booked already", deaths+1, s.streams, s.sent, s.repeats)
		})
	}
}

func open(t *testing.T, name string, in io.Reader) *orderfile.File {
	t.Helper()
	f, err := orderfile.Open(name, in, "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// dying is a file that at times interrupts the program which reads it.
type dying struct {
	in   io.Reader
	die  func() bool
	kill func()
}

func (d *dying) Read(p []byte) (int, error) {
	if d.die() {
		d.kill()
	}
	return d.in.Read(p[:min(len(p), 1000)])
}

// kept is the journal and the report as they once were.
type kept map[string][]byte

func keep(t *testing.T, folder string) kept {
	t.Helper()
	k := make(kept)
	for _, name := range []string{"journal", "refused"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err == nil {
			k[name] = data
		}
	}
	return k
}

// restore puts the journal back; of the report all stays that was written since.
func (k kept) restore(t *testing.T, folder string) {
	t.Helper()
	path := filepath.Join(folder, "journal")
	if k["journal"] == nil {
		_ = os.Remove(path)
		return
	}
	if err := os.WriteFile(path, k["journal"], 0o600); err != nil {
		t.Fatal(err)
	}
}

func ascending(t *testing.T, lines []string) bool {
	t.Helper()
	var numbers []int
	for _, line := range lines {
		var number int
		if _, err := fmt.Sscanf(line, "%d,", &number); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		numbers = append(numbers, number)
	}
	return slices.IsSorted(numbers) && len(slices.Compact(numbers)) == len(lines)
}

// An error that another stream would meet too ends the import, and what has a result is kept.
func TestImportEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		code    codes.Code
		streams int
	}{
		{"not permitted", codes.PermissionDenied, 1},
		{"unknown method", codes.Unimplemented, 1},
		{"no token", codes.Unauthenticated, 3}, // the next stream, or the one after, may have another token
		{"away", codes.Unavailable, 10},
		{"broken", codes.Internal, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &server{group: func(_ context.Context, stream, group int) error {
				if stream == 1 && group == 1 {
					return nil
				}
				return status.Error(tt.code, "so it is")
			}}
			a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(1000)), client: serve(t, s)}
			got, err := a.run(t.Context(), t)
			if status.Code(err) != tt.code || got.Lines == 0 || got.Lines >= 1000 || s.streams != tt.streams {
				t.Errorf("%v after %d lines on %d streams", err, got.Lines, s.streams)
			}
			s.group = nil
			a.text = strings.NewReader(orders(1000))
			if got, err = a.run(t.Context(), t); err != nil || got.Lines != 1000 || len(s.booked) != int(got.Booked) {
				t.Errorf("then %v, %+v", err, got)
			}
		})
	}
}

// At first contact there is little patience: perhaps there is no platform.
func TestImportWithoutPlatform(t *testing.T) {
	t.Parallel()
	s := &server{group: func(context.Context, int, int) error { return status.Error(codes.Unavailable, "away") }}
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(10)), client: serve(t, s)}
	if got, err := a.run(t.Context(), t); status.Code(err) != codes.Unavailable || s.streams != 4 || len(a.retries) != 3 || got.Lines != 0 {
		t.Errorf("%v on %d streams, %v, %+v", err, s.streams, a.retries, got)
	}
}

// A few lines that stay UNAVAILABLE are refused in the end, and can be imported again without being booked twice.
func TestStubbornLines(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"orders.csv": "description,weight,origin\n", "orders.ndjson": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var file strings.Builder
			file.WriteString(text)
			for i := range 500 {
				if text != "" {
					fmt.Fprintf(&file, "order %d,%d,Derby\n", i, i+1)
				} else {
					fmt.Fprintf(&file, `{"description": "order %d", "weight": %d, "containers": [{"origin": "Derby"}]}`+"\n", i, i+1)
				}
			}
			s := &server{refuse: func(line *consignmentv1.ImportLine) *failurev1.Failure {
				if w := line.GetOrder().GetWeight(); w == 7 || w == 300 {
					return &failurev1.Failure{Code: int32(codes.Unavailable), Message: "too many want this vessel"}
				}
				return nil
			}}
			a := &attempt{folder: t.TempDir(), name: name, text: strings.NewReader(file.String()), client: serve(t, s)}
			got, err := a.run(t.Context(), t)
			if err != nil || got.Booked != 498 || got.Refused != 2 || s.repeats > 0 {
				t.Errorf("%v, %+v, %d twice", err, got, s.repeats)
			}
			again := open(t, "again"+filepath.Ext(name), strings.NewReader(a.report(t)))
			var ids []string
			for {
				l, err := again.Next()
				if err != nil {
					break
				}
				order, fault := again.Order(l)
				if fault != nil {
					t.Fatal(fault)
				}
				ids = append(ids, order.GetRequestId())
			}
			want := []string{"import1/7", "import1/300"}
			if text != "" {
				want = []string{"import1/8", "import1/301"} // after the header
			}
			if !slices.Equal(ids, want) {
				t.Errorf("the report has the request ids %v, want %v", ids, want)
			}
		})
	}
}

// When every line is UNAVAILABLE, none counts as refused: the import breaks off, and goes on later.
func TestPlatformInTrouble(t *testing.T) {
	t.Parallel()
	s := &server{refuse: func(line *consignmentv1.ImportLine) *failurev1.Failure {
		if line.GetNumber() == 2 {
			return nil
		}
		return failed(codes.Unavailable, "", "away")
	}}
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(100)), client: serve(t, s)}
	got, err := a.run(t.Context(), t)
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "line 3: ") || got.Booked != 1 || got.Refused != 0 || s.streams != 10 {
		t.Errorf("%v, %+v, %d streams", err, got, s.streams)
	}
	s.refuse = refuseBelowZero
	a.text = strings.NewReader(orders(100))
	if got, err = a.run(t.Context(), t); err != nil || got.Lines != 100 || got.Refused != refusedAmong(100) {
		t.Errorf("then %v, %+v", err, got)
	}
}

// Answers against the contract end the import.
func TestStrangeAnswers(t *testing.T) {
	t.Parallel()
	for name, strange := range map[string]*consignmentv1.ImportResult{
		"another line": {Number: 77, Result: &consignmentv1.ImportResult_Consignment{}},
		"nothing":      {Number: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(3)), client: serve(t, &server{})}
			a.edit = func(c *Config) { c.Client = answering{c.Client, strange} }
			if _, err := a.run(t.Context(), t); status.Code(errors.Unwrap(err)) != codes.Internal || len(a.retries) > 0 {
				t.Errorf("%v, %v", err, a.retries)
			}
		})
	}
}

// A stream that says nothing is given up for another.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	s := &server{group: func(ctx context.Context, stream, _ int) error {
		if stream == 1 {
			<-ctx.Done()
		}
		return ctx.Err()
	}}
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(100)), client: serve(t, s)}
	a.edit = func(c *Config) { c.Timeout = 100 * time.Millisecond }
	got, err := a.run(t.Context(), t)
	if err != nil || got.Lines != 100 || len(a.retries) != 1 || !strings.Contains(a.retries[0], "no result came for 100ms") {
		t.Errorf("%v, %+v, %v", err, got, a.retries)
	}
}

// Interrupted, an import sends no more, and takes the results of what is under way.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan struct{})
	s := &server{group: func(_ context.Context, _, group int) error {
		if group == 2 {
			cancel()
			<-held
		}
		return nil
	}}
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(windowLines * 2)), client: serve(t, s)}
	go func() {
		<-ctx.Done()
		close(held)
	}()
	got, err := a.run(ctx, t)
	if !errors.Is(err, context.Canceled) || got.Lines == 0 || got.Lines >= windowLines*2 || len(s.booked) != int(got.Booked) {
		t.Errorf("%v, %+v, %d booked", err, got, len(s.booked))
	}
	journal, err := ReadJournal(filepath.Join(a.folder, "journal"))
	if err != nil || journal.Lines != got.Lines || journal.Last != got.Lines+1 {
		t.Errorf("%v, the journal has %+v", err, journal)
	}
}

// Interrupted with nothing under way, an import ends at once.
func TestInterruptedBeforeItBegins(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(100)), client: shut{interrupt: cancel}}
	began := time.Now()
	if got, err := a.run(ctx, t); !errors.Is(err, context.Canceled) || got.Lines != 0 || time.Since(began) >= grace {
		t.Errorf("%v after %v, %+v", err, time.Since(began), got)
	}
}

// waiting is an input that ends only when the test does; begins is called when somebody waits for it.
func waiting(t *testing.T, begins func()) io.Reader {
	in, out := io.Pipe()
	t.Cleanup(func() { _ = out.Close() })
	return io.MultiReader(readerFunc(func([]byte) (int, error) {
		begins()
		return 0, io.EOF
	}), in)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// Interrupted while it passes over what has a result, an import does not wait for an input that is slow.
func TestInterruptedBeforeItGoesOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s := &server{}
	a := &attempt{folder: t.TempDir(), client: serve(t, s), text: io.MultiReader(strings.NewReader(orders(300)), iotest.ErrReader(errors.New("torn")))}
	if got, err := a.run(ctx, t); err == nil || got.Lines != 300 {
		t.Fatalf("%v, %+v", err, got)
	}
	a.text = io.MultiReader(strings.NewReader(orders(200)), waiting(t, cancel))
	if got, err := a.run(ctx, t); !errors.Is(err, context.Canceled) || got.Lines != 300 || s.sent != 270 {
		t.Errorf("%v, %+v, %d lines were sent", err, got, s.sent)
	}
}

// A server that ends streams before it got anything is not asked for another at once, and for ever.
func TestHastyServer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s := &server{hasty: true}
	a := &attempt{folder: t.TempDir(), client: serve(t, s), text: io.MultiReader(strings.NewReader(orders(1)), waiting(t, func() {}))}
	if got, err := a.run(ctx, t); status.Code(err) != codes.Unavailable || got.Lines != 0 || s.streams != 4 {
		t.Errorf("%v, %+v, %d streams", err, got, s.streams)
	}
}

// A line goes out soon, however long the next one takes.
func TestSlowInput(t *testing.T) {
	t.Parallel()
	const tea = `{"description": "Tea", "weight": 5, "containers": [{"origin": "Derby"}]}`
	for name, parts := range map[string][]string{
		"orders.csv":    {"description,weight,origin\nTea,5,Derby\n", "Tea,5,Derby\n", "Tea,5,Derby\n", ""},
		"orders.ndjson": {tea + "\n", tea + "\n", tea + "\n", ""},
		"orders.json":   {"[" + tea, "," + tea, "," + tea, "]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{}
			in, out := io.Pipe()
			a := &attempt{folder: t.TempDir(), name: name, client: serve(t, s), text: in}
			go func() {
				for i, part := range parts {
					if !s.waitFor(i) {
						t.Errorf("line %d was not sent", i)
					}
					_, _ = io.WriteString(out, part)
				}
				_ = out.Close()
			}()
			if got, err := a.run(t.Context(), t); err != nil || got.Booked != 3 || s.streams != 1 {
				t.Errorf("%v, %+v, %d streams", err, got, s.streams)
			}
		})
	}
}

// A file that breaks in the middle is imported up to there, and goes on from there once it is mended.
func TestFileThatBreaks(t *testing.T) {
	t.Parallel()
	order := func(i int) string {
		return fmt.Sprintf(`{"description": "order %d", "weight": 5, "containers": [{"origin": "Derby"}]}`, i)
	}
	good := "[" + order(1) + ",\n" + order(2)
	s := &server{}
	a := &attempt{folder: t.TempDir(), name: "orders.json", client: serve(t, s), text: strings.NewReader(good + "\n" + order(3) + "]")}
	got, err := a.run(t.Context(), t)
	if err == nil || err.Error() != "orders.json: line 3: is not JSON: there must be , or ] after item 2, not '{'" || got.Booked != 2 {
		t.Errorf("%v, %+v", err, got)
	}
	a.text = strings.NewReader(good + ",\n" + order(3) + "]")
	if got, err = a.run(t.Context(), t); err != nil || got.Booked != 3 || got.Run != 1 || s.repeats > 0 {
		t.Errorf("%v, %+v, %d twice", err, got, s.repeats)
	}
	a.text = io.MultiReader(strings.NewReader(good), iotest.ErrReader(errors.New("torn")))
	if _, err = a.run(t.Context(), t); err == nil {
		t.Error("no error")
	}
}

// An import does not go on with another file.
func TestAnotherFile(t *testing.T) {
	t.Parallel()
	s := &server{group: func(_ context.Context, _, group int) error {
		if group == 2 {
			return status.Error(codes.PermissionDenied, "no more")
		}
		return nil
	}}
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(1000)), client: serve(t, s)}
	if _, err := a.run(t.Context(), t); err == nil {
		t.Fatal("no error")
	}
	sent := s.sent
	for _, text := range []string{strings.Replace(orders(1000), "order 5,", "order 50,", 1), orders(100), strings.Replace(orders(1000), "order 7,", "\norder 7,", 1)} {
		a.text = strings.NewReader(text)
		if _, err := a.run(t.Context(), t); !errors.Is(err, ErrOther) || s.sent != sent {
			t.Errorf("%v, %d lines were sent", err, s.sent-sent)
		}
	}
	s.group = nil
	a.text = strings.NewReader(orders(2000)) // more may have come since
	if got, err := a.run(t.Context(), t); err != nil || got.Lines != 2000 {
		t.Errorf("%v, %+v", err, got)
	}
}

// A report in which somebody changed something is left alone: what would be cut off it could be a line that is nowhere
// else. One that was emptied is begun anew.
func TestReportThatWasChanged(t *testing.T) {
	t.Parallel()
	s := &server{group: func(_ context.Context, _, group int) error {
		if group == 2 {
			return status.Error(codes.PermissionDenied, "no more")
		}
		return nil
	}}
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(1000)), client: serve(t, s)}
	before, err := a.run(t.Context(), t)
	if err == nil || before.Refused == 0 {
		t.Fatalf("%v, %+v", err, before)
	}
	journal, err := ReadJournal(filepath.Join(a.folder, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	left, path := a.report(t), filepath.Join(a.folder, "refused")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	header, _, _ := strings.Cut(left, "\n")
	for what, changed := range map[string]string{
		"longer":    strings.Replace(left, "heavy", "10000000", 1),
		"as long":   strings.Replace(left, "heavy", "10000", 1),
		"shorter":   strings.Replace(left, "heavy", "7", 1),
		"no record": header + "\n",
	} {
		write(changed)
		report := &Report{Path: path, File: open(t, "orders.csv", strings.NewReader(orders(1))), Code: codes.Code.String}
		if err := report.Resume(journal); !errors.Is(err, ErrReportChanged) || a.report(t) != changed {
			t.Errorf("%s: %v; then it holds\n%s", what, err, a.report(t))
		}
	}

	write("")
	s.group, a.text = nil, strings.NewReader(orders(1000))
	got, err := a.run(t.Context(), t)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(a.report(t), "\n")
	if lines[0] != header || int64(len(lines)) != 1+got.Refused-before.Refused+1 {
		t.Errorf("%d lines of report about %d, from %q on", len(lines), got.Refused-before.Refused, lines[0])
	}
}

// A dry run reads everything and sends nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(windowLines * 2))}
	a.edit = func(c *Config) { c.Journal.Path, c.Report.Path = "", "" }
	got, err := a.run(t.Context(), t)
	if err != nil || got.Lines != windowLines*2 || got.Refused != windowLines/5 {
		t.Errorf("%v, %+v", err, got)
	}
	if entries, err := os.ReadDir(a.folder); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v are left", err, entries)
	}
}

// What cannot be kept must not be imported.
func TestNoPlaceForJournalOrReport(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*Config){
		"journal": func(c *Config) { c.Journal.Path += "/none" },
		"report":  func(c *Config) { c.Report.Path += "/none" },
	} {
		a := &attempt{folder: t.TempDir(), text: strings.NewReader(orders(10)), client: serve(t, &server{}), edit: edit}
		if _, err := a.run(t.Context(), t); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), name) || len(a.retries) > 0 {
			t.Errorf("%s: %v, %v", name, err, a.retries)
		}
		a.edit, a.text = nil, strings.NewReader(orders(10)) // there is a place now
		if got, err := a.run(t.Context(), t); err != nil || got.Lines != 10 || !strings.Contains(a.report(t), ",order 3,heavy,Derby\n") {
			t.Errorf("%s: %v, %+v, reported %q", name, err, got, a.report(t))
		}
	}
}

// endless is a file of n lines that is nowhere as a whole.
type endless struct {
	left int
	line []byte
	rest []byte
	read atomic.Int64 // lines
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left--; e.left < 0 {
			return 0, io.EOF
		}
		e.rest = e.line
		e.read.Add(1)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// While the service does not get on, no more is read than there is room for.
func TestWindow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		line string
		most int64
	}{
		{"lines", "Spare parts for the Sheffield works,5500,Derby\n", windowLines + messageLines + orderfile.MaxText/40},
		{"bytes", strings.Repeat("x", 100_000) + ",5,Derby\n", windowBytes/100_000 + messageLines},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const all = 20_000
			in := &endless{left: all, line: []byte(tt.line)}
			held := make(chan struct{})
			s := &server{group: func(context.Context, int, int) error {
				<-held
				return status.Error(codes.PermissionDenied, "enough")
			}}
			a := &attempt{folder: t.TempDir(), client: serve(t, s), text: io.MultiReader(strings.NewReader("description,weight,origin\n"), in)}
			last, same := int64(0), 0
			a.edit = func(c *Config) {
				c.Progress = func(Progress) {
					if now := in.read.Load(); now != last {
						last, same = now, 0
					} else if same++; same == 2 { // nothing was read between
						close(held)
					}
				}
			}
			if _, err := a.run(t.Context(), t); status.Code(err) != codes.PermissionDenied || last > tt.most {
				t.Errorf("%v, %d lines were read", err, last)
			}
		})
	}
}

// However long a file and its lines are, and however many containers a line has, there is a bound to what is held.
func TestMemory(t *testing.T) { //nolint:paralleltest // it measures the process
	const header = "description,weight,origin,containers\n"
	tests := []struct {
		name  string
		lines int
		line  string
	}{
		{"many lines", 200_000, "Spare parts for the Sheffield works,5500,\"Derby, United Kingdom\",3\n"},
		{"long lines", 50, strings.Repeat("x", 1_000_000) + ",5,Derby,1\n"},
		{"large lines", 300, strings.Repeat("x", 200_000) + ",5,Derby,1\n"},
		{"many containers", 1000, "Tea,5,Derby,1000\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			most := uint64(0)
			forget := &server{refuse: func(*consignmentv1.ImportLine) *failurev1.Failure {
				return failed(codes.NotFound, "origin", "no depot")
			}}
			a := &attempt{folder: t.TempDir(), client: serve(t, forget)}
			a.text = io.MultiReader(strings.NewReader(header), &endless{left: tt.lines, line: []byte(tt.line)})
			a.edit = func(c *Config) {
				c.Report.Path = ""
				c.Progress = func(Progress) {
					var now runtime.MemStats
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapInuse+now.StackInuse)
				}
			}
			began := time.Now()
			got, err := a.run(t.Context(), t)
			t.Logf("%d lines in %v, at most %d MB", got.Lines, time.Since(began), most>>20)
			if err != nil || got.Lines != int64(tt.lines) || most > 100<<20 {
				t.Errorf("%v, %+v, %d bytes", err, got.Counts, most)
			}
		})
	}
}
