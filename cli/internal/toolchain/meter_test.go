package toolchain

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	var out bytes.Buffer
	meter := newMeter(&out, false, "daprd")
	meter.begun = time.Now()
	for _, piece := range []string{"go: downloading a v1\ngo: down", "loading b v1\n", "unicode/utf8\ngithub.com/x/y\n", "# x\n./x.go:1:2: bad thing\nlast"} {
		if _, err := meter.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	meter.show()
	if got, want := out.String(), "daprd: 0s, 2 packages compiled, 2 modules downloaded\n"; got != want {
		t.Errorf("= %q, want %q", got, want)
	}
	if tail := meter.tail(); !strings.Contains(tail, "# x\n./x.go:1:2: bad thing\nlast") || strings.Contains(tail, "unicode") {
		t.Errorf("tail = %q", tail)
	}
}

func TestMeterOnATerminalKeepsToOneLine(t *testing.T) {
	var out bytes.Buffer
	meter := newMeter(&out, true, "buf")
	meter.begun = time.Now()
	meter.show()
	meter.show()
	if strings.Contains(out.String(), "\n") || strings.Count(out.String(), "\r") != 2 {
		t.Errorf("= %q", out.String())
	}
}
