package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Console is the terminal or pipe that all processes share. Every line begins with the name of the process
// it is from.
type Console struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
	width  int
}

// NewConsole writes to out. Width is that of the longest name. Colour tells names apart by colour.
func NewConsole(out io.Writer, width int, colour bool) *Console {
	return &Console{out: out, width: width, colour: colour}
}

// palette are the ANSI colours a name may get: all but black, white and red, which means trouble.
var palette = []int{36, 32, 35, 34, 33, 96, 92, 95, 94, 93}

// Println writes one line in the name of name.
func (c *Console) Println(name, line string) {
	prefix := fmt.Sprintf("%-*s | ", c.width, name)
	if c.colour {
		// The replicas of an app and its sidecars have the app's colour.
		app, _, _ := strings.Cut(name, "#")
		app, _, _ = strings.Cut(app, ".")
		sum := 0
		for _, letter := range app {
			sum = sum*31 + int(letter)
		}
		prefix = fmt.Sprintf("\x1b[%dm%s\x1b[0m", palette[((sum%len(palette))+len(palette))%len(palette)], prefix)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.WriteString(c.out, prefix+line+"\n")
}

// Output takes what one process writes: all of it goes to its log file, what Filter lets through to the
// console.
type Output struct {
	name    string
	console *Console
	file    io.WriteCloser
	filter  Filter

	mu      sync.Mutex
	partial []byte
	tail    []string
}

// Filter decides what of a line is shown, if anything.
type Filter func(line string) (shown string, show bool)

const (
	longestLine = 64 << 10 // bytes; a longer one is cut into several
	tailLines   = 15
)

// NewOutput makes the Output of the process name with its log in folder. The log of the run before is kept
// beside it as <name>.previous.log.
func NewOutput(name, folder string, console *Console, filter Filter) (*Output, error) {
	path := filepath.Join(folder, name+".log")
	if err := os.Rename(path, filepath.Join(folder, name+".previous.log")); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("keeping the log of the run before: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	return &Output{name: name, console: console, file: file, filter: filter}, nil
}

// Write never fails: a full disk must not take the process down that writes a log line.
func (o *Output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = o.file.Write(data)
	o.partial = append(o.partial, data...)
	for {
		end := bytes.IndexByte(o.partial, '\n')
		if end < 0 && len(o.partial) < longestLine {
			return len(data), nil
		}
		if end < 0 || end > longestLine {
			end = longestLine
			o.line(string(o.partial[:end]))
			o.partial = o.partial[end:]
			continue
		}
		o.line(string(o.partial[:end]))
		o.partial = o.partial[end+1:]
	}
}

// Flush shows a last line that has no end.
func (o *Output) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.line(string(o.partial))
		o.partial = nil
	}
}

// Tail is the last lines that were shown.
func (o *Output) Tail() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.tail...)
}

// Close closes the log file.
func (o *Output) Close() error {
	if err := o.file.Close(); err != nil {
		return fmt.Errorf("closing log of %s: %w", o.name, err)
	}
	return nil
}

func (o *Output) line(line string) {
	line = strings.TrimRight(line, "\r")
	shown, show := o.filter(line)
	if !show {
		return
	}
	if len(o.tail) == tailLines {
		o.tail = o.tail[1:]
	}
	o.tail = append(o.tail, shown)
	o.console.Println(o.name, shown)
}
