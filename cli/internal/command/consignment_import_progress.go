package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"seaport.example/cli/internal/importing"
)

// importDisplay shows how an import goes on: a bar that moves on a terminal, else a line now and then. With --output
// json it shows nothing: a script reads one JSON object from stderr, if anything.
type importDisplay struct {
	s     *session
	out   io.Writer
	moves bool
	size  int64 // of the file in bytes; 0: not known

	shown time.Time // when a line was printed last
	drawn bool      // a bar is on the terminal
}

// lineEvery is how often a line is printed where nothing can move.
const lineEvery = 10 * time.Second

func newImportDisplay(s *session, size int64) *importDisplay {
	return &importDisplay{s: s, out: s.stderr, moves: isTerminal(s.stderr), size: size, shown: time.Now()}
}

// show draws the progress.
func (d *importDisplay) show(p importing.Progress) {
	switch {
	case d.s.format() == outputJSON:
	case d.moves:
		bar := d.bar(p)
		fmt.Fprintf(d.out, "\r%s\x1b[K", bar[:min(len(bar), d.columns()-1)])
		d.drawn = true
	case time.Since(d.shown) >= lineEvery:
		fmt.Fprintln(d.out, "seaport: "+d.counts(p))
		d.shown = time.Now()
	}
}

// retrying says that the import does not get on, and why.
func (d *importDisplay) retrying(err error, attempt, of int) {
	if d.s.format() == outputJSON {
		return
	}
	d.clear()
	if !d.s.connected.Load() {
		d.s.sayRetry(attempt, of)
		return
	}
	why := err.Error()
	if st, ok := callStatus(err); ok {
		why = fmt.Sprintf("%s (%s)", transportCause(st.Message()), statusName(st.Code()))
	}
	fmt.Fprintf(d.out, "seaport: %s; trying again (%d of %d)\n", visible(why), attempt, of)
}

// finish leaves the terminal as it was.
func (d *importDisplay) finish() { d.clear() }

func (d *importDisplay) clear() {
	if d.drawn {
		fmt.Fprint(d.out, "\r\x1b[K")
		d.drawn = false
	}
}

// columns is the width of the terminal: a longer line would break, and stay there.
func (d *importDisplay) columns() int {
	if file, ok := d.s.stderr.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 1 {
			return width
		}
	}
	return 80
}

// barWidth is the length of the bar, in characters.
const barWidth = 24

// bar returns a line in ASCII.
func (d *importDisplay) bar(p importing.Progress) string {
	if d.size <= 0 {
		return d.counts(p)
	}
	done := min(1, float64(p.Offset)/float64(d.size))
	full := int(done * barWidth)
	bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
	return fmt.Sprintf("[%s] %3.0f%%  %s%s", bar, 100*done, d.counts(p), d.remaining(p))
}

// counts returns "120 booked, 3 refused, 240/s".
func (d *importDisplay) counts(p importing.Progress) string {
	return fmt.Sprintf("%d booked, %d refused, %.0f/s", p.Booked, p.Refused, perSecond(p.Run, p.Elapsed))
}

// remaining returns ", 1m20s left"; empty when that cannot be told.
func (d *importDisplay) remaining(p importing.Progress) string {
	did := p.Offset - p.From
	if did <= 0 || p.Elapsed < time.Second {
		return ""
	}
	left := time.Duration(float64(p.Elapsed) * float64(d.size-p.Offset) / float64(did))
	return fmt.Sprintf(", %s left", left.Round(time.Second))
}
