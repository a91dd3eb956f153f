package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
)

// CallersPerConnection is how many callers share a connection: well below what servers allow at
// once on one of HTTP/2 (100 or 250 are usual limits).
const CallersPerConnection = 64

// Row is what was measured with one number of callers.
type Row struct {
	Callers  int
	Pings    Figures
	Bookings Figures
	Settle   Settle
}

// Settle is how long after the last answer of a slice of bookings all of them were confirmed.
type Settle struct {
	Slices    int // that were waited for to the end
	Mean, Max time.Duration
}

// RateRatio returns bookings/s over pings/s; 0 without pings.
func (r Row) RateRatio() float64 {
	if r.Pings.PerSecond == 0 {
		return 0
	}
	return r.Bookings.PerSecond / r.Pings.PerSecond
}

// MedianRatio returns the p50 of a booking over the p50 of a ping; 0 without pings.
func (r Row) MedianRatio() float64 {
	if r.Pings.Latency.P50 == 0 {
		return 0
	}
	return float64(r.Bookings.Latency.P50) / float64(r.Pings.Latency.P50)
}

// ConfirmedPerSecond returns bookings/s with the time counted in until all were confirmed.
func (r Row) ConfirmedPerSecond() float64 {
	all := r.Bookings.Elapsed + time.Duration(r.Settle.Slices)*r.Settle.Mean
	if all <= 0 {
		return 0
	}
	return float64(r.Bookings.Calls) / all.Seconds()
}

// Report is what Run found out.
type Report struct {
	Run      string // the name of the run: its vessels, depot and customers begin with it
	Rows     []Row
	Failures []Failure
	Unquiet  bool // holds were still not confirmed when the bench stopped waiting for them
}

// bench is a run.
type bench struct {
	plan     Plan
	fleet    *fleet
	ops      []opsv1.OpsServiceClient
	shipping []consignmentv1.ShippingServiceClient
	largest  int // bookings of a slice so far
	pings    tally
	bookings tally
	report   Report
}

// Run measures what the plan asks for over the connections, of which there is one for every
// [CallersPerConnection] callers, or fewer. After each row it calls each. The report is of use
// also beside an error: it holds the rows that were finished.
func Run(ctx context.Context, conns []grpc.ClientConnInterface, plan Plan, each func(Row)) (Report, error) {
	if err := plan.Check(); err != nil {
		return Report{}, err
	}
	run := "bench-" + uuid.NewString()
	b := &bench{
		plan: plan, fleet: newFleet(conns[0], run),
		pings: tally{call: "ping"}, bookings: tally{call: "booking"},
		report: Report{Run: run},
	}
	for _, conn := range conns {
		b.ops = append(b.ops, opsv1.NewOpsServiceClient(conn))
		b.shipping = append(b.shipping, consignmentv1.NewShippingServiceClient(conn))
	}
	err := b.reserve(ctx, unknown) // who may not do this learns it at once, not after the first pings
	if err != nil {
		return b.report, err
	}
	for _, callers := range plan.Callers {
		var row Row
		if row, err = b.row(ctx, callers); err != nil {
			break
		}
		b.report.Rows = append(b.report.Rows, row)
		each(row)
	}
	b.report.Failures = append(b.pings.kinds, b.bookings.kinds...)
	return b.report, err
}

// row measures with one number of callers.
func (b *bench) row(ctx context.Context, callers int) (Row, error) {
	ping, book := b.ping(callers), b.book(callers)
	usual, err := b.warmUp(ctx, callers, ping, book)
	if err != nil {
		return Row{}, err
	}
	pings, bookings := newLoad(callers, &b.pings), newLoad(callers, &b.bookings)
	var settle Settle
	for i, q := range b.plan.slices(callers, usual) {
		// Each goes first by turns: whatever drifts is as kind to the one as to the other.
		first := func() error { return b.pingSlice(ctx, pings, q, ping) }
		second := func() error { return b.bookSlice(ctx, bookings, q, book, &settle) }
		if i%2 == 1 {
			first, second = second, first
		}
		if err := first(); err != nil {
			return Row{}, err
		}
		if err := second(); err != nil {
			return Row{}, err
		}
	}
	return Row{Callers: callers, Pings: pings.figures(), Bookings: bookings.figures(), Settle: settle}, nil
}

// warmUp makes calls that are not measured and returns how long a booking takes about; 0 when the
// plan has no warm-up.
func (b *bench) warmUp(ctx context.Context, callers int, ping, book call) (usual time.Duration, err error) {
	q := quota{length: b.plan.Warmup}
	if q.length == 0 {
		return 0, nil
	}
	if err := b.pingSlice(ctx, newLoad(callers, &b.pings), q, ping); err != nil {
		return 0, err
	}
	bookings := newLoad(callers, &b.bookings)
	if err := b.bookSlice(ctx, bookings, q, book, &Settle{}); err != nil {
		return 0, err
	}
	return bookings.figures().Latency.P50, nil
}

func (b *bench) pingSlice(ctx context.Context, l *load, q quota, do call) error {
	succeeded, failed := l.slice(ctx, q, do)
	return outcome(ctx, l.failures, succeeded, failed)
}

// unknown is how many bookings there is room for until a slice has shown how many it takes.
const unknown = 2 * perVessel

// reserve sees to it that so many more bookings fit.
func (b *bench) reserve(ctx context.Context, bookings int) error {
	return within(ctx, answerWithin, func(ctx context.Context) error { return b.fleet.reserve(ctx, bookings) })
}

// bookSlice is a slice of bookings with the room for them, and then quiet: the work that bookings
// leave behind must not be counted against the pings.
func (b *bench) bookSlice(ctx context.Context, l *load, q quota, do call, settle *Settle) error {
	if err := b.reserve(ctx, max(unknown, 3*b.largest, q.calls+len(l.took))); err != nil {
		return err
	}
	succeeded, failed := l.slice(ctx, q, do)
	b.fleet.use(succeeded + failed)
	b.largest = max(b.largest, succeeded+failed)
	if err := outcome(ctx, l.failures, succeeded, failed); err != nil || b.report.Unquiet {
		return err
	}
	took, quiet, err := b.fleet.settle(ctx)
	if err != nil {
		return fmt.Errorf("wait until the bookings are confirmed: %w", err)
	}
	if !quiet {
		b.report.Unquiet = true // and waits no more: what keeps it busy is not this bench alone
		return nil
	}
	settle.Mean = (settle.Mean*time.Duration(settle.Slices) + took) / time.Duration(settle.Slices+1)
	settle.Max = max(settle.Max, took)
	settle.Slices++
	return nil
}

// outcome ends a bench that measures nothing: interrupted, or every call of a slice failed.
func outcome(ctx context.Context, failures *tally, succeeded, failed int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if succeeded == 0 && failed > 0 {
		return fmt.Errorf("every %s failed: %w", failures.call, failures.first)
	}
	return nil
}

// ping returns the floor: a unary call to the service through the gateway and two sidecars.
func (b *bench) ping(callers int) call {
	requests := make([]*opsv1.PingRequest, callers)
	for i := range requests {
		requests[i] = &opsv1.PingRequest{AppId: b.plan.App}
	}
	return func(ctx context.Context, caller int) error {
		req := requests[caller]
		req.Sequence++
		resp, err := b.ops[b.connection(caller)].Ping(ctx, req)
		if err != nil {
			return err
		}
		if resp.GetAppId() != b.plan.App || resp.GetSequence() != req.GetSequence() {
			return fmt.Errorf("answer from %q to ping %d, where %q was sent ping %d",
				resp.GetAppId(), resp.GetSequence(), b.plan.App, req.GetSequence())
		}
		return nil
	}
}

// book returns a booking of one container by a customer of the caller's own, new each time.
func (b *bench) book(callers int) call {
	requests := make([]*consignmentv1.CreateConsignmentRequest, callers)
	prefixes := make([]string, callers)
	sequences := make([]int, callers)
	for i := range requests {
		customer := fmt.Sprintf("%s-%d", b.fleet.run, i)
		requests[i] = &consignmentv1.CreateConsignmentRequest{
			Description: "benchmark",
			Weight:      bookingWeight,
			CustomerId:  customer,
			Containers:  []*consignmentv1.Container{{CustomerId: customer, UserId: "bench", Origin: b.fleet.origin}},
		}
		prefixes[i] = uuid.NewString() + "-" // of its own in every row: no booking is a repeat
	}
	return func(ctx context.Context, caller int) error {
		req := requests[caller]
		sequences[caller]++
		req.RequestId = prefixes[caller] + strconv.Itoa(sequences[caller])
		resp, err := b.shipping[b.connection(caller)].CreateConsignment(ctx, req)
		if err != nil {
			return err
		}
		if !resp.GetCreated() || resp.GetConsignment().GetId() == "" {
			return errors.New("the answer holds no booking")
		}
		return nil
	}
}

func (b *bench) connection(caller int) int {
	return (caller / CallersPerConnection) % len(b.ops)
}
