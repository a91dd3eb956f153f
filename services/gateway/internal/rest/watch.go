package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/internal/failure"
)

// LastEvent is the header by which a browser says where its watch broke off.
const LastEvent = "Last-Event-ID"

// takeTime is how long one event may take to leave. Whoever takes nothing for so long is cut off, and may
// go on after the last event.
const takeTime = time.Minute

// watch is GET /v1/consignments:watch: a watch as Server-Sent Events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). The id of an event is its event_id;
// its name is started, booked, cancelled, behind or error; its data is one line of JSON, of what the
// response of that name has. An error before the first event is answered as any other is.
type watch struct {
	client    consignmentv1.ShippingServiceClient
	routes    *runtime.ServeMux // knows which headers reach the gRPC server
	marshaler runtime.Marshaler
	keepAlive time.Duration // at least so often something is sent, so that proxies do not give up
}

func newWatch(conn *grpc.ClientConn, routes *runtime.ServeMux, marshaler runtime.Marshaler, cfg Config) watch {
	w := watch{client: consignmentv1.NewShippingServiceClient(conn), routes: routes, marshaler: marshaler, keepAlive: cfg.KeepAlive}
	if w.keepAlive == 0 {
		w.keepAlive = 15 * time.Second
	}
	return w
}

func (h watch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	answers, err := h.open(ctx, r)
	if err != nil {
		refuse(w, err)
		return
	}
	first, err := answers.Recv()
	if err != nil {
		refuse(w, err)
		return
	}
	out := &events{writer: w, control: http.NewResponseController(w)}
	out.begin()
	if h.send(out, first) != nil {
		return
	}
	h.pass(ctx, out, answers)
}

// open begins the watch that a request asks for.
func (h watch) open(ctx context.Context, r *http.Request) (grpc.ServerStreamingClient[consignmentv1.WatchConsignmentsResponse], error) {
	if e := illegible(r.Header, []string{LastEvent}); e != nil {
		return nil, e
	}
	var req consignmentv1.WatchConsignmentsRequest
	if err := r.ParseForm(); err != nil {
		return nil, failure.Invalid("query", "%s", err)
	}
	if err := runtime.PopulateQueryParameters(&req, r.Form, utilities.NewDoubleArray(nil)); err != nil {
		return nil, clearer(status.Error(codes.InvalidArgument, err.Error()))
	}
	for field, value := range map[string]string{"customer_id": req.GetCustomerId(), "last_event_id": req.GetLastEventId()} {
		if !utf8.ValidString(value) {
			return nil, failure.Invalid(field, "must be UTF-8")
		}
	}
	if shown := r.Header.Get(LastEvent); shown != "" {
		req.LastEventId = shown
	}
	ctx, err := runtime.AnnotateContext(ctx, h.routes, r, consignmentv1.ShippingService_WatchConsignments_FullMethodName)
	if err != nil {
		return nil, err
	}
	return h.client.WatchConsignments(ctx, &req)
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	e := failure.From(err)
	WriteError(w, httpStatus(e.Code()), e)
}

// pass sends events until the watch ends or the caller has left.
func (h watch) pass(ctx context.Context, out *events, answers grpc.ServerStreamingClient[consignmentv1.WatchConsignmentsResponse]) {
	type received struct {
		answer *consignmentv1.WatchConsignmentsResponse
		err    error
	}
	next := make(chan received)
	go func() {
		for {
			answer, err := answers.Recv()
			select {
			case next <- received{answer, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	quiet := time.NewTicker(h.keepAlive)
	defer quiet.Stop()
	for {
		var err error
		select {
		case <-quiet.C:
			err = out.comment()
		case r := <-next:
			if r.err != nil {
				h.sendError(out, r.err)
				return
			}
			err = h.send(out, r.answer)
			quiet.Reset(h.keepAlive)
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// names is what events are called.
var names = map[consignmentv1.ConsignmentChangeType]string{
	consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_BOOKED:    "booked",
	consignmentv1.ConsignmentChangeType_CONSIGNMENT_CHANGE_TYPE_CANCELLED: "cancelled",
}

// send sends an answer as an event.
func (h watch) send(out *events, answer *consignmentv1.WatchConsignmentsResponse) error {
	var name string
	var content proto.Message
	switch {
	case answer.GetStarted() != nil:
		name, content = "started", answer.GetStarted()
	case answer.GetFellBehind() != nil:
		name, content = "behind", answer.GetFellBehind()
	case answer.GetChange() != nil:
		if name = names[answer.GetChange().GetType()]; name == "" {
			name = "changed" // in a way that is new
		}
		content = answer.GetChange()
	default:
		return out.comment()
	}
	data, err := h.marshaler.Marshal(content)
	if err != nil {
		return err
	}
	return out.event(answer.GetEventId(), name, data)
}

// sendError says why the watch ends.
func (h watch) sendError(out *events, err error) {
	if errors.Is(err, io.EOF) {
		return
	}
	e := failure.From(err)
	data, err := json.Marshal(bodyOf(httpStatus(e.Code()), e))
	if err == nil {
		_ = out.event("", "error", data)
	}
}

// events writes Server-Sent Events.
type events struct {
	writer  http.ResponseWriter
	control *http.ResponseController
}

func (e *events) begin() {
	_ = e.control.SetReadDeadline(time.Time{}) // the request is read; its caller stays
	e.writer.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	e.writer.Header().Set("Cache-Control", "no-store")
	e.writer.Header().Set("X-Accel-Buffering", "no") // by proxies
	e.writer.WriteHeader(http.StatusOK)
}

// event sends an event whose data is JSON in any number of lines.
func (e *events) event(id, name string, data []byte) error {
	var text bytes.Buffer
	if id != "" {
		fmt.Fprintf(&text, "id: %s\n", id)
	}
	fmt.Fprintf(&text, "event: %s\ndata: ", name)
	if err := json.Compact(&text, data); err != nil {
		return err
	}
	text.WriteString("\n\n")
	return e.write(text.Bytes())
}

// comment sends what nobody reads, to show that the watch is alive.
func (e *events) comment() error { return e.write([]byte(":\n\n")) }

func (e *events) write(text []byte) error {
	_ = e.control.SetWriteDeadline(time.Now().Add(takeTime)) // a writer without deadlines is a test's
	if _, err := e.writer.Write(text); err != nil {
		return err
	}
	return e.control.Flush()
}
