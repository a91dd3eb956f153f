package freight

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
)

// Result is what came of an order.
type Result struct {
	Order  *consignmentv1.CreateConsignmentRequest
	Booked *consignmentv1.Consignment // nil when refused
	Err    error                      // of the last attempt
	Tries  int
	Began  time.Time // of the first attempt
	Ended  time.Time
}

// Callers book orders at the same time.
type Callers struct {
	Client  consignmentv1.ShippingServiceClient
	Count   int
	Timeout time.Duration // of one attempt; 0 means 20 s
	// Insist is how long a caller repeats an order that was answered with UNAVAILABLE or not in
	// time. Only orders with a request id are repeated.
	Insist time.Duration
}

// Book returns one result an order, in their order. It ends early with ctx.
func (c Callers) Book(ctx context.Context, orders []*consignmentv1.CreateConsignmentRequest) []Result {
	return c.Start(ctx, orders).Results()
}

// Work is bookings on their way.
type Work struct {
	results  []Result
	answered atomic.Int64
	callers  sync.WaitGroup
}

// Start is [Callers.Book] for those who do something meanwhile.
func (c Callers) Start(ctx context.Context, orders []*consignmentv1.CreateConsignmentRequest) *Work {
	w := &Work{results: make([]Result, len(orders))}
	var next atomic.Int64
	for range c.Count {
		w.callers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(orders)); i = next.Add(1) - 1 {
				w.results[i] = c.book(ctx, orders[i])
				w.answered.Add(1)
			}
		})
	}
	return w
}

// Answered waits until so many orders were answered.
func (w *Work) Answered(count int) {
	for w.answered.Load() < int64(min(count, len(w.results))) {
		time.Sleep(time.Millisecond)
	}
}

// Results waits for the last answer.
func (w *Work) Results() []Result {
	w.callers.Wait()
	return w.results
}

func (c Callers) book(ctx context.Context, order *consignmentv1.CreateConsignmentRequest) Result {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = 20 * time.Second
	}
	r := Result{Order: order, Began: time.Now()}
	for {
		r.Tries++
		attempt, cancel := context.WithTimeout(ctx, timeout)
		answer, err := c.Client.CreateConsignment(attempt, order)
		cancel()
		r.Booked, r.Err, r.Ended = answer.GetConsignment(), err, time.Now()
		again := status.Code(err) == codes.Unavailable || status.Code(err) == codes.DeadlineExceeded
		if !again || order.GetRequestId() == "" || time.Since(r.Began) > c.Insist || ctx.Err() != nil {
			return r
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// Split tells what was booked from what was refused.
func Split(results []Result) (booked, refused []Result) {
	for _, r := range results {
		if r.Err == nil {
			booked = append(booked, r)
		} else {
			refused = append(refused, r)
		}
	}
	return booked, refused
}
