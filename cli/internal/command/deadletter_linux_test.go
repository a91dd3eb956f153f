package command

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// answerer types an answer at the terminal when it is asked a question; without one it interrupts.
type answerer struct {
	bytes.Buffer

	answer func()
}

func (a *answerer) Write(p []byte) (int, error) {
	if strings.HasSuffix(string(p), ": ") {
		a.answer()
	}
	return a.Buffer.Write(p)
}

func TestDeadLetterDiscardAsks(t *testing.T) {
	const endOfInput = "\x04"
	tests := []struct {
		name, answer string
		exit         int
		stdout       string
		stderr       string // after the question
	}{
		{"yes", "Yes\n", exitOK, "Discarded 3 dead letters.\n", ""},
		{"no", "no\n", exitBadInput, "", "seaport: not confirmed: nothing was done\n"},
		{"nothing", "\n", exitBadInput, "", "seaport: not confirmed: nothing was done\n"},
		{"the end", endOfInput, exitBadInput, "", "\nseaport: not confirmed: nothing was done\n"},
		{"interrupted", "", exitInterrupted, "", "\nseaport: interrupted\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			p.letters = newRack(3)
			person, program := terminal(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stderr := &answerer{answer: func() {
				if tt.answer == "" {
					cancel()
					return
				}
				_, _ = person.WriteString(tt.answer)
			}}
			var stdout strings.Builder
			exit := Run(ctx, []string{"deadletter", "discard", "notification", "--all", "--server", p.address}, program, &stdout, stderr)
			want := "Discard every dead letter of notification at " + p.address + " for good? Type yes: " + tt.stderr
			if exit != tt.exit || stdout.String() != tt.stdout || stderr.String() != want {
				t.Errorf("exit %d, stdout %q, stderr %q", exit, stdout.String(), stderr.String())
			}
			if sent := len(p.received()); tt.exit != exitOK && sent > 0 {
				t.Errorf("%d calls", sent)
			}
		})
	}
}
