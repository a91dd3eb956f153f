package importing

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
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

	size   int64
	digest hash.Hash // of what was written
	file   *os.File
	out    *bufio.Writer
}

// ErrReportChanged says that a report is not as its import left it.
var ErrReportChanged = errors.New("was changed since the import broke off")

// Resume cuts off what the report has about lines of which the journal does not know. One that is gone, or empty, is
// begun anew. One whose other lines were changed is left alone, with ErrReportChanged: in it, nobody can tell any more
// where those lines end.
func (r *Report) Resume(j *Journal) error {
	if r.Path == "" || j.ReportSize == 0 {
		return nil
	}
	if err := r.open(os.O_RDWR | os.O_CREATE); err != nil {
		return err
	}
	info, err := r.file.Stat()
	if err != nil {
		return r.failed(err)
	}
	if info.Size() == 0 {
		return r.begin()
	}
	if _, err := io.CopyN(r.digest, r.file, j.ReportSize); err != nil && !errors.Is(err, io.EOF) {
		return r.failed(err)
	}
	if r.sum() != j.ReportDigest {
		return errors.Join(ErrReportChanged, r.file.Close())
	}
	if err := r.file.Truncate(j.ReportSize); err != nil {
		return r.failed(err)
	}
	r.size = j.ReportSize
	return nil
}

func (r *Report) sum() string { return hex.EncodeToString(r.digest.Sum(nil)) }

// Written says whether there is a report.
func (r *Report) Written() bool { return r.size > 0 }

func (r *Report) open(flags int) (err error) {
	if r.file, err = os.OpenFile(r.Path, flags, 0o600); err != nil {
		return r.failed(err)
	}
	r.out, r.digest = bufio.NewWriter(r.file), sha256.New()
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
	r.digest.Write(data)
	r.size += int64(len(data))
	return nil
}

// sync puts what was reported on the disk and notes in the journal what that is.
func (r *Report) sync(j *Journal) error {
	if r.file == nil {
		return nil
	}
	if err := errors.Join(r.out.Flush(), r.file.Sync()); err != nil {
		return r.failed(err)
	}
	j.ReportSize, j.ReportDigest = r.size, r.sum()
	return nil
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
