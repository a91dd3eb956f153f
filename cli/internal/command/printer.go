package command

import (
	"fmt"
	"io"
	"sync"
)

// printer is standard output. It remembers the first error, so that a command that does not look at what came of
// printing fails nevertheless.
type printer struct {
	to io.Writer

	mu  sync.Mutex
	err error
}

func (p *printer) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err // half a result is worse than its beginning
	}
	n, err := p.to.Write(data)
	if err != nil {
		p.err = &unprintedError{err}
	}
	return n, p.err
}

// failed returns the first error of printing; nil if all is printed.
func (p *printer) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// unprintedError is an error of standard output: a full disk, for instance.
type unprintedError struct{ err error }

func (e *unprintedError) Error() string { return "the result cannot be printed: " + e.err.Error() }
func (e *unprintedError) Unwrap() error { return e.err }

// did notes what the command changed. It is said if the result cannot be printed, since then nothing else tells.
func (s *session) did(format string, args ...any) {
	s.done = append(s.done, fmt.Sprintf(format, args...))
}
