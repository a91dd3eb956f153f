package importing

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// write writes a file of orders and returns its name.
func write(t testing.TB, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// table is a CSV file of n orders of a customer, each of its own description.
func table(n int, customer, origin string) string {
	var b strings.Builder
	b.WriteString("description,weight,origin,customer_id\n")
	for i := range n {
		fmt.Fprintf(&b, "line %d,10,%q,%s\n", i+2, origin, customer)
	}
	return b.String()
}

// summary is what an import says with --output json.
type summary struct {
	Lines, Booked, Refused int
}

func parse(t *testing.T, o platform.Outcome) (s summary) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.Stdout), &s); err != nil {
		t.Fatalf("exit %d, %v: %s%s", o.Exit, err, o.Stdout, o.Stderr)
	}
	return s
}

// each returns the consignments of a customer by their description, which must be there once.
func each(t *testing.T, c *platform.Client, customer string) map[string]*consignmentv1.Consignment {
	t.Helper()
	listed, err := audit.List(t.Context(), c, customer)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]*consignmentv1.Consignment, len(listed))
	for _, one := range listed {
		if twice := found[one.GetDescription()]; twice != nil {
			t.Errorf("%q is booked twice, as %s and %s", one.GetDescription(), twice.GetId(), one.GetId())
		}
		found[one.GetDescription()] = one
	}
	return found
}

// One file through its life: lines that are fine are booked, the others reported; the report, put right, is
// imported; a booked line is cancelled and gives back its part of what its lot holds.
func TestImportFile(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	c := p.Client(t)
	freight.Vessel(t, c, 2_000, 1_000_000)
	depot := freight.Depot(t, c, 2_000)
	customer := freight.Customer()

	lines := strings.Split(strings.TrimSuffix(table(1_000, customer, depot), "\n"), "\n")
	bad := map[int]string{ // by line of the file
		3:   "no weight,0," + depot + "," + customer,
		4:   "unknown depot,10,nowhere," + customer,
		500: "ragged,10",
		501: strings.Repeat("x", 1_000_000) + ",10,\"" + depot + "\"," + customer,
		502: "no number,much,\"" + depot + "\"," + customer,
		999: "too heavy,2000000,\"" + depot + "\"," + customer,
	}
	for line, text := range bad {
		lines[line-1] = text
	}
	file := write(t, "orders.csv", strings.Join(lines, "\n")+"\n")
	outcome := p.CLI(t, "consignment", "import", file, "--output", "json")
	if s := parse(t, outcome); outcome.Exit != 1 || s != (summary{1_000, 1_000 - len(bad), len(bad)}) {
		t.Errorf("exit %d, %+v: %s", outcome.Exit, s, outcome.Stderr)
	}
	found := each(t, c, customer)
	for i, text := range lines[1:] {
		description, _, _ := strings.Cut(text, ",")
		if _, refused := bad[i+2]; (found[description] != nil) == refused {
			t.Errorf("line %d (%.40s): booked %v", i+2, text, found[description] != nil)
		}
	}
	audit.Wait(t, p, c, time.Minute)

	report := strings.TrimSuffix(file, ".csv") + ".refused.csv"
	refused, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bad {
		if !strings.Contains(string(refused), fmt.Sprint(line)) {
			t.Errorf("line %d is not in the report:\n%.2000s", line, refused)
		}
	}
	corrected := strings.NewReplacer("no weight,0,", "no weight,10,", ",10,nowhere,", `,10,"`+depot+`",`).Replace(string(refused))
	again := p.CLI(t, "consignment", "import", write(t, "again.csv", corrected), "--output", "json")
	if s := parse(t, again); again.Exit != 1 || s.Booked != 2 {
		t.Errorf("the report, two lines of it put right: exit %d, %+v: %s", again.Exit, s, again.Stderr)
	}
	found = each(t, c, customer)
	if found["no weight"] == nil || found["unknown depot"] == nil || len(found) != 1_000-len(bad)+2 {
		t.Errorf("%d are booked", len(found))
	}

	before := freight.Room(t, c, found["line 10"].GetVesselId())
	if _, err := c.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: found["line 10"].GetId()}); err != nil {
		t.Fatal(err)
	}
	after := freight.Room(t, c, before.GetId())
	if after.GetFreeCapacity() != before.GetFreeCapacity()+1 || after.GetFreeWeight() != before.GetFreeWeight()+10 {
		t.Errorf("a line of a lot is cancelled, and the room left went from %v to %v", before, after)
	}
	audit.Wait(t, p, c, time.Minute)
}

// The same orders as an array, as lines of JSON, from standard input, by a customer for herself; another's are refused.
func TestImportForms(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	c := p.Client(t)
	freight.Vessel(t, c, 1_000, 1_000_000)
	depot := freight.Depot(t, c, 1_000)
	order := func(description, customer string) string {
		return fmt.Sprintf(`{"description": %q, "weight": 10, "customer_id": %q, "containers": [{"origin": %q}]}`, description, customer, depot)
	}
	for _, form := range []struct {
		name string
		file func(orders []string) string
		args func(t *testing.T, file string) (stdin string, args []string)
	}{
		{"array", func(orders []string) string { return "[" + strings.Join(orders, ",\n") + "]" },
			func(t *testing.T, file string) (string, []string) { return "", []string{write(t, "orders.json", file)} }},
		{"lines", func(orders []string) string { return strings.Join(orders, "\n\n") },
			func(t *testing.T, file string) (string, []string) {
				return "", []string{write(t, "orders.ndjson", file)}
			}},
		{"standard input", func(orders []string) string { return strings.Join(orders, "\n") },
			func(t *testing.T, file string) (string, []string) {
				return file, []string{"-", "--format", "ndjson", "--report", filepath.Join(t.TempDir(), "refused.ndjson")}
			}},
	} {
		t.Run(form.name, func(t *testing.T) {
			user := p.Register(t)
			mine := user.UserID
			file := form.file([]string{order("one", mine), order("two", ""), order("three", "cust001"), order("four", mine)})
			stdin, args := form.args(t, file)
			outcome := user.CLI(t, stdin, append([]string{"consignment", "import", "--output", "json"}, args...)...)
			if s := parse(t, outcome); outcome.Exit != 1 || s != (summary{4, 3, 1}) {
				t.Errorf("exit %d, %+v: %s", outcome.Exit, s, outcome.Stderr)
			}
			var booked []string
			for description := range each(t, c, mine) {
				booked = append(booked, description)
			}
			slices.Sort(booked)
			if !slices.Equal(booked, []string{"four", "one", "two"}) {
				t.Errorf("booked %q", booked)
			}
		})
	}
	audit.Wait(t, p, c, time.Minute)
}

// Nothing is mailed about the lines of an import, unless that is asked for.
func TestImportMails(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	c := p.Client(t)
	freight.Vessel(t, c, 1_000, 1_000_000)
	depot := freight.Depot(t, c, 1_000)
	quiet, told := p.Register(t), p.Register(t)
	if o := quiet.CLI(t, "", "consignment", "import", write(t, "quiet.csv", table(20, "", depot))); o.Exit != 0 {
		t.Fatalf("exit %d: %s%s", o.Exit, o.Stdout, o.Stderr)
	}
	if o := told.CLI(t, "", "consignment", "import", "--mail", write(t, "told.csv", table(20, "", depot))); o.Exit != 0 {
		t.Fatalf("exit %d: %s%s", o.Exit, o.Stdout, o.Stderr)
	}
	confirmations := func(email string) int {
		n := 0
		for _, mail := range p.Mails(t) {
			if strings.Contains(fmt.Sprint(mail.To), email) && strings.Contains(mail.Subject, "confirmed") {
				n++
			}
		}
		return n
	}
	platform.Wait(t, time.Minute, func() error {
		if n := confirmations(told.Email); n != 20 {
			return fmt.Errorf("%d of 20 lines are confirmed by mail", n)
		}
		return nil
	})
	audit.Wait(t, p, c, time.Minute)
	if n := confirmations(quiet.Email); n != 0 {
		t.Errorf("%d mails about an import that was to be quiet", n)
	}
}

// A file that is no such file is refused before anything is booked.
func TestNotAnImport(t *testing.T) {
	p := platform.Start(t, "--no-seed")
	for name, c := range map[string]struct{ file, says string }{
		"header":    {write(t, "header.csv", "description,weight,port\nx,1,y\n"), "port"},
		"no header": {write(t, "none.csv", "tea,10,Derby\n"), "description"},
		"binary":    {write(t, "binary.csv", "\x7fELF\x02\x01\x00\x00\x00\xff\xfe"), "binary"},
		"missing":   {filepath.Join(t.TempDir(), "nowhere.csv"), "does not exist"},
	} {
		o := p.CLI(t, "consignment", "import", c.file)
		if o.Exit != 2 || !strings.Contains(o.Stderr, c.says) || strings.Contains(o.Stderr, "goroutine") {
			t.Errorf("%s: exit %d, %q; want 2 and %q", name, o.Exit, o.Stderr, c.says)
		}
	}
	if listed, err := audit.List(t.Context(), p.Client(t), ""); err != nil || len(listed) != 0 {
		t.Errorf("booked %v, %v", listed, err)
	}
}
