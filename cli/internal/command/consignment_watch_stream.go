package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"seaport.example/cli/internal/shell"
	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// watch watches consignments over as many streams as it takes, each of which goes on where the one before broke off.
type watch struct {
	s       *session
	client  consignmentv1.ShippingServiceClient
	printer *changePrinter
	req     *consignmentv1.WatchConsignmentsRequest // of the next stream: with the last event's id

	begun bool // whether anything ever came
	lost  bool // whether the connection is lost, and that was said
}

// longestPause is how much longer the pauses between attempts get, at most.
const longestPause = 16

// run watches until ctx ends, or a stream ends for a reason that does not go away.
func (w *watch) run(ctx context.Context) error {
	retry := defaultRetry
	for attempt := 1; ; attempt++ {
		heard, err := w.follow(ctx)
		if ctx.Err() != nil {
			return w.ended(ctx.Err())
		}
		if heard {
			attempt, retry = 1, defaultRetry
		}
		if !w.goesOn(err, heard, attempt) {
			return w.ended(err)
		}
		w.sayAttempt(err, attempt+1)
		select {
		case <-ctx.Done():
			return w.ended(ctx.Err())
		case <-time.After(retry.pause*3/4 + rand.N(retry.pause/2)): //nolint:gosec // spreads load, guards nothing
		}
		retry.pause = min(2*retry.pause, longestPause*defaultRetry.pause)
	}
}

// follow watches on one stream until it ends, and returns whether anything came and why it ended: what has no gRPC
// code is about the output.
func (w *watch) follow(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.client.WatchConsignments(ctx, proto.CloneOf(w.req))
	if err != nil {
		return false, err
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			return heard, endOf(ctx, err)
		}
		heard = true
		if err := w.take(resp); err != nil {
			return heard, err
		}
	}
}

// endOf returns why a stream ended. One that its own end did not cancel, and that has no end, was cut.
func endOf(ctx context.Context, err error) error {
	if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled && ctx.Err() == nil {
		return status.Error(codes.Unavailable, "Seaport ended the watch")
	}
	return err
}

// take prints what a watcher is told, and remembers how far it came: in this order, so that nothing is passed over.
func (w *watch) take(resp *consignmentv1.WatchConsignmentsResponse) error {
	w.begun = true
	if w.lost {
		w.lost = false
		w.say("connected again; nothing was missed")
	}
	var err error
	switch {
	case resp.GetStarted() != nil:
		err = w.printer.heading()
	case resp.GetChange() != nil:
		err = w.printer.change(resp)
	case resp.GetFellBehind() != nil:
		w.say("things happen faster than they are printed: about %d changes wait, and will come", resp.GetFellBehind().GetChanges())
	}
	if err != nil {
		return fmt.Errorf("print a change: %w", err)
	}
	if resp.GetEventId() != "" {
		w.req.LastEventId = resp.GetEventId()
	}
	return nil
}

// goesOn says whether it makes sense to open another stream after one that ended.
func (w *watch) goesOn(err error, heard bool, attempt int) bool {
	st, ok := callStatus(err)
	if !ok {
		return false
	}
	if !w.begun { // as any other command
		return st.Code() == codes.Unavailable && attempt < defaultRetry.attempts
	}
	switch st.Code() {
	case codes.Unauthenticated:
		return heard // the token ended; if the next one is refused, so is the caller
	case codes.InvalidArgument, codes.NotFound, codes.PermissionDenied, codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented:
		return false
	}
	return true
}

// sayAttempt tells, once, that the connection is lost; that a token ended is nobody's concern.
func (w *watch) sayAttempt(err error, attempt int) {
	switch {
	case !w.begun:
		w.s.sayRetry(attempt, defaultRetry.attempts)
	case !w.lost && status.Code(err) != codes.Unauthenticated:
		w.lost = true
		f := explain(err, w.s)
		w.say("lost the connection: %s; trying again until it is back", f.message)
	}
}

// say tells a person something; a script reads one JSON object from stderr, if anything.
func (w *watch) say(format string, args ...any) {
	if w.s.format() == outputJSON {
		return
	}
	fmt.Fprintf(w.s.stderr, "seaport: %s\n", visible(fmt.Sprintf(format, args...)))
}

// ended adds to an error how to go on later. What was asked for and never granted is no place to go on from.
func (w *watch) ended(err error) error {
	if !w.begun || w.req.GetLastEventId() == "" {
		return err
	}
	line := "seaport consignment watch"
	if w.req.GetCustomerId() != "" {
		line += " --customer " + shell.Word(w.req.GetCustomerId())
	}
	if w.s.server != w.s.usual {
		line += " --server " + shell.Word(w.s.server)
	}
	return &advisedError{err: err, next: "To go on from here: " + line + " --from " + shell.Word(w.req.GetLastEventId())}
}
