package command

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"seaport.example/cli/internal/shell"
)

var update = flag.Bool("update", false, "write the golden files anew")

// testdata is where the golden files are, whichever folder a test works in.
var testdata, _ = filepath.Abs("testdata")

// golden compares what a command printed with testdata/NAME.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(testdata, name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant, from %s (after a wished change: go test -update)\n%s", got, path, want)
	}
}

func TestOutput(t *testing.T) {
	const file = `{"description": "Spare parts", "weight": 550, "containers": [{"customer_id": "cust001", "origin": "Derby, United Kingdom"}]}`
	tests := []struct {
		name string
		args []string
	}{
		{"consignment-create", []string{"consignment", "create", "-", "--customer", "cust009"}},
		{"consignment-list", []string{"consignment", "list"}},
		{"consignment-list-last", []string{"consignment", "list", "--page-token", "second page"}},
		{"consignment-list-all", []string{"consignment", "list", "--all"}},
		{"consignment-get", []string{"consignment", "get", "c7"}},
		{"consignment-get-hostile", []string{"consignment", "get", "hostile"}},
		{"consignment-cancel", []string{"consignment", "cancel", "c7", "--reason", "ordered twice"}},
		{"vessel-create", []string{"vessel", "create", "--id", "v9", "--name", "Drifter", "--capacity", "12", "--max-weight", "900", "--owner", "o1", "--available=false"}},
		{"vessel-list", []string{"vessel", "list"}},
		{"vessel-find", []string{"vessel", "find", "--capacity", "3", "--weight", "55000"}},
		{"depot-stock", []string{"depot", "stock", "Derby, United Kingdom", "5"}},
		{"depot-list", []string{"depot", "list"}},
		{"login", []string{"login", "--email", "Operator@Seaport.example", "--password", "correct horse"}},
		{"whoami", []string{"whoami"}},
		{"token", []string{"token"}},
		{"user-get", []string{"user", "get", "u7"}},
		{"user-get-me", []string{"user", "get"}},
		{"user-list", []string{"user", "list"}},
		{"user-set-roles", []string{"user", "set-roles", "u7", "operator,ADMIN", "operator"}},
		{"user-set-roles-none", []string{"user", "set-roles", "u7", "--none"}},
		{"user-create", []string{"user", "create", "--name", "New Customer", "--email", "New@Freight.example", "--company", "Freight", "--password", "correct horse"}},
		{"mail-sent", []string{"mail", "sent"}},
		{"mail-sent-all", []string{"mail", "sent", "--all"}},
		{"logout", []string{"logout"}},
		{"deadletter-list", []string{"deadletter", "list", "notification", "--page-size", "2"}},
		{"deadletter-list-all", []string{"deadletter", "list", "notification", "--all"}},
		{"deadletter-list-none", []string{"deadletter", "list", "vessel"}},
		{"deadletter-show", []string{"deadletter", "show", "notification", "e3.booked"}},
		{"deadletter-show-hostile", []string{"deadletter", "show", "notification", "e2\x1b[2J"}},
		{"deadletter-show-empty", []string{"deadletter", "show", "notification", "e1"}},
		{"deadletter-replay", []string{"deadletter", "replay", "notification", "e3.booked", "e9"}},
		{"deadletter-replay-none", []string{"deadletter", "replay", "vessel", "--all"}},
		{"deadletter-discard", []string{"deadletter", "discard", "notification", "e3.booked", "e9", "e3.booked"}},
		{"deadletter-discard-all", []string{"deadletter", "discard", "notification", "--all", "--yes"}},
		{"publish", []string{"publish", "user.created", "--id", "e\x1b1"}},
		{"publish-example", []string{"publish", "consignment.booked", "--example"}},
		{"deadletter-discard-none", []string{"deadletter", "discard", "vessel", "--all", "--yes"}},
	}
	p := newPlatform(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := p.run(t, file, tt.args...)
			if text.exit != exitOK || text.stderr != "" {
				t.Fatalf("exit %d, stderr %q", text.exit, text.stderr)
			}
			// The address of the fake differs from run to run.
			golden(t, tt.name, strings.ReplaceAll(text.stdout, p.address, "HOST:PORT"))

			inJSON := p.run(t, file, append(tt.args, "--output", "json")...)
			if inJSON.exit != exitOK || inJSON.stderr != "" {
				t.Fatalf("exit %d, stderr %q", inJSON.exit, inJSON.stderr)
			}
			if !json.Valid([]byte(inJSON.stdout)) {
				t.Errorf("not one JSON value: %s", inJSON.stdout)
			}
			golden(t, tt.name+"-json", strings.ReplaceAll(inJSON.stdout, p.address, "HOST:PORT"))
		})
	}
}

func TestVisible(t *testing.T) {
	tests := []struct{ in, want string }{
		{"Łódź, Polska", "Łódź, Polska"},
		{"a\x1b[31mb", `a\x1b[31mb`},
		{"a\nb\tc\r", `a\nb\tc\x0d`},
		{"\u009b2J", `\u009b2J`},
		{"\u202eabc", `\u202eabc`},
		{"\xff", `\xff`},
		{"\U000e0041", `\U000e0041`},
	}
	for _, tt := range tests {
		if got := visible(tt.in); got != tt.want {
			t.Errorf("visible(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestVisibleJSONMeansTheSame(t *testing.T) {
	want := "Łódź \x1b \u009b \u202e \u2028 \U000e0041 \x7f"
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	shown := visibleJSON(data)
	if bytes.IndexFunc(shown, hidden) >= 0 {
		t.Errorf("a hidden character is left in %q", shown)
	}
	var got string
	if err := json.Unmarshal(shown, &got); err != nil || got != want {
		t.Errorf("reads back as %q, %v", got, err)
	}
}

func TestShellWord(t *testing.T) {
	tests := []struct{ in, want string }{
		{"abc-1_=", "abc-1_="},
		{"", "''"},
		{"two words", "'two words'"},
		{"it's", `'it'\''s'`},
		{"$(rm)", "'$(rm)'"},
	}
	for _, tt := range tests {
		if got := shell.Word(tt.in); got != tt.want {
			t.Errorf("shell.Word(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}
