package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	userv1 "seaport.example/proto/seaport/user/v1"
)

// terminal returns the two ends of a new terminal: the person's and the program's.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// echoes says whether the terminal shows what is typed.
func echoes(t *testing.T, program *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// typist types an answer at the terminal after each prompt, once the terminal does not show it.
type typist struct {
	t               *testing.T
	person, program *os.File
	answers         []string
	interrupt       func() // instead of an answer that is missing

	mu   sync.Mutex
	text bytes.Buffer
}

func (y *typist) Write(p []byte) (int, error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if strings.HasSuffix(string(p), ": ") {
		go y.answer()
	}
	return y.text.Write(p)
}

func (y *typist) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.text.String()
}

func (y *typist) answer() {
	for echoes(y.t, y.program) {
		time.Sleep(time.Millisecond)
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.answers) == 0 {
		y.interrupt()
		return
	}
	_, _ = y.person.WriteString(y.answers[0] + "\n")
	y.answers = y.answers[1:]
}

func TestPrompts(t *testing.T) {
	create := []string{"user", "create", "--name", "New", "--email", "new@freight.example"}
	login := []string{"login", "--email", "new@freight.example"}
	tests := []struct {
		name    string
		args    []string
		answers []string // none: an interruption
		exit    int
		stderr  string
		sent    int
	}{
		{"log-in asks once", login, []string{"correct horse"}, exitOK, "Password: \n", 1},
		{"registration asks twice", create, []string{"correct horse", "correct horse"}, exitOK, "Password: \nThe same again: \n", 2},
		{"a slip", create, []string{"correct horse", "correct hose"}, exitBadInput, "Password: \nThe same again: \nseaport: the passwords differ\n", 0},
		{"nothing", create, []string{""}, exitBadInput, "Password: \nseaport: the password must not be empty\n", 0},
		{"interrupted", login, nil, exitInterrupted, "Password: \nseaport: interrupted\n", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t)
			person, program := terminal(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stderr := &typist{t: t, person: person, program: program, answers: tt.answers, interrupt: cancel}
			var stdout strings.Builder
			exit := Run(ctx, append(tt.args, "--server", p.address), program, &stdout, stderr)
			if exit != tt.exit || stderr.String() != tt.stderr || len(p.received()) != tt.sent {
				t.Errorf("exit %d, stdout %q, stderr %q, %d calls", exit, stdout.String(), stderr.String(), len(p.received()))
			}
			if !echoes(t, program) {
				t.Error("the terminal stays mute")
			}
			for _, req := range p.received() {
				if r, ok := req.(*userv1.CreateRequest); ok && r.GetPassword() != "correct horse" {
					t.Errorf("sent %q", r.GetPassword())
				}
			}
		})
	}
}

func TestReadLineIsInterrupted(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close() //nolint:errcheck // nothing was written
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readLine(ctx, reader); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
