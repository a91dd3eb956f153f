package edge_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/gateway/internal/rest"
	"seaport.example/services/internal/auth"
)

// WatchConsignments begins, and tells nothing.
func (s *shipping) WatchConsignments(_ *consignmentv1.WatchConsignmentsRequest, stream grpc.ServerStreamingServer[consignmentv1.WatchConsignmentsResponse]) error {
	if err := stream.Send(&consignmentv1.WatchConsignmentsResponse{
		EventId: "e0", What: &consignmentv1.WatchConsignmentsResponse_Started{Started: &consignmentv1.WatchStarted{}},
	}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// watch begins a watch by gRPC and returns it, or the error that came instead.
func watch(ctx context.Context, conn *grpc.ClientConn) (grpc.ServerStreamingClient[consignmentv1.WatchConsignmentsResponse], error) {
	stream, err := consignmentv1.NewShippingServiceClient(conn).WatchConsignments(ctx, &consignmentv1.WatchConsignmentsRequest{})
	if err != nil {
		return nil, err
	}
	_, err = stream.Recv()
	return stream, err
}

// A caller may have so many watches at once; others are not affected, nor are watches one after another.
func TestManyWatches(t *testing.T) {
	t.Parallel()
	p := open(t)
	conn := p.dial(t, "authorization", p.customer(t))
	var leave context.CancelFunc
	for range 20 {
		var ctx context.Context
		ctx, leave = context.WithCancel(t.Context())
		defer leave()
		if _, err := watch(ctx, conn); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := watch(t.Context(), conn); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "20") {
		t.Errorf("one more: %v, want RESOURCE_EXHAUSTED", err)
	}
	if a := p.do(t, "GET", "/v1/consignments:watch", "", "Authorization", p.customer(t)); a.code != 429 {
		t.Errorf("one more over REST: %d %s", a.code, a.body)
	}
	if _, err := watch(t.Context(), p.dial(t, "authorization", "Bearer "+p.authority.User(t, "u2", auth.Customer))); err != nil {
		t.Errorf("another caller: %v", err)
	}
	leave()
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, err := watch(t.Context(), conn)
		if err == nil {
			break
		}
		if status.Code(err) != codes.ResourceExhausted || time.Now().After(deadline) {
			t.Fatalf("after one has left: %v", err)
		}
	}
}

// Watches do not hold up the end of the gateway, which tells them why.
func TestStopEndsWatches(t *testing.T) {
	t.Parallel()
	p := open(t)
	stream, err := watch(t.Context(), p.dial(t, "authorization", p.customer(t)))
	if err != nil {
		t.Fatal(err)
	}
	events := p.watchOverREST(t, "http://"+p.address)
	began := time.Now()
	if err := p.stop(); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("Serve = %v after %s", err, time.Since(began))
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("by gRPC the watch ends with %v", err)
	}
	if rest, err := io.ReadAll(events); err != nil || !strings.Contains(string(rest), "event: error\ndata: {\"error\":{\"code\":503,") {
		t.Errorf("over REST the watch ends with %q, %v", rest, err)
	}
}

// watchOverREST begins a watch and returns what comes after its beginning.
func (p *port) watchOverREST(t *testing.T, url string) *bufio.Reader {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/consignments:watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", p.customer(t))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	events := bufio.NewReader(response.Body)
	for _, want := range []string{"id: e0\n", "event: started\n", "data: {}\n", "\n"} {
		if line, err := events.ReadString('\n'); err != nil || line != want {
			t.Fatalf("the watch begins with %q, %v; want %q", line, err, want)
		}
	}
	return events
}

// The deadlines of REST do not cut a watch: it lasts longer than they let other answers take.
func TestHurryLetsWatchesLast(t *testing.T) {
	t.Parallel()
	p := open(t)
	handler, err := rest.Handler(t.Context(), p.dial(t), rest.Config{Health: rest.Health(nil), KeepAlive: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(edge.Hurry(300*time.Millisecond, 300*time.Millisecond, handler))
	t.Cleanup(server.Close)
	events := p.watchOverREST(t, server.URL)
	for began := time.Now(); time.Since(began) < time.Second; {
		if line, err := events.ReadString('\n'); err != nil || line != ":\n" && line != "\n" {
			t.Fatalf("after %s: %q, %v", time.Since(began), line, err)
		}
	}
}
