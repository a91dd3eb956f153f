package importing

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

const (
	// linger is how long a message waits for more lines.
	linger = 20 * time.Millisecond
	// grace is how long an interrupted import waits for the results of what is under way.
	grace           = 5 * time.Second
	progressEvery   = 200 * time.Millisecond
	checkpointEvery = time.Second
)

// pass is one stream of an import.
type pass struct {
	*run

	messages chan *consignmentv1.ImportConsignmentsRequest // closed when no more is sent
	results  chan *consignmentv1.ImportConsignmentsResponse
	over     chan error // the stream has ended; nil: with all results

	next    *consignmentv1.ImportConsignmentsRequest // message; nil: there is none to be sent yet
	begun   bool                                     // a message was sent
	closed  bool                                     // messages is
	stopped bool                                     // interrupted
	again   bool                                     // a line is to be sent again, on another stream
	hurry   bool                                     // lines have lingered
}

// pass sends lines on one stream and takes their results, until all have one, some are to be sent again, the stream
// breaks, or ctx ends. Its error is why the stream broke.
func (r *run) pass(ctx context.Context) error {
	r.window.rewind()
	streaming, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &pass{
		run:      r,
		messages: make(chan *consignmentv1.ImportConsignmentsRequest),
		results:  make(chan *consignmentv1.ImportConsignmentsResponse),
		over:     make(chan error, 1),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.over <- p.carry(streaming)
	}()
	err := p.turn(ctx, cancel)
	cancel(nil)
	<-done
	if cause := context.Cause(streaming); status.Code(cause) == codes.DeadlineExceeded {
		return cause
	}
	return err
}

// carry opens a stream, and passes messages and results between it and the pass. It ends with the stream.
func (p *pass) carry(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := p.Client.ImportConsignments(ctx)
	if err != nil {
		cancel()
		return err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		p.send(ctx, stream)
	}()
	defer func() {
		cancel()
		<-sent
	}()
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case p.results <- resp:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *pass) send(ctx context.Context, stream consignmentv1.ShippingService_ImportConsignmentsClient) {
	for {
		select {
		case message, more := <-p.messages:
			if !more {
				_ = stream.CloseSend() // Recv tells
				return
			}
			if stream.Send(message) != nil {
				return // Recv tells why
			}
		case <-ctx.Done():
			return
		}
	}
}

// turn is the loop of a pass.
func (p *pass) turn(ctx context.Context, cancel context.CancelCauseFunc) error {
	timers := newTimers(p.Timeout)
	defer timers.stop()
	interrupted := ctx.Done()
	for {
		if p.stopped && len(p.window.awaited) == 0 {
			return nil
		}
		p.prepare()
		select {
		case e, ok := <-p.reading():
			if p.take(e, ok); len(p.window.unsent) == 1 {
				timers.linger.Reset(linger)
			}
			if err := p.advance(); err != nil {
				return err
			}
		case p.sending() <- p.next:
			p.window.sent(len(p.next.GetLines()))
			p.begun, p.hurry, p.next = true, false, nil
			timers.late.Reset(p.Timeout)
			timers.linger.Reset(linger)
		case resp := <-p.results:
			timers.late.Reset(p.Timeout)
			if err := p.answer(resp); err != nil {
				return err
			}
		case err := <-p.over:
			if err == nil && (len(p.window.awaited) > 0 || !p.closed) { // else the next one would be opened at once
				err = status.Error(codes.Unavailable, "the server ended the import before it answered every line")
			}
			return err
		case <-timers.linger.C:
			p.hurry = len(p.window.unsent) > 0
		case <-timers.late.C:
			if len(p.window.awaited) > 0 || p.next != nil || p.closed {
				cancel(status.Errorf(codes.DeadlineExceeded, "no result came for %s", p.Timeout))
				continue
			}
			timers.late.Reset(p.Timeout) // it is the input that is slow
		case <-interrupted:
			interrupted, p.stopped = nil, true
			timers.grace.Reset(grace)
		case <-timers.grace.C:
			cancel(ctx.Err())
		case <-timers.progress.C:
			p.Progress(p.progress())
		case <-timers.checkpoint.C:
			if err := p.checkpoint(); err != nil {
				return &ownError{err}
			}
		}
	}
}

// reading is where the next line comes from; nil while none is to be read.
func (p *pass) reading() <-chan *entry {
	if p.noMore() || p.ended || p.window.full() {
		return nil
	}
	return p.input
}

// sending is where the next message goes; nil while there is none.
func (p *pass) sending() chan<- *consignmentv1.ImportConsignmentsRequest {
	if p.next == nil {
		return nil
	}
	return p.messages
}

// noMore says that nothing more is read and sent on this stream.
func (p *pass) noMore() bool { return p.stopped || p.again }

// prepare makes the next message, if it is time for it. When no more lines are to come, it tells the server.
func (p *pass) prepare() {
	if p.closed {
		return
	}
	if p.noMore() || p.ended && len(p.window.unsent) == 0 {
		p.closed, p.next = true, nil
		close(p.messages)
		return
	}
	n, filled := p.window.message()
	if p.next != nil || n == 0 || !filled && !p.hurry && !p.ended {
		return
	}
	p.next = &consignmentv1.ImportConsignmentsRequest{Mail: p.Journal.Mail}
	if !p.begun {
		p.next.ImportId = p.Journal.ImportID
	}
	for _, e := range p.window.unsent[:n] {
		p.next.Lines = append(p.next.Lines, &consignmentv1.ImportLine{Number: e.line.Number, Order: e.order})
	}
}

// answer takes results, which must be those of the lines awaited, in their order.
func (p *pass) answer(resp *consignmentv1.ImportConsignmentsResponse) error {
	for _, result := range resp.GetResults() {
		if len(p.window.awaited) == 0 || p.window.awaited[0].line.Number != result.GetNumber() {
			return strange("a result of line %d came out of turn", result.GetNumber())
		}
		e := p.window.awaited[0]
		p.window.awaited = p.window.awaited[1:]
		switch what := result.GetResult().(type) {
		case *consignmentv1.ImportResult_Consignment:
			e.outcome = &outcome{}
			p.bookings++
		case *consignmentv1.ImportResult_Failure:
			refusal := refusalOf(what.Failure, p.File.Format())
			if refusal.Code == codes.Unavailable {
				e.tries, e.again, p.again = e.tries+1, refusal, true
				continue
			}
			e.outcome = &outcome{refusal: refusal}
		default:
			return strange("the result of line %d says nothing", result.GetNumber())
		}
		p.answers++
	}
	return p.advance()
}

// timers is what a pass waits for besides.
type timers struct {
	linger, late, grace  *time.Timer
	progress, checkpoint *time.Ticker
}

func newTimers(timeout time.Duration) *timers {
	t := &timers{
		linger:     time.NewTimer(linger),
		late:       time.NewTimer(timeout),
		grace:      time.NewTimer(grace),
		progress:   time.NewTicker(progressEvery),
		checkpoint: time.NewTicker(checkpointEvery),
	}
	t.grace.Stop()
	return t
}

func (t *timers) stop() {
	t.linger.Stop()
	t.late.Stop()
	t.grace.Stop()
	t.progress.Stop()
	t.checkpoint.Stop()
}
