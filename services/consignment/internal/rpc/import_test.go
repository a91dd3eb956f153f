package rpc_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
)

// lines is so many lines of an import, from a number on.
func lines(from, n int, change ...func(*consignmentv1.ImportLine)) []*consignmentv1.ImportLine {
	out := make([]*consignmentv1.ImportLine, n)
	for i := range out {
		out[i] = &consignmentv1.ImportLine{Number: int64(from + i), Order: request()}
		for _, c := range change {
			c(out[i])
		}
	}
	return out
}

// importAll sends messages and returns all results, and how the stream ended.
func importAll(t *testing.T, c consignmentv1.ShippingServiceClient, messages ...*consignmentv1.ImportConsignmentsRequest) ([]*consignmentv1.ImportResult, error) {
	t.Helper()
	stream, err := c.ImportConsignments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for _, m := range messages {
			if stream.Send(m) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	var results []*consignmentv1.ImportResult
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return results, err
		}
		results = append(results, resp.GetResults()...)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	for _, mail := range []bool{false, true} {
		c := client(t)
		heavy := func(l *consignmentv1.ImportLine) { l.Order.Weight = 2000 }
		results, err := importAll(t, c,
			&consignmentv1.ImportConsignmentsRequest{ImportId: "i1", Mail: mail},
			&consignmentv1.ImportConsignmentsRequest{Lines: lines(2, 400)},
			&consignmentv1.ImportConsignmentsRequest{ImportId: "i1", Lines: append(lines(500, 1, heavy), &consignmentv1.ImportLine{Number: 501})},
			&consignmentv1.ImportConsignmentsRequest{Lines: lines(1000, 500)},
		)
		if err != nil || len(results) != 902 {
			t.Fatalf("%d results, %v; want 902", len(results), err)
		}
		want := int64(1)
		for _, r := range results {
			switch want++; want {
			case 402:
				want = 500
			case 502:
				want = 1000
			}
			if r.GetNumber() != want {
				t.Fatalf("result of line %d, want %d", r.GetNumber(), want)
			}
			f := r.GetFailure()
			switch {
			case want == 500:
				if codes.Code(f.GetCode()) != codes.FailedPrecondition || f.GetViolations()[0].GetField() != "weight" {
					t.Errorf("too heavy: %v", r)
				}
			case want == 501:
				if codes.Code(f.GetCode()) != codes.InvalidArgument {
					t.Errorf("a line without an order: %v", r)
				}
			case f != nil || r.GetConsignment().GetVesselId() != "vessel001":
				t.Errorf("line %d: %v", want, r)
			}
		}
		// A line stands for the same booking when it comes again, and has the request id that is written down.
		again := request()
		again.RequestId = "i1/2"
		one, err := c.CreateConsignment(t.Context(), again)
		if err != nil || one.GetConsignment().GetId() != results[0].GetConsignment().GetId() {
			t.Errorf("request id i1/2 is %v, %v; line 2 was %v", one, err, results[0])
		}
	}
}

func TestBadImports(t *testing.T) {
	t.Parallel()
	first := &consignmentv1.ImportConsignmentsRequest{ImportId: "i1", Lines: lines(1, 3)}
	for _, c := range []struct {
		name    string
		field   string
		message *consignmentv1.ImportConsignmentsRequest
	}{
		{"other id", "import_id", &consignmentv1.ImportConsignmentsRequest{ImportId: "i2", Lines: lines(4, 1)}},
		{"same number", "lines[0].number", &consignmentv1.ImportConsignmentsRequest{Lines: lines(3, 1)}},
		{"number going back", "lines[1].number", &consignmentv1.ImportConsignmentsRequest{Lines: append(lines(7, 1), lines(6, 1)...)}},
		{"too many", "lines", &consignmentv1.ImportConsignmentsRequest{Lines: lines(4, 501)}},
	} {
		results, err := importAll(t, client(t), first, c.message)
		if status.Code(err) != codes.InvalidArgument || !slices.Equal(badFields(err), []string{c.field}) {
			t.Errorf("%s: %v of %q, want INVALID_ARGUMENT of %s", c.name, err, badFields(err), c.field)
		}
		if len(results) != 3 {
			t.Errorf("%s: %d results; the three lines before it were fine", c.name, len(results))
		}
	}
	for _, id := range []string{"", "with space", "ünseen", strings.Repeat("x", 65)} {
		if results, err := importAll(t, client(t), &consignmentv1.ImportConsignmentsRequest{ImportId: id, Lines: lines(1, 3)}); !slices.Equal(badFields(err), []string{"import_id"}) || len(results) != 0 {
			t.Errorf("id %q: %v, %v", id, results, err)
		}
	}
}

// A line of another customer is refused, by itself; so is a line that is too large.
func TestImportOfACustomer(t *testing.T) {
	t.Parallel()
	authority := authtest.New(t, "consignment", "gateway")
	c := consignmentv1.NewShippingServiceClient(speaking{open(t, authority), authority.User(t, "cust001", auth.Customer)})
	message := &consignmentv1.ImportConsignmentsRequest{ImportId: "i", Lines: lines(1, 4)}
	message.Lines[1].Order.CustomerId = "cust002"
	message.Lines[2].Order.CustomerId = ""
	message.Lines[3].Order.Description = strings.Repeat("x", 300_000)
	results, err := importAll(t, c, message)
	if err != nil || len(results) != 4 {
		t.Fatalf("%v, %v", results, err)
	}
	for i, want := range []codes.Code{codes.OK, codes.PermissionDenied, codes.OK, codes.InvalidArgument} {
		if got := codes.Code(results[i].GetFailure().GetCode()); got != want {
			t.Errorf("line %d: %v, want %s", i+1, results[i], want)
		}
	}
}

// Who does not read results gets no more lines taken; once they are read, all are there.
func TestImportIsHeldBack(t *testing.T) {
	t.Parallel()
	stream, err := client(t).ImportConsignments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const messages = 60 // of half a megabyte
	var sent atomic.Int64
	go func() {
		for i := range messages {
			m := &consignmentv1.ImportConsignmentsRequest{ImportId: "i", Lines: lines(1+i*500, 500, func(l *consignmentv1.ImportLine) {
				l.Order.Description = strings.Repeat("x", 1000)
			})}
			if stream.Send(m) != nil {
				return
			}
			sent.Add(1)
		}
		_ = stream.CloseSend()
	}()
	for before := int64(-1); before != sent.Load(); time.Sleep(300 * time.Millisecond) {
		before = sent.Load()
	}
	if sent.Load() == messages {
		t.Error("all lines were taken, and nobody took a result")
	}
	for got := int64(0); ; {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if got != messages*500 {
				t.Errorf("%d results, want %d", got, messages*500)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range resp.GetResults() {
			if got++; r.GetNumber() != got || r.GetFailure() != nil {
				t.Fatalf("result %v, want that of line %d", r, got)
			}
		}
	}
}

// However lines come, no more are booked together than one transaction takes; none is lost for it.
func TestImportBooksNoMoreTogether(t *testing.T) {
	t.Parallel()
	authority, w := authtest.New(t, "consignment", "gateway"), newWorld()
	c := consignmentv1.NewShippingServiceClient(speaking{openUntil(t, authority, w, t.Context().Done()), authority.User(t, "operator", auth.Operator)})
	long := func(l *consignmentv1.ImportLine) { l.Order.Description = strings.Repeat("茶", 1000) }
	messages := []*consignmentv1.ImportConsignmentsRequest{{ImportId: "i", Lines: lines(1, 500, long)}}
	for from := 501; from < 5000; from += 300 {
		messages = append(messages, &consignmentv1.ImportConsignmentsRequest{Lines: lines(from, 300)})
	}
	results, err := importAll(t, c, messages...)
	if err != nil || len(results) != 5000 {
		t.Fatalf("%d results, %v; want 5000", len(results), err)
	}
	for i, r := range results {
		if r.GetNumber() != int64(i+1) || r.GetFailure() != nil {
			t.Fatalf("result %v, want that of line %d", r, i+1)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.most.bookings > 500 || w.most.text > 1<<19 || w.most.text < 1<<18 {
		t.Errorf("together are booked up to %d lines, %d bytes", w.most.bookings, w.most.text)
	}
}

// An import on a service that stops ends at once, with the results of what is booked.
func TestImportEndsWhenTheServiceStops(t *testing.T) {
	t.Parallel()
	stopping := make(chan struct{})
	authority := authtest.New(t, "consignment", "gateway")
	c := consignmentv1.NewShippingServiceClient(speaking{openUntil(t, authority, newWorld(), stopping), authority.User(t, "operator", auth.Operator)})
	stream, err := c.ImportConsignments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&consignmentv1.ImportConsignmentsRequest{ImportId: "i", Lines: lines(1, 5)}); err != nil {
		t.Fatal(err)
	}
	if resp, err := stream.Recv(); err != nil || len(resp.GetResults()) != 5 {
		t.Fatalf("got %v, %v", resp, err)
	}
	close(stopping)
	if resp, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, %v; want UNAVAILABLE", resp, err)
	}
}
