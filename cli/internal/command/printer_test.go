package command

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rivo/uniseg"
)

// fullDisk takes nothing more once it has taken so many bytes.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	}
	d.room -= len(p)
	return len(p), nil
}

// What a command changed is said where its result cannot be printed, and the exit code tells of it.
func TestResultCannotBePrinted(t *testing.T) {
	p := newPlatform(t)
	order := `{"description": "Tea", "weight": 5, "containers": [{"origin": "Derby"}]}`
	inFolder(t, "orders.ndjson", order+"\n")
	for _, tt := range []struct {
		args []string
		done string
	}{
		{[]string{"consignment", "create", "-"}, "consignment c1 is booked"},
		{[]string{"consignment", "cancel", "c-1"}, "consignment c-1 is cancelled"},
		{[]string{"consignment", "import", "orders.ndjson"}, "orders.ndjson: 1 of 1 line booked"},
		{[]string{"vessel", "create", "--id", "v-1", "--name", "One", "--capacity", "5", "--max-weight", "7"}, "vessel v-1 is created"},
		{[]string{"depot", "stock", "Derby", "3"}, "3 containers are added to depot Derby"},
		{[]string{"vessel", "list"}, ""},
	} {
		for _, form := range []string{"text", "json"} {
			for _, room := range []int{0, 20} {
				var stderr bytes.Buffer
				args := append([]string{"--server", p.address, "-o", form}, tt.args...)
				exit := Run(t.Context(), args, strings.NewReader(order), &fullDisk{room}, &stderr)
				if exit != exitFailed || !strings.Contains(stderr.String(), "the result cannot be printed: ") {
					t.Errorf("%s: exit %d, %s", tt.args, exit, &stderr)
				}
				if tt.done != "" && !strings.Contains(stderr.String(), "It is done all the same: "+tt.done) {
					t.Errorf("%s: %s, want %q", tt.args, &stderr, tt.done)
				}
				if form == "json" && !json.Valid(stderr.Bytes()) {
					t.Errorf("%s: %s", tt.args, &stderr)
				}
			}
		}
	}
}

// Columns stay in line whatever is in them, and nothing in them acts on the terminal.
func TestTableOfWideCharacters(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	rows := [][]string{{"DEPOT", "FREE", "NOTE"}, {"東京", "1", "x"}, {"Zu\u0308rich", "2", "x"}, {"👩‍🚀", "3", "x"}, {"", "4", "x"}, {"a\x1b[2J\tb\n", "5", "x"}}
	if err := table(&out, "  ", rows); err != nil {
		t.Fatal(err)
	}
	want := uniseg.StringWidth(`  a\x1b[2J\tb\n  `)
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if at := uniseg.StringWidth(line[:strings.LastIndex(line, rows[i][1])]); at != want {
			t.Errorf("the second column of %q begins at %d, want %d", line, at, want)
		}
		if strings.ContainsAny(line, "\x1b\t") {
			t.Errorf("line %q acts on the terminal", line)
		}
	}
}

func TestWithoutHome(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("SEAPORT_CONFIG", "")
	p := newPlatform(t)
	t.Setenv("SEAPORT_CONFIG", "")
	for _, command := range []string{"whoami", "token"} {
		got := p.run(t, "", command)
		if got.exit != exitFailed || !strings.Contains(got.stderr, "HOME is not set") || !strings.Contains(got.stderr, "SEAPORT_TOKEN") {
			t.Errorf("%s: exit %d, %s", command, got.exit, got.stderr)
		}
	}
	t.Setenv("SEAPORT_TOKEN", "abc")
	if got := p.run(t, "", "token"); got.exit != exitOK || got.stdout != "abc\n" {
		t.Errorf("with a token: %+v", got)
	}
	if got := p.run(t, "", "vessel", "list"); got.exit != exitOK {
		t.Errorf("with a token: %+v", got)
	}
}

func TestDataIsNoFolder(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/data"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{file, file + "/in"} {
		for _, command := range [][]string{{"up"}, {"secrets", "create"}} {
			got := runLine(t, "", append(command, "--root", "../../..", "--data", data)...)
			if want := "seaport: --data: " + file + " is no folder\n"; got.exit != exitBadInput || !strings.HasPrefix(got.stderr, want) {
				t.Errorf("%s: exit %d, %s", command, got.exit, got.stderr)
			}
		}
	}
}

// A command line that a person is shown works when it is pasted.
func TestHintsAreForTheShell(t *testing.T) {
	for report, want := range map[string]string{
		"-dash.csv":     "seaport consignment import ./-dash.csv ",
		"$HOME's b.csv": `seaport consignment import '$HOME'\''s b.csv' `,
	} {
		p := newPlatform(t)
		p.refuse = refuseBelowZero
		inFolder(t, "orders.csv", freight)
		got := p.run(t, "", "consignment", "import", "orders.csv", "--report="+report)
		if !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %s", report, got.stderr)
		}
	}
}

func TestImportWithoutAnOrder(t *testing.T) {
	for _, text := range []string{"description,weight,origin", "description,weight,origin\r\n,,\r\n", "sep=;\ndescription;weight;origin\n"} {
		p := newPlatform(t)
		inFolder(t, "orders.csv", text)
		got := p.run(t, "", "consignment", "import", "orders.csv")
		if got.exit != exitBadInput || !strings.Contains(got.stderr, "orders.csv has no order in it") || len(files(t)) != 1 {
			t.Errorf("%q: exit %d, %s, files %v", text, got.exit, got.stderr, files(t))
		}
	}
}
