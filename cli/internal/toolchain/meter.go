package toolchain

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// meter shows how far a build is. It is fed with the output of go build -v: a line a package compiled,
// and go's messages about downloads.
type meter struct {
	out      io.Writer
	terminal bool
	name     string

	mu       sync.Mutex
	begun    time.Time
	partial  []byte
	compiled int
	fetched  int
	lines    []string // the last ones
	quit     chan struct{}
	stopped  chan struct{}
}

const (
	keptLines    = 40
	plainEvery   = 30 * time.Second
	refreshEvery = time.Second
)

func newMeter(out io.Writer, terminal bool, name string) *meter {
	return &meter{out: out, terminal: terminal, name: name, quit: make(chan struct{}), stopped: make(chan struct{})}
}

func (m *meter) begin() {
	m.begun = time.Now()
	every := plainEvery
	if m.terminal {
		every = refreshEvery
	}
	go func() {
		defer close(m.stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-m.quit:
				return
			case <-ticker.C:
				m.show()
			}
		}
	}()
}

func (m *meter) end(built bool) {
	close(m.quit)
	<-m.stopped
	if m.terminal {
		fmt.Fprint(m.out, "\r\x1b[K")
	}
	if built {
		fmt.Fprintf(m.out, "%s: built in %s\n", m.name, m.elapsed())
	}
}

func (m *meter) show() {
	m.mu.Lock()
	defer m.mu.Unlock()
	line := fmt.Sprintf("%s: %s, %d packages compiled", m.name, m.elapsed(), m.compiled)
	if m.fetched > 0 {
		line += fmt.Sprintf(", %d modules downloaded", m.fetched)
	}
	if m.terminal {
		fmt.Fprintf(m.out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(m.out, line)
}

func (m *meter) elapsed() time.Duration { return time.Since(m.begun).Round(time.Second) }

// Write takes the output of go build.
func (m *meter) Write(data []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.partial = append(m.partial, data...)
	for {
		line, rest, whole := bytes.Cut(m.partial, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		m.partial = rest
		m.take(string(line))
	}
}

func (m *meter) take(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		m.fetched++
	case !strings.Contains(line, " ") && !strings.HasPrefix(line, "#"):
		m.compiled++
	default:
		if len(m.lines) == keptLines {
			m.lines = m.lines[1:]
		}
		m.lines = append(m.lines, line)
	}
}

// tail is what go build said besides its progress: its errors.
func (m *meter) tail() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(append(m.lines, string(m.partial)), "\n")
}
