package command

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	opsv1 "seaport.example/proto/seaport/ops/v1"
)

func TestDeadLetterMissing(t *testing.T) {
	p := newPlatform(t)
	got := p.run(t, "", "deadletter", "show", "notification", "e\x1b")
	want := "seaport: no dead letter of notification has the id \"e\\x1b\" (NOT_FOUND)\n" +
		"\"seaport deadletter list notification\" lists them; one that was replayed or discarded is gone.\n"
	if got.exit != exitFailed || got.stdout != "" || got.stderr != want {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
}

func TestDeadLettersOfNobody(t *testing.T) {
	p := newPlatform(t)
	p.fail = func(string) error {
		return refusal(t, codes.NotFound, `app_id: no app "nobody"`, fields("app_id", `no app "nobody"`))
	}
	for _, args := range [][]string{{"list", "nobody"}, {"show", "nobody", "e1"}, {"replay", "nobody", "--all"}, {"discard", "nobody", "e1"}} {
		got := p.run(t, "", append([]string{"deadletter"}, args...)...)
		if got.exit != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, "The services are gateway, ") {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, got.exit, got.stdout, got.stderr)
		}
	}
}

// A page of which all are gone is empty and not the last.
func TestDeadLetterPageOfGone(t *testing.T) {
	p := newPlatform(t)
	p.letters = newRack(3)
	p.letters.gone = map[string]bool{"n3": true, "n2": true}
	got := p.run(t, "", "deadletter", "list", "notification", "--page-size", "2")
	if got.exit != exitOK || !strings.HasPrefix(got.stdout, "No dead letters are left on this page.\n\nThere are more: ") {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
}

func TestDeadLetterReplayFails(t *testing.T) {
	p := newPlatform(t)
	args := []string{"deadletter", "replay", "notification", "e3.booked", "e2\x1b[2J", "e3.booked"}
	got := p.run(t, "", args...)
	if want := "seaport: 1 dead letter not handled\nThey stay. \"seaport deadletter show notification ID\" shows one, the log of the service says more.\n"; got.exit != exitFailed || got.stderr != want {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	golden(t, "deadletter-replay-fails", got.stdout)

	got = p.run(t, "", append(args, "--output", "json")...)
	if got.exit != exitFailed || !json.Valid([]byte(got.stderr)) {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	golden(t, "deadletter-replay-fails-json", got.stdout)
}

// takeAll are the ids that --all is about on a rack of 250 letters, on which one comes with each of the
// first two calls, in the order of a command that goes from the newest to the oldest and then anew.
func takeAll() (rack *letterRack, order []string) {
	rack = newRack(250)
	rack.arriving = []string{"late1", "late2"}
	for n := 250; n > 0; n-- {
		order = append(order, "n"+strconv.Itoa(n))
	}
	return rack, append(order, "late2", "late1")
}

func TestDeadLetterReplayAll(t *testing.T) {
	p := newPlatform(t)
	rack, order := takeAll()
	rack.stubborn = []string{"n249", "n1"}
	p.letters = rack
	got := p.run(t, "", "deadletter", "replay", "notification", "--all")
	if got.exit != exitFailed || !strings.HasPrefix(got.stderr, "seaport: 2 dead letters not handled\n") {
		t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
	}
	if !strings.HasPrefix(got.stdout, "n250: handled\nn249: not handled: stubborn\n") || !strings.HasSuffix(got.stdout, "\n\n250 of 252 dead letters handled.\n") {
		t.Errorf("stdout %q", got.stdout)
	}
	if !slices.Equal(rack.taken, order) || rack.largest != mostLetters {
		t.Errorf("replayed, at most %d a call: %v", rack.largest, rack.taken)
	}
}

func TestDeadLetterDiscardAll(t *testing.T) {
	p := newPlatform(t)
	rack, order := takeAll()
	p.letters = rack
	got := p.run(t, "", "deadletter", "discard", "notification", "--all", "--yes")
	if got.exit != exitOK || got.stdout != "Discarded 252 dead letters.\n" || got.stderr != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
	}
	if !slices.Equal(rack.taken, order) || rack.largest != mostLetters {
		t.Errorf("discarded, at most %d a call: %v", rack.largest, rack.taken)
	}
}

func TestDeadLettersByIDs(t *testing.T) {
	ids := slices.Clone(newRack(250).places)
	for _, action := range []string{"replay", "discard"} {
		t.Run(action, func(t *testing.T) {
			p := newPlatform(t)
			p.letters = newRack(250)
			got := p.run(t, "", append([]string{"deadletter", action, "notification", "n1"}, ids...)...)
			if got.exit != exitOK {
				t.Errorf("exit %d, stderr %q", got.exit, got.stderr)
			}
			if !slices.Equal(p.letters.taken, ids) || p.letters.largest != mostLetters {
				t.Errorf("at most %d a call: %v", p.letters.largest, p.letters.taken)
			}
		})
	}
}

// What was done before a call failed is told.
func TestDeadLettersBreakOff(t *testing.T) {
	tests := []struct {
		args []string
		good int // calls before the one that fails
		want string
	}{
		{[]string{"replay"}, 1, "\n100 of 100 dead letters handled.\n"},
		{[]string{"discard", "--yes"}, 1, "Discarded 100 dead letters.\n"},
		{[]string{"replay"}, 0, ""},
		{[]string{"discard", "--yes"}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.args[0], tt.good), func(t *testing.T) {
			args := append(append([]string{"deadletter"}, tt.args...), "notification", "--all")
			broken := func() *platform {
				p := newPlatform(t)
				p.letters = newRack(250)
				good := tt.good
				p.letters.fail = func() error {
					if good--; good < 0 {
						return status.Error(codes.Internal, "broken")
					}
					return nil
				}
				return p
			}
			got := broken().run(t, "", args...)
			if got.exit != exitFailed || !strings.HasSuffix(got.stdout, tt.want) || tt.want == "" && got.stdout != "" || !strings.HasPrefix(got.stderr, "seaport: broken (INTERNAL)\n") {
				t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
			}
			got = broken().run(t, "", append(args, "-o", "json")...)
			if got.exit != exitFailed || !json.Valid([]byte(got.stdout)) || !json.Valid([]byte(got.stderr)) {
				t.Errorf("exit %d, stdout %q, stderr %q", got.exit, got.stdout, got.stderr)
			}
		})
	}
}

func TestDeadLettersUnavailable(t *testing.T) {
	quickly(t)
	for _, args := range [][]string{
		{"list", "notification"}, {"show", "notification", "e1"}, {"replay", "notification", "e1"}, {"discard", "notification", "e1"},
	} {
		p := newPlatform(t)
		p.fail = func(string) error {
			p.fail = nil
			return status.Error(codes.Unavailable, "the notification service is away")
		}
		got := p.run(t, "", append([]string{"deadletter"}, args...)...)
		if sent := len(p.received()); got.exit != exitOK || sent != 2 {
			t.Errorf("%v: exit %d after %d calls, stderr %q", args, got.exit, sent, got.stderr)
		}
	}
}

func TestReplayResultsThatDoNotFit(t *testing.T) {
	for _, ids := range [][]string{{}, {"a"}, {"b", "a"}, {"a", "b", "c"}} {
		r := &replayReport{s: &session{stdout: &strings.Builder{}}}
		var results []*opsv1.ReplayResult
		for _, id := range ids {
			results = append(results, &opsv1.ReplayResult{Id: id, Handled: true})
		}
		if err := r.add([]string{"a", "b"}, results); err == nil {
			t.Errorf("%v: no error", ids)
		}
	}
}

func TestDeadLetterPayload(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"JSON", " {\"a\":1}\r\n", "\n{\n  \"a\": 1\n}\n"},
		{"no text", "\"\xff\"", "not JSON; here in base64\n\nIv8i\n"}, // as JSON it would lose the byte
		{"text", "a: 1", "4 bytes, not JSON; here in base64\n\nYTogMQ==\n"},
		{"spaces", " \n", "2 bytes, not JSON; here in base64\n\nIAo=\n"},
		{"nothing", "", " 0 bytes\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if err := writeDeadLetter(&out, &opsv1.DeadLetter{Data: []byte(tt.data)}); err != nil || !strings.HasSuffix(out.String(), tt.want) {
				t.Errorf("%v, %q", err, out.String())
			}
		})
	}
}
