package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOutput(t *testing.T) {
	var screen bytes.Buffer
	folder := t.TempDir()
	hide := func(line string) (string, bool) { return line + "!", !strings.Contains(line, "hidden") }
	output, err := NewOutput("vessel#2", folder, NewConsole(&screen, 8, false), hide)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{"fir", "st\r\nhidden line\n", "\nlast"} {
		if n, err := output.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	output.Flush()
	if err := output.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "vessel#2 | first!\nvessel#2 | !\nvessel#2 | last!\n"; screen.String() != want {
		t.Errorf("screen:\n%s\nwant:\n%s", screen.String(), want)
	}
	file, err := os.ReadFile(filepath.Join(folder, "vessel#2.log"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "first\r\nhidden line\n\nlast"; string(file) != want {
		t.Errorf("log = %q, want %q", file, want)
	}
	if tail := strings.Join(output.Tail(), ","); tail != "first!,!,last!" {
		t.Errorf("tail = %s", tail)
	}
}

func TestOutputKeepsTheLogBefore(t *testing.T) {
	folder := t.TempDir()
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		output, err := NewOutput("app", folder, NewConsole(&bytes.Buffer{}, 3, false), Everything)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = output.Write([]byte(text))
		_ = output.Close()
	}
	for name, want := range map[string]string{"app.log": "three\n", "app.previous.log": "two\n"} {
		if got, _ := os.ReadFile(filepath.Join(folder, name)); string(got) != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestOutputCutsEndlessLines(t *testing.T) {
	var screen bytes.Buffer
	output, err := NewOutput("a", t.TempDir(), NewConsole(&screen, 1, false), Everything)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = output.Write(bytes.Repeat([]byte("x"), 2*longestLine+10))
	output.Flush()
	if lines := strings.Count(screen.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3", lines)
	}
	_ = output.Close()
}

func TestConsoleColour(t *testing.T) {
	colourOf := func(name string) string {
		var screen bytes.Buffer
		NewConsole(&screen, 20, true).Println(name, "text")
		prefix, rest, _ := strings.Cut(screen.String(), "m")
		if !strings.HasSuffix(rest, "\x1b[0mtext\n") {
			t.Errorf("the text of %s is coloured too: %q", name, rest)
		}
		return prefix
	}
	if colourOf("vessel") != colourOf("vessel#2.daprd") {
		t.Error("an app and the sidecar of its replica have different colours")
	}
}

func TestFilters(t *testing.T) {
	tests := []struct {
		name    string
		filter  Filter
		line    string
		want    string
		wantAny bool
	}{
		{"information of the runtime", DaprLines(false), `{"level":"info","msg":"hello","scope":"dapr.runtime"}`, "", false},
		{"the same, verbose", DaprLines(true), `{"level":"info","msg":"hello","scope":"dapr.runtime"}`, "INFO hello (dapr.runtime)", true},
		{"a warning", DaprLines(false), `{"level":"warning","msg":"careful\n","scope":"s"}`, "WARN careful (s)", true},
		{"a warning that is always there", DaprLines(false), `{"level":"warning","msg":"mTLS is disabled. Skipping","scope":"s"}`, "", false},
		{"an error", DaprLines(false), `{"level":"fatal","msg":"bad","scope":"s"}`, "FATAL bad (s)", true},
		{"a panic", DaprLines(false), `panic: runtime error`, "panic: runtime error", true},
		{"another library's line", DaprLines(false), `2026/11/21 03:12:08 Marking prefixes`, "", false},
		{"the broker's information", NATSLines(false), `[1] 2026/11/21 03:28:54.679 [INF] Server Exiting..`, "", false},
		{"the broker's information, verbose", NATSLines(true), `[1] 2026/11/21 03:28:54.679 [INF] Server Exiting..`, "INFO Server Exiting..", true},
		{"the broker's error", NATSLines(false), `[1] 2026/11/21 03:28:54.679 [ERR] no room`, "ERROR no room", true},
		{"the broker's other line", NATSLines(false), `nats-server: no such flag`, "nats-server: no such flag", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, show := test.filter(test.line)
			if show != test.wantAny || show && got != test.want {
				t.Errorf("= %q, %t, want %q, %t", got, show, test.want, test.wantAny)
			}
		})
	}
}
