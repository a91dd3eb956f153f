package command

import (
	"bytes"
	"strings"
	"testing"
)

// At a terminal nobody is left waiting for a payload that was to be a file.
func TestPublishAtATerminal(t *testing.T) {
	p := newPlatform(t)
	_, program := terminal(t)
	var stdout, stderr bytes.Buffer
	exit := Run(t.Context(), []string{"--server", p.address, "publish", "user.created"}, program, &stdout, &stderr)
	if exit != exitBadInput || !strings.Contains(stderr.String(), "FILE: is missing") || !strings.Contains(stderr.String(), "seaport publish user.created --example") {
		t.Errorf("exit %d, stderr %q", exit, stderr.String())
	}
}
