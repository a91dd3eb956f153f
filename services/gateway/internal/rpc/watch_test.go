package rpc_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/gateway/internal/rpc"
)

type watching = grpc.ServerStreamingServer[consignmentv1.WatchConsignmentsResponse]

// harbour is a consignment service whose watches go as a test says, one after another; the last of them
// again and again.
type harbour struct {
	consignmentv1.UnimplementedShippingServiceServer

	watches []func(stream watching) error

	mu    sync.Mutex
	asked []string // last_event_id of each watch
}

func (h *harbour) WatchConsignments(req *consignmentv1.WatchConsignmentsRequest, stream watching) error {
	h.mu.Lock()
	h.asked = append(h.asked, req.GetCustomerId()+" "+req.GetLastEventId())
	n := min(len(h.asked), len(h.watches)) - 1
	h.mu.Unlock()
	return h.watches[n](stream)
}

func (h *harbour) calls() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

// told is a watch that tells events and ends: "started", "change", or "" for a sign of life, at an id.
func told(err error, events ...[2]string) func(stream watching) error {
	return func(stream watching) error {
		for _, e := range events {
			answer := &consignmentv1.WatchConsignmentsResponse{EventId: e[0]}
			switch e[1] {
			case "started":
				answer.What = &consignmentv1.WatchConsignmentsResponse_Started{Started: &consignmentv1.WatchStarted{}}
			case "change":
				answer.What = &consignmentv1.WatchConsignmentsResponse_Change{Change: &consignmentv1.ConsignmentChange{}}
			}
			if err := stream.Send(answer); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		<-stream.Context().Done()
		return stream.Context().Err()
	}
}

// open returns the gateway in front of the harbour, which stops with stopping.
func (h *harbour) open(t *testing.T, stopping context.Context) consignmentv1.ShippingServiceClient {
	t.Helper()
	behind := apps{"consignment": listen(t, func(s *grpc.Server) { consignmentv1.RegisterShippingServiceServer(s, h) })}
	return consignmentv1.NewShippingServiceClient(listen(t, func(s *grpc.Server) {
		rpc.Register(s, rpc.Config{Apps: behind, Insecure: true, Stopping: stopping})
	}))
}

// watchAll watches until the end and returns the ids of what was told.
func watchAll(t *testing.T, c consignmentv1.ShippingServiceClient, req *consignmentv1.WatchConsignmentsRequest) (ids []string, err error) {
	t.Helper()
	stream, err := c.WatchConsignments(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return ids, err
		}
		if answer.GetWhat() == nil {
			t.Errorf("a sign of life is passed on: %v", answer)
		}
		ids = append(ids, answer.GetEventId())
	}
}

var away, cutOff, wrong = status.Error(codes.Unavailable, "stops"), status.Error(codes.Canceled, "cut off"), status.Error(codes.InvalidArgument, "beyond")

// A watch that breaks behind the gateway goes on from the last event; what is for good is passed on.
func TestWatchGoesOn(t *testing.T) {
	t.Parallel()
	h := &harbour{watches: []func(watching) error{
		told(away),
		told(away, [2]string{"e0", "started"}, [2]string{"e1", "change"}, [2]string{"e2", "change"}),
		told(away),
		told(cutOff, [2]string{"e2", "started"}, [2]string{"e3", ""}),
		told(away, [2]string{"e3", "started"}, [2]string{"e4", "change"}),
		told(wrong),
	}}
	ids, err := watchAll(t, h.open(t, t.Context()), &consignmentv1.WatchConsignmentsRequest{CustomerId: "c", LastEventId: "before"})
	if want := []string{"e0", "e1", "e2", "e4"}; status.Code(err) != codes.InvalidArgument || !slices.Equal(ids, want) {
		t.Errorf("told are %q and then %v, want %q and what the service says", ids, err, want)
	}
	if want := []string{"c before", "c before", "c e2", "c e2", "c e3", "c e4"}; !slices.Equal(h.calls(), want) {
		t.Errorf("the service was asked for %q, want %q", h.calls(), want)
	}
}

// One that cannot begin is refused after a while, as other calls are. (Time passes in a bubble.)
func TestWatchDoesNotBegin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &harbour{watches: []func(watching) error{told(away)}}
		began := time.Now()
		_, err := watchAll(t, h.open(t, t.Context()), &consignmentv1.WatchConsignmentsRequest{})
		if took := time.Since(began); status.Code(err) != codes.Unavailable || took < 4*time.Second || len(h.calls()) > 30 {
			t.Errorf("ended after %s and %d attempts with %v", took, len(h.calls()), err)
		}
	})
}

// A watch ends at once when the gateway stops, and behind it when its caller leaves.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 2)
	h := &harbour{watches: []func(watching) error{func(stream watching) error {
		err := told(nil, [2]string{"e0", "started"})(stream)
		ended <- err
		return err
	}}}
	for name, end := range map[string]func(stop, leave context.CancelFunc){
		"the gateway stops": func(stop, _ context.CancelFunc) { stop() }, "the caller leaves": func(_, leave context.CancelFunc) { leave() },
	} {
		stopping, stop := context.WithCancel(t.Context())
		ctx, leave := context.WithCancel(t.Context())
		defer stop()
		defer leave()
		stream, err := h.open(t, stopping).WatchConsignments(ctx, &consignmentv1.WatchConsignmentsRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
		end(stop, leave)
		if _, err := stream.Recv(); name == "the gateway stops" && status.Code(err) != codes.Unavailable {
			t.Errorf("%s: the caller is told %v", name, err)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: behind it the watch ends with %v", name, err)
		}
	}
}

// A connection behind which there is nobody any more is noticed by its silence. (Time passes in a bubble.)
func TestSilentWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &harbour{watches: []func(watching) error{told(nil, [2]string{"e0", "started"}), told(wrong)}}
		began := time.Now()
		ids, err := watchAll(t, h.open(t, t.Context()), &consignmentv1.WatchConsignmentsRequest{})
		if took := time.Since(began); status.Code(err) != codes.InvalidArgument || len(ids) != 1 || took < 40*time.Second || took > time.Minute {
			t.Errorf("told are %q, and then after %s %v", ids, took, err)
		}
	})
}
