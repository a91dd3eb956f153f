package importing

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"seaport.example/cli/internal/orderfile"
)

// Report is the file of the lines that were refused, in the form of the import: it can be imported again, once they
// are corrected. It is made with the first of them.
type Report struct {
	Path string // empty: there is none
	File *orderfile.File
	// Code is how a code is written.
	Code func(codes.Code) string

	size int64
	file *os.File
	out  *bufio.Writer
}

// Resume cuts off what the report has about lines of which the journal does not know. A report that is shorter than
// that was changed; what is left of it stays.
func (r *Report) Resume(size int64) error {
	if r.Path == "" || size == 0 {
		return nil
	}
	if err := r.open(os.O_RDWR | os.O_CREATE); err != nil {
		return err
	}
	info, err := r.file.Stat()
	if err != nil {
		return r.failed(err)
	}
	size = min(size, info.Size())
	if err := r.file.Truncate(size); err != nil {
		return r.failed(err)
	}
	if _, err := r.file.Seek(size, io.SeekStart); err != nil {
		return r.failed(err)
	}
	r.size = size
	if size == 0 {
		return r.begin()
	}
	return nil
}

// Written says whether there is a report.
func (r *Report) Written() bool { return r.size > 0 }

func (r *Report) open(flags int) (err error) {
	if r.file, err = os.OpenFile(r.Path, flags, 0o600); err != nil {
		return r.failed(err)
	}
	r.out = bufio.NewWriter(r.file)
	return nil
}

func (r *Report) failed(err error) error {
	return fmt.Errorf("writing the report of refused lines: %w", err)
}

// begin writes what comes before the first line.
func (r *Report) begin() error {
	if r.File.Format() != orderfile.CSV {
		return nil
	}
	return r.record(r.File.RefusedHeader())
}

// add reports a line.
func (r *Report) add(e *entry, refusal *Refusal) error {
	if r.Path == "" {
		return nil
	}
	if r.file == nil {
		if err := r.open(os.O_WRONLY | os.O_CREATE | os.O_TRUNC); err != nil {
			return err
		}
		if err := r.begin(); err != nil {
			return err
		}
	}
	about := orderfile.Refused{Number: e.line.Number, Field: refusal.Field, Code: r.Code(refusal.Code), Reason: refusal.Reason}
	request := "" // only where the line must not be booked as another
	if refusal.doubtful() {
		request = e.order.GetRequestId()
	}
	if r.File.Format() == orderfile.CSV {
		return r.record(r.File.RefusedRecord(e.line, about, request))
	}
	about.Wrap(e.line)
	if request != "" {
		order, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(e.order)
		if err != nil {
			return r.failed(err)
		}
		about.Order = order
	}
	data, err := json.Marshal(about)
	if err != nil {
		return r.failed(err)
	}
	return r.write(append(data, '\n'))
}

// record writes a record of CSV.
func (r *Report) record(cells []string) error {
	var text bytes.Buffer
	out := csv.NewWriter(&text)
	_ = out.Write(cells) // it ends in the buffer
	out.Flush()
	return r.write(text.Bytes())
}

func (r *Report) write(data []byte) error {
	if _, err := r.out.Write(data); err != nil {
		return r.failed(err)
	}
	r.size += int64(len(data))
	return nil
}

// sync puts what was reported on the disk and returns how long the report is.
func (r *Report) sync() (int64, error) {
	if r.file == nil {
		return r.size, nil
	}
	if err := errors.Join(r.out.Flush(), r.file.Sync()); err != nil {
		return 0, r.failed(err)
	}
	return r.size, nil
}

// Close closes the report.
func (r *Report) Close() error {
	if r.file == nil {
		return nil
	}
	if err := errors.Join(r.out.Flush(), r.file.Close()); err != nil {
		return r.failed(err)
	}
	r.file = nil
	return nil
}
