package shell_test

import (
	"os/exec"
	"testing"

	"seaport.example/cli/internal/shell"
)

func TestWord(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"orders.csv":      "orders.csv",
		"":                "''",
		"my orders.csv":   "'my orders.csv'",
		"it's.csv":        `'it'\''s.csv'`,
		"$HOME`ls`\"!":    "'$HOME`ls`\"!'",
		"~/a*b;c&d":       "'~/a*b;c&d'",
		"東京.csv":          "'東京.csv'",
		"a\nb":            `$'a\012b'`,
		"\x1b[31m'\\.csv": `$'\033[31m\'\\.csv'`,
		"\xff1":           `$'\3771'`,
		"-dash.csv":       "-dash.csv",
	} {
		if got := shell.Word(raw); got != want {
			t.Errorf("Word(%q) = %s, want %s", raw, got, want)
		}
		readBack(t, shell.Word(raw), raw)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"-dash.csv": "./-dash.csv", "-": "./-", "--x y": "'./--x y'", "a-b.csv": "a-b.csv", "/tmp/-a": "/tmp/-a",
	} {
		if got := shell.File(raw); got != want {
			t.Errorf("File(%q) = %s, want %s", raw, got, want)
		}
	}
}

// readBack has a shell read the word.
func readBack(t *testing.T, word, want string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		return
	}
	out, err := exec.CommandContext(t.Context(), bash, "-c", "printf %s "+"\"$(printf '%s.' "+word+")\"").Output()
	if err != nil || string(out) != want+"." {
		t.Errorf("the shell reads %s as %q, %v", word, out, err)
	}
}
