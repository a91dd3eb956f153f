package importing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// maxTries is how often a line may be answered with UNAVAILABLE until it counts as refused.
	maxTries = 10
	// stubborn is how many such lines are the trouble of these lines; if there are more and nothing else is
	// booked, the platform is in trouble, and the import breaks off.
	stubborn = 10
	// longestPause bounds the pause between two streams.
	longestPause = 5 * time.Second
)

// work imports what is read, stream after stream, until every line has a result or it is no use to go on.
func (r *run) work(ctx context.Context) error {
	for strain := 0; ; {
		if err := r.await(ctx); err != nil {
			return err
		}
		if r.finished() {
			return r.unread
		}
		answers, bookings, tries := r.answers, r.bookings, 0
		err := r.pass(ctx)
		if err == nil && ctx.Err() == nil {
			tries, err = r.giveUpOn(r.bookings > bookings)
		}
		switch {
		case isOurs(err):
			return err
		case r.finished():
			return r.unread
		case ctx.Err() != nil:
			return ctx.Err()
		case r.answers > answers, len(r.window.entries) == 0:
			strain = 0
		}
		if err == nil || len(r.window.entries) == 0 {
			continue // nothing is to be sent again
		}
		strain++
		failed, of := strain, r.patience(err)
		if strain >= of {
			return err
		}
		if tries > strain {
			failed, of = tries, maxTries
		}
		if err := r.rest(ctx, err, failed, of); err != nil {
			return err
		}
	}
}

// finished says that every line of the file has a result.
func (r *run) finished() bool { return r.ended && len(r.window.entries) == 0 }

// await waits until there is a line to be sent: a stream that waits for the first would end with its access token.
func (r *run) await(ctx context.Context) error {
	r.window.rewind()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for len(r.window.unsent) == 0 && !r.ended {
		select {
		case e, ok := <-r.input:
			r.take(e, ok)
			if err := r.advance(); err != nil {
				return err
			}
		case <-tick.C:
			r.Progress(r.progress())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// giveUpOn decides about lines that were answered with UNAVAILABLE too often: they count as refused, unless there
// are many and nothing else was booked. It returns why the others are to be sent again, and how often the first of
// them was; nil if there are none.
func (r *run) giveUpOn(booked bool) (tries int, err error) {
	waiting := r.window.waiting()
	if booked || len(waiting) <= stubborn {
		for _, e := range waiting {
			if e.tries >= maxTries {
				e.outcome = &outcome{refusal: e.again}
			}
		}
		if err := r.advance(); err != nil {
			return 0, err
		}
		waiting = r.window.waiting()
	}
	if len(waiting) == 0 {
		return 0, nil
	}
	first := waiting[0]
	unit := r.File.Format().Unit()
	return first.tries, status.Errorf(first.again.Code, "%s %d: %s", unit, first.line.Number, first.again.Reason)
}

// patience is how many streams in a row may end with the error and without a result until it is no use.
func (r *run) patience(err error) int {
	most := 10
	if r.answers == 0 { // perhaps there is no platform
		most = 4
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.Aborted, codes.ResourceExhausted:
		return most
	case codes.Internal, codes.Unknown, codes.DeadlineExceeded:
		return min(most, 4)
	case codes.Unauthenticated:
		if r.answers > 0 { // the access token ended; the next stream, or the one after, has another
			return 3
		}
	}
	return 1
}

// rest waits before the next stream, longer the more have failed, and as long as the service wishes.
func (r *run) rest(ctx context.Context, err error, failed, of int) error {
	pause := min(r.Pause<<(failed-1), longestPause)
	pause = pause*3/4 + rand.N(pause/2+1) //nolint:gosec // spreads load, guards nothing
	for _, detail := range status.Convert(err).Details() {
		if wish, ok := detail.(*errdetails.RetryInfo); ok {
			pause = max(pause, min(wish.GetRetryDelay().AsDuration(), time.Minute))
		}
	}
	r.Retrying(err, failed+1, of)
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take takes what the reader hands on.
func (r *run) take(e *entry, ok bool) {
	if !ok {
		r.ended = true
		return
	}
	if r.Client == nil && e.outcome == nil {
		e.outcome = &outcome{}
	}
	r.window.add(e)
}

// advance hands on the results of the lines at the front. A line that cannot be reported has none yet: it will be
// reported when the import goes on.
func (r *run) advance() error {
	for e := r.window.pop(); e != nil; e = r.window.pop() {
		if e.outcome.refusal != nil {
			if err := r.Report.add(e, e.outcome.refusal); err != nil {
				return &ownError{err}
			}
		}
		r.note(e.line)
		r.settled++
		r.Journal.Last = e.line.Number
		r.Journal.count(e.line.Number, e.outcome.refusal)
	}
	return nil
}

// ownError is an error on this side of the stream: the next stream would not do better.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

func isOurs(err error) bool {
	_, ours := errors.AsType[*ownError](err)
	return ours
}

// strange returns the error of an answer that is not to the contract.
func strange(format string, args ...any) error {
	return &ownError{status.Errorf(codes.Internal, "the server breaks the contract: %s", fmt.Sprintf(format, args...))}
}
