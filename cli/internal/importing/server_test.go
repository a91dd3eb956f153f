package importing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	failurev1 "seaport.example/proto/seaport/failure/v1"
)

// server is a fake of the service. It holds every client to the contract, and notes what it booked.
type server struct {
	consignmentv1.UnimplementedShippingServiceServer

	// group is before a group of lines is booked: an error ends the stream with the lines neither booked nor
	// answered.
	group func(ctx context.Context, stream, group int) error
	// answer is after a group was booked: an error ends the stream with the lines booked and not answered.
	answer func(stream, group int) error
	// hasty ends every stream before it got anything.
	hasty bool
	// refuse is the failure of a line; nil books it.
	refuse func(line *consignmentv1.ImportLine) *failurev1.Failure

	mu      sync.Mutex
	booked  map[string]string // description by request id
	repeats int               // of lines that were booked already
	streams int
	sent    int // lines
	wrong   []string
	id      string
	mail    bool
}

func (s *server) ImportConsignments(stream consignmentv1.ShippingService_ImportConsignmentsServer) error {
	s.mu.Lock()
	s.streams++
	n := s.streams
	s.mu.Unlock()
	if s.hasty {
		return nil
	}
	var last int64
	for group := 1; ; group++ {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.check(group, req, &last)
		if s.group != nil {
			if err := s.group(stream.Context(), n, group); err != nil {
				return err
			}
		}
		resp := s.book(req)
		if s.answer != nil {
			if err := s.answer(n, group); err != nil {
				return err
			}
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func (s *server) check(group int, req *consignmentv1.ImportConsignmentsRequest, last *int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blame := func(format string, args ...any) { s.wrong = append(s.wrong, fmt.Sprintf(format, args...)) }
	if group == 1 && s.id == "" {
		s.id, s.mail = req.GetImportId(), req.GetMail()
	}
	if id := req.GetImportId(); group == 1 && id != s.id || group > 1 && id != "" || s.id == "" {
		blame("message %d has the import id %q", group, id)
	}
	if n := len(req.GetLines()); n == 0 || n > 500 {
		blame("a message of %d lines", n)
	}
	for _, line := range req.GetLines() {
		if line.GetNumber() <= *last {
			blame("line %d after line %d", line.GetNumber(), *last)
		}
		*last = line.GetNumber()
	}
	s.sent += len(req.GetLines())
}

func (s *server) book(req *consignmentv1.ImportConsignmentsRequest) *consignmentv1.ImportConsignmentsResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	resp := &consignmentv1.ImportConsignmentsResponse{}
	for _, line := range req.GetLines() {
		result := &consignmentv1.ImportResult{Number: line.GetNumber()}
		resp.Results = append(resp.Results, result)
		if s.refuse != nil {
			if failure := s.refuse(line); failure != nil {
				result.Result = &consignmentv1.ImportResult_Failure{Failure: failure}
				continue
			}
		}
		order := line.GetOrder()
		before, twice := s.booked[order.GetRequestId()]
		if twice {
			s.repeats++
		}
		if twice && before != order.GetDescription() {
			s.wrong = append(s.wrong, fmt.Sprintf("line %d has the request id of another", line.GetNumber()))
		}
		s.booked[order.GetRequestId()] = order.GetDescription()
		result.Result = &consignmentv1.ImportResult_Consignment{Consignment: &consignmentv1.ImportedConsignment{Id: order.GetRequestId(), VesselId: "v1"}}
	}
	return resp
}

func failed(code codes.Code, field, why string) *failurev1.Failure {
	return &failurev1.Failure{Code: int32(code), Message: field + ": " + why, Violations: []*failurev1.Violation{{Field: field, Description: why}}}
}

// serve runs the fake and returns a client of it.
func serve(t *testing.T, s *server) consignmentv1.ShippingServiceClient {
	t.Helper()
	s.booked = make(map[string]string)
	listener := bufconn.Listen(1 << 20)
	platform := grpc.NewServer()
	consignmentv1.RegisterShippingServiceServer(platform, s)
	served := make(chan error, 1)
	go func() { served <- platform.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:fake", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		platform.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.wrong) > 0 {
			t.Errorf("against the contract, %d times: %s", len(s.wrong), strings.Join(s.wrong[:min(len(s.wrong), 5)], "; "))
		}
	})
	return consignmentv1.NewShippingServiceClient(conn)
}

// unsteady ends streams at random, before or after lines were booked, and answers some lines with UNAVAILABLE.
type unsteady struct {
	mu     sync.Mutex
	chance *rand.Rand
}

func (u *unsteady) hits(one, of int) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.chance.IntN(of) < one
}

func (u *unsteady) breaks(int, int) error {
	if !u.hits(1, 12) {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	all := []codes.Code{codes.Unavailable, codes.Unauthenticated, codes.Canceled, codes.Internal}
	return status.Error(all[u.chance.IntN(len(all))], "broken")
}

// waitFor waits until so many lines were sent, and says whether they were.
func (s *server) waitFor(lines int) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		sent := s.sent
		s.mu.Unlock()
		if sent >= lines {
			return true
		}
	}
	return false
}
