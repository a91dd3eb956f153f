package rpc

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/failure"
)

const (
	// patience is how long a watch that has not begun waits for the service, as other calls do.
	patience = 5 * time.Second
	// longestPause is between two attempts to go on with a watch.
	longestPause = 2 * time.Second
	// silence is after how long without a sign of life, of which there are several, a watch goes on anew.
	silence = 45 * time.Second
)

// WatchConsignments passes a watch on. When the service behind it ends it because it stops, or something
// between breaks, it goes on from the last event; the caller does not notice.
func (s *shipping) WatchConsignments(req *consignmentv1.WatchConsignmentsRequest, stream grpc.ServerStreamingServer[consignmentv1.WatchConsignmentsResponse]) error {
	stops := failure.Unavailable(nil, "the gateway stops; watch again with the last event_id")
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	defer context.AfterFunc(s.stopping, func() { cancel(stops) })()

	w := &watch{client: s.client, customer: req.GetCustomerId(), last: req.GetLastEventId(), stream: stream}
	began, pause := time.Now(), 50*time.Millisecond
	for {
		passed := w.passed
		err := w.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case w.gone != nil:
			return w.gone
		case !broken(err), !w.begun && time.Since(began) > patience:
			return err
		case w.passed > passed+1: // more than that it begins
			pause = 50 * time.Millisecond
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // parts those who come back, guards nothing
		case <-ctx.Done():
		}
		pause = min(2*pause, longestPause)
	}
}

// broken says whether a watch ended for a reason that passes.
func broken(err error) bool {
	code := status.Code(err)
	return errors.Is(err, io.EOF) || code == codes.Unavailable || code == codes.Canceled || code == codes.DeadlineExceeded
}

// watch is a watch that somebody asked the gateway for.
type watch struct {
	client   consignmentv1.ShippingServiceClient
	customer string
	last     string // event_id
	stream   grpc.ServerStreamingServer[consignmentv1.WatchConsignmentsResponse]

	begun  bool  // the caller was told so
	passed int   // answers
	gone   error // why the caller takes no more
}

// pass passes answers on until the service, or what is between, ends the watch, and returns why.
func (w *watch) pass(ctx context.Context) error {
	// The service is not told when the caller's token ends, since it knows, and says so better.
	behind, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	answers, err := w.client.WatchConsignments(behind, &consignmentv1.WatchConsignmentsRequest{CustomerId: w.customer, LastEventId: w.last})
	if err != nil {
		return err
	}
	for {
		dead := time.AfterFunc(silence, cancel)
		answer, err := answers.Recv()
		dead.Stop()
		if err != nil {
			return err
		}
		if err := w.take(answer); err != nil {
			w.gone = err
			return err
		}
	}
}

// take passes an answer on, unless it is only for the gateway: a sign of life, or that a watch begins
// again.
func (w *watch) take(answer *consignmentv1.WatchConsignmentsResponse) error {
	w.passed++
	if answer.GetWhat() != nil && (answer.GetStarted() == nil || !w.begun) {
		if err := w.stream.Send(answer); err != nil {
			return err
		}
	}
	w.begun, w.last = true, answer.GetEventId()
	return nil
}
