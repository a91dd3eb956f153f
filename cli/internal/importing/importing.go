// Package importing books the orders of a file over one stream of calls, and keeps in a journal how far it came, so
// that an import that broke off goes on without booking anything twice.
package importing

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"seaport.example/cli/internal/orderfile"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// Config is an import.
type Config struct {
	File   *orderfile.File
	Client consignmentv1.ShippingServiceClient // nil: orders are only checked
	// Journal is where it goes on, and where it is kept how far it came.
	Journal *Journal
	Report  *Report
	// Timeout is how long to wait for the next result while lines are under way.
	Timeout time.Duration
	// Pause is how long to wait before the first repeat; it doubles with each.
	Pause time.Duration
	// Progress is called several times a second; Retrying before a repeat, with the error and its number.
	Progress func(Progress)
	Retrying func(err error, attempt, of int)
}

// Progress is how far an import came. Its counts include those from before it was resumed.
type Progress struct {
	Counts

	From    int64         // the offset in the file that this run began at
	Offset  int64         // of what comes after the last line with a result
	Elapsed time.Duration // of this run
	Run     int64         // lines that got a result in this run
}

// Run imports the file, from where its journal says. It returns how far it came also with an error; the journal then
// has as much. Whatever the error is, the import can go on from there.
//
// When ctx ends, no more lines are sent, and results of those under way are waited for a few seconds. The error is
// that of ctx, an error of the file, or the last one of the service.
func Run(ctx context.Context, c Config) (Progress, error) {
	r := &run{Config: c, began: time.Now(), digest: sha256.New()}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	r.input = make(chan *entry, messageLines)
	go r.read(reading, r.Journal.Last)
	if err := r.skip(ctx); err != nil {
		return r.progress(), err
	}
	r.from = r.offset
	if err := r.checkpoint(); err != nil {
		return r.progress(), err
	}
	err := r.work(ctx)
	if keepErr := r.checkpoint(); keepErr != nil {
		err = errors.Join(keepErr, err)
	}
	return r.progress(), err
}

// run is an import under way. All of it belongs to the one goroutine that calls work, but for what the reader has.
type run struct {
	Config

	began             time.Time
	digest            hash.Hash // of all lines with a result
	offset            int64
	from              int64       // the offset that this run begins at
	settled           int64       // lines that got a result in this run
	answers, bookings int64       // of the service in this run, those that are no result for good left out
	input             chan *entry // closed after the last line
	unread            error       // why the file could not be read to its end; read once input is closed

	window window
	ended  bool // input is closed, and empty
}

// ErrOther says that a file is not the one that the journal is about.
var ErrOther = errors.New("is not the file that was being imported: its lines up to where the import broke off have changed")

// skip passes over the lines that have a result already, and makes sure that they are still the same.
func (r *run) skip(ctx context.Context) error {
	for {
		select {
		case e, ok := <-r.input:
			switch {
			case ok && e.line.Number <= r.Journal.Last:
				r.note(e.line)
				continue
			case !ok && r.unread != nil:
				return r.unread
			case r.Journal.Digest != "" && r.Journal.Digest != r.sum():
				return ErrOther
			}
			r.take(e, ok)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// note adds a line to those that have a result.
func (r *run) note(l orderfile.Line) {
	var head [16]byte
	binary.BigEndian.PutUint64(head[:], uint64(l.Number)) //nolint:gosec // above zero
	binary.BigEndian.PutUint64(head[8:], uint64(len(l.Text)))
	r.digest.Write(head[:])
	r.digest.Write(l.Text)
	r.offset = l.End
}

func (r *run) sum() string { return hex.EncodeToString(r.digest.Sum(nil)) }

// read hands on the lines of the file; those up to the last that has a result need no order. It closes input at their
// end, but not when ctx ends: there are more then. A read cannot be broken off, so it is for a goroutine of its own.
func (r *run) read(ctx context.Context, last int64) {
	for {
		l, err := r.File.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.unread = err
			}
			close(r.input)
			return
		}
		e := &entry{line: l}
		if l.Number > last {
			e = r.entry(l)
		}
		select {
		case r.input <- e:
		case <-ctx.Done():
			return
		}
	}
}

// entry reads the order of a line. It carries its request id from the beginning, the one that the service would make:
// then a report can tell it too.
func (r *run) entry(l orderfile.Line) *entry {
	e := &entry{line: l}
	order, fault := r.File.Order(l)
	if fault != nil {
		e.outcome = &outcome{refusal: &Refusal{Field: fault.Field, Reason: fault.Reason, Code: invalid}}
		return e
	}
	if order.GetRequestId() == "" {
		order.RequestId = fmt.Sprintf("%s/%d", r.Journal.ImportID, l.Number)
	}
	e.order, e.size = order, proto.Size(order)
	return e
}

// checkpoint keeps how far the import came: the report first, because the journal says how long it is.
func (r *run) checkpoint() error {
	if err := r.Report.sync(r.Journal); err != nil {
		return err
	}
	r.Journal.Digest = r.sum()
	return r.Journal.write()
}

func (r *run) progress() Progress {
	return Progress{Counts: r.Journal.Counts, From: r.from, Offset: r.offset, Elapsed: time.Since(r.began), Run: r.settled}
}
