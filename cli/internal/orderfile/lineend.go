package orderfile

import (
	"bufio"
	"bytes"
	"io"
)

// readOldLineEnds has a file be read as lines if all its lines end in a carriage return alone, as some
// programs for the Mac write them.
func (s *source) readOldLineEnds() {
	head, _ := s.in.Peek(s.in.Buffered())
	at := bytes.IndexByte(head, '\r')
	if at < 0 || at == len(head)-1 || bytes.IndexByte(head, '\n') >= 0 {
		return
	}
	s.in = bufio.NewReaderSize(&oldLineEnds{s.in}, MaxText)
}

// oldLineEnds is a reader that gives line feeds for carriage returns.
type oldLineEnds struct{ in io.Reader }

func (o *oldLineEnds) Read(p []byte) (int, error) {
	n, err := o.in.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
