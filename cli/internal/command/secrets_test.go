package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecrets(t *testing.T) {
	root, data := filepath.Join("..", "..", ".."), t.TempDir()
	run := func(action ...string) (int, string) {
		var out bytes.Buffer
		exit := Run(t.Context(), append(append([]string{"secrets"}, action...), "--root", root, "--data", data), strings.NewReader(""), &out, &out)
		return exit, out.String()
	}
	if exit, out := run("token", "admin"); exit != exitFailed || !strings.Contains(out, "there are no keys in "+data) {
		t.Errorf("token without keys: exit code %d, %s", exit, out)
	}
	if exit, out := run("rotate"); exit != exitFailed || !strings.Contains(out, "there are no keys in "+data) {
		t.Errorf("rotate without keys: exit code %d, %s", exit, out)
	}
	file := filepath.Join(data, "secrets", "user.json")
	var before string
	for i, action := range []string{"create", "create", "rotate"} {
		exit, out := run(action)
		if exit != 0 || !strings.Contains(out, filepath.Dir(file)) {
			t.Fatalf("%s: exit code %d, %s", action, exit, out)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if same := string(content) == before; i > 0 && same != (action == "create") {
			t.Errorf("%s: the keys are the same: %t", action, same)
		}
		before = string(content)
	}
	if exit, out := run("token", "admin,operator"); exit != 0 || strings.Count(out, ".") != 2 || strings.Count(out, "\n") != 1 {
		t.Errorf("token: exit code %d, %s", exit, out)
	}
	if exit, out := run("token", "captain"); exit != exitBadInput || !strings.Contains(out, `not "captain"`) {
		t.Errorf("token of a role there is not: exit code %d, %s", exit, out)
	}
	if err := os.WriteFile(filepath.Join(data, "secrets", "all.keys.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, out := run("create"); exit != exitFailed || !strings.Contains(out, "damaged") || !strings.Contains(out, "\nrestore the file") {
		t.Errorf("create with damaged keys: exit code %d, %s", exit, out)
	}
}
