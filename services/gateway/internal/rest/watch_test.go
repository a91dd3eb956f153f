package rest_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/failure"
)

// answers are what a watch is told, one of each kind, and the events they become.
var answers = []struct {
	answer *consignmentv1.WatchConsignmentsResponse
	event  string
}{
	{
		&consignmentv1.WatchConsignmentsResponse{EventId: "e0", What: &consignmentv1.WatchConsignmentsResponse_Started{Started: &consignmentv1.WatchStarted{}}},
		"id: e0\nevent: started\ndata: {}\n\n",
	},
	{change("e1", consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_BOOKED), "id: e1\nevent: booked\ndata: " +
		`{"type":"CONSIGNMENT_CHANGE_TYPE_BOOKED","consignment":{"id":"c1","description":"tea\nand biscuits","weight":0,"containers":[],"vessel_id":"","customer_id":"",` +
		`"status":"CONSIGNMENT_STATUS_UNSPECIFIED","status_reason":"","create_time":null,"update_time":null},"time":"1970-01-01T00:00:07Z"}` + "\n\n"},
	{
		&consignmentv1.WatchConsignmentsResponse{EventId: "e1", What: &consignmentv1.WatchConsignmentsResponse_FellBehind{FellBehind: &consignmentv1.FellBehind{Changes: 1200}}},
		"id: e1\nevent: behind\ndata: {\"changes\":\"1200\"}\n\n",
	},
	{&consignmentv1.WatchConsignmentsResponse{EventId: "e1"}, ":\n\n"},
}

func change(id string, what consignmentv1.ConsignmentChangeType) *consignmentv1.WatchConsignmentsResponse {
	return &consignmentv1.WatchConsignmentsResponse{EventId: id, What: &consignmentv1.WatchConsignmentsResponse_Change{Change: &consignmentv1.ConsignmentChange{
		Type: what, Consignment: &consignmentv1.Consignment{Id: "c1", Description: "tea\nand biscuits"}, Time: &timestamppb.Timestamp{Seconds: 7},
	}}}
}

// Every answer is an event; an error after the first ends the watch with an event of its own.
func TestWatchAsEvents(t *testing.T) {
	t.Parallel()
	b := &behind{stream: func(ctx context.Context, send func(proto.Message) error) error {
		for _, a := range answers {
			if err := send(a.answer); err != nil {
				return err
			}
		}
		return failure.Unauthenticated("the access token has expired")
	}}
	w := call(b.handler(t), "GET", "/v1/consignments:watch", "")
	want := ""
	for _, a := range answers {
		want += a.event
	}
	want += "event: error\ndata: " + `{"error":{"code":401,"status":"UNAUTHENTICATED","message":"the access token has expired","violations":[]}}` + "\n\n"
	if got := w.Body.String(); got != want {
		t.Errorf("events\n%s\nwant\n%s", got, want)
	}
	if kind := w.Header().Get("Content-Type"); w.Code != 200 || kind != "text/event-stream; charset=utf-8" || !w.Flushed {
		t.Errorf("answered %d %s, flushed %t", w.Code, kind, w.Flushed)
	}
}

// What the header says is taken before the query; what cannot be asked is refused with its field.
func TestWatchRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query, header string
		asked         *consignmentv1.WatchConsignmentsRequest // nil: it is refused
		field         string
	}{
		{"", "", &consignmentv1.WatchConsignmentsRequest{}, ""},
		{"?customer_id=c1&last_event_id=e1", "", &consignmentv1.WatchConsignmentsRequest{CustomerId: "c1", LastEventId: "e1"}, ""},
		{"?last_event_id=e1", "e2", &consignmentv1.WatchConsignmentsRequest{LastEventId: "e2"}, ""},
		{"?last_event=e1", "", nil, "last_event"},
		{"?customer_id=%ff", "", nil, "customer_id"},
		{"", "é", nil, "Last-Event-ID"},
	} {
		b := &behind{}
		r := httptest.NewRequest("GET", "/v1/consignments:watch"+c.query, nil)
		r.Header.Set("Authorization", "Bearer raw")
		if c.header != "" {
			r.Header.Set("Last-Event-ID", c.header)
		}
		w := httptest.NewRecorder()
		b.handler(t).ServeHTTP(w, r)
		if c.asked == nil {
			if _, message, fields := errorOf(t, w); w.Code != 400 || len(fields) != 1 || !strings.HasPrefix(message, c.field+": ") {
				t.Errorf("%s, %q: answered %d %s %q", c.query, c.header, w.Code, message, fields)
			}
			continue
		}
		var asked consignmentv1.WatchConsignmentsRequest
		if err := proto.Unmarshal(b.asked, &asked); err != nil || !proto.Equal(&asked, c.asked) || w.Code != 200 {
			t.Errorf("%s, %q: answered %d, asked is %v, %v", c.query, c.header, w.Code, &asked, err)
		}
		if shown := b.with.Get("authorization"); len(shown) != 1 || shown[0] != "Bearer raw" {
			t.Errorf("passed on is %q", shown)
		}
	}
}

// An error before the first event is answered as any other is.
func TestRefusedWatch(t *testing.T) {
	t.Parallel()
	b := &behind{answer: func(string) (proto.Message, error) {
		return nil, failure.Invalid("last_event_id", "is not from a watch")
	}}
	w := call(b.handler(t), "GET", "/v1/consignments:watch", "")
	if code, message, _ := errorOf(t, w); w.Code != 400 || code != "INVALID_ARGUMENT" || message != "last_event_id: is not from a watch" {
		t.Errorf("answered %d %s %s", w.Code, code, message)
	}
}

// Whoever asks for the header alone begins no watch.
func TestHeadIsNoWatch(t *testing.T) {
	t.Parallel()
	b := &behind{}
	want := call(b.handler(t), "HEAD", "/v1/consignments", "").Code
	if w := call(b.handler(t), "HEAD", "/v1/consignments:watch", ""); w.Code != want || b.method != "" {
		t.Errorf("answered %d, as others are with %d; called is %q", w.Code, want, b.method)
	}
}

// A quiet watch shows that it is alive, and ends behind when its caller leaves.
func TestQuietWatch(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	b := &behind{stream: func(ctx context.Context, send func(proto.Message) error) error {
		err := send(answers[0].answer)
		<-ctx.Done()
		ended <- ctx.Err()
		return err
	}}
	server := httptest.NewServer(b.handler(t))
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/v1/consignments:watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReader(response.Body)
	for comments := 0; comments < 3; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == ":\n" {
			comments++
		}
	}
	leave()
	if _, err := io.Copy(io.Discard, lines); err == nil {
		t.Error("the answer goes on")
	}
	if err := <-ended; status.FromContextError(err).Code() != codes.Canceled {
		t.Errorf("behind it ended with %v", err)
	}
}

const keepAlive = 20 * time.Millisecond
