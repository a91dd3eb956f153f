package command

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestSeedSaysWhatIsMissing(t *testing.T) {
	root, data := filepath.Join("..", "..", ".."), t.TempDir()
	t.Setenv(tokenEnv, "")
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		exit := Run(t.Context(), append(args, "--root", root, "--data", data), strings.NewReader(""), &out, &out)
		return exit, out.String()
	}
	nobody := []string{"seed", "--server", "127.0.0.1:1", "--wait", "300ms"}
	if exit, out := run(nobody...); exit != exitFailed || !strings.Contains(out, "there are no keys in "+data) {
		t.Errorf("without keys: exit code %d, %s", exit, out)
	}
	if exit, out := run("secrets", "create"); exit != exitOK {
		t.Fatalf("exit code %d, %s", exit, out)
	}
	exit, out := run(nobody...)
	if exit != exitUnreachable || !strings.Contains(out, "waiting for Seaport at 127.0.0.1:1") || !strings.Contains(out, "cannot reach Seaport at 127.0.0.1:1: does not answer") {
		t.Errorf("without a platform: exit code %d, %s", exit, out)
	}
	t.Setenv(tokenEnv, "of-somebody")
	data = t.TempDir()
	if exit, out := run(nobody...); exit != exitUnreachable {
		t.Errorf("with a token instead of keys: exit code %d, %s", exit, out)
	}
}
