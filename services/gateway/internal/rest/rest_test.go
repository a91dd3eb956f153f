package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/gateway/internal/rest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
)

// behind is a gRPC server that answers every method, and notes what it was asked.
type behind struct {
	answer func(method string) (proto.Message, error) // nil: an empty message

	mu     sync.Mutex
	method string
	asked  []byte
}

func (b *behind) handle(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var req emptypb.Empty // whatever it is, its fields are unknown ones
	if err := stream.RecvMsg(&req); err != nil {
		return err
	}
	b.mu.Lock()
	b.method, b.asked = method, req.ProtoReflect().GetUnknown()
	b.mu.Unlock()
	if b.answer == nil {
		return stream.SendMsg(&emptypb.Empty{})
	}
	resp, err := b.answer(method)
	if err != nil {
		return err
	}
	return stream.SendMsg(resp)
}

// handler returns the REST side in front of the server.
func (b *behind) handler(t *testing.T) http.Handler {
	t.Helper()
	server := serve.NewServer(slog.New(slog.DiscardHandler), grpc.UnknownServiceHandler(b.handle))
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	handler, err := rest.Handler(t.Context(), conn, rest.Health(nil))
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func call(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

// errorOf reads an error, which must have the one form and nothing else.
func errorOf(t *testing.T, w *httptest.ResponseRecorder) (status, message string, violations []string) {
	t.Helper()
	var body struct {
		Error *struct {
			Code       *int    `json:"code"`
			Status     *string `json:"status"`
			Message    *string `json:"message"`
			Violations []struct {
				Field       string `json:"field"`
				Description string `json:"description"`
				Type        string `json:"type"`
			} `json:"violations"`
		} `json:"error"`
	}
	raw := w.Body.String()
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&body)
	if err != nil || body.Error == nil || body.Error.Code == nil || body.Error.Status == nil || body.Error.Message == nil || body.Error.Violations == nil {
		t.Fatalf("not the form of an error (%v): %s", err, raw)
	}
	if *body.Error.Code != w.Code || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("HTTP status %d of type %s says %d: %s", w.Code, w.Header().Get("Content-Type"), *body.Error.Code, raw)
	}
	for _, v := range body.Error.Violations {
		if v.Description == "" {
			t.Errorf("a violation says nothing: %s", raw)
		}
		violations = append(violations, strings.TrimSpace(v.Field+" "+v.Type))
	}
	return *body.Error.Status, *body.Error.Message, violations
}

// What a service refuses is told in the one form, with its HTTP status.
func TestServiceErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err        error
		http       int
		status     string
		violations []string
	}{
		{failure.All(failure.Invalid("weight", "w"), failure.Invalid("containers[1].origin", "o")), 400, "INVALID_ARGUMENT", []string{"weight", "containers[1].origin"}},
		{failure.NotFound("id", "n"), 404, "NOT_FOUND", []string{"id"}},
		{failure.Exists("request_id", "e"), 409, "ALREADY_EXISTS", []string{"request_id"}},
		{failure.All(failure.Short(failure.ShortOfCapacity, "containers", "c"), failure.Short(failure.ShortOfWeight, "weight", "w")), 409, "FAILED_PRECONDITION", []string{"containers CAPACITY", "weight WEIGHT"}},
		{failure.Unavailable(errors.New("secret"), "u"), 503, "UNAVAILABLE", nil},
		{context.DeadlineExceeded, 504, "DEADLINE_EXCEEDED", nil},
		{errors.New("secret"), 500, "INTERNAL", nil},
		{status.Error(codes.Unimplemented, "x"), 501, "UNIMPLEMENTED", nil},
		{status.Error(codes.ResourceExhausted, "x"), 429, "RESOURCE_EXHAUSTED", nil},
	} {
		t.Run(c.status, func(t *testing.T) {
			t.Parallel()
			h := (&behind{answer: func(string) (proto.Message, error) { return nil, c.err }}).handler(t)
			w := call(h, "GET", "/v1/consignments/x", "")
			status, message, violations := errorOf(t, w)
			if w.Code != c.http || status != c.status || !slices.Equal(violations, c.violations) || message == "" || strings.Contains(message, "secret") {
				t.Errorf("%v became %d %s %q: %s", c.err, w.Code, status, violations, message)
			}
		})
	}
}

// What cannot be passed on is refused by name, in the same form, and never reaches a service.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	b := &behind{}
	h := b.handler(t)
	big := `{"description": "` + strings.Repeat("x", 4<<20) + `"}`
	for _, c := range []struct {
		name, method, path, body string
		http                     int
		status                   string
		violation                string
	}{
		{"unknown field", "POST", "/v1/consignments", `{"weight": 1, "colour": "red"}`, 400, "INVALID_ARGUMENT", "colour"},
		{"unknown field inside", "POST", "/v1/consignments", `{"containers": [{"orgin": "Derby"}]}`, 400, "INVALID_ARGUMENT", "orgin"},
		{"unknown field of a batch", "POST", "/v1/consignments:batchCreate", `{"requests": [{"wait": 1}]}`, 400, "INVALID_ARGUMENT", "wait"},
		{"text for a number", "POST", "/v1/consignments", `{"weight": "heavy"}`, 400, "INVALID_ARGUMENT", "weight"},
		{"fraction", "POST", "/v1/consignments", `{"weight": 1.5}`, 400, "INVALID_ARGUMENT", "weight"},
		{"more than 32 bits", "POST", "/v1/consignments", `{"weight": 5000000000}`, 400, "INVALID_ARGUMENT", "weight"},
		{"cut off", "POST", "/v1/consignments", `{"weight": 1`, 400, "INVALID_ARGUMENT", "body"},
		{"no JSON", "POST", "/v1/consignments", `weight=1`, 400, "INVALID_ARGUMENT", "body"},
		{"a list", "POST", "/v1/consignments", `[]`, 400, "INVALID_ARGUMENT", "body"},
		{"twice", "POST", "/v1/consignments", `{"weight": 1, "weight": 2}`, 400, "INVALID_ARGUMENT", "weight"},
		{"no text", "POST", "/v1/consignments", "{\"description\": \"\xff\xfe\"}", 400, "INVALID_ARGUMENT", "body"},
		{"over 4 MB", "POST", "/v1/consignments", big, 400, "INVALID_ARGUMENT", "body"},
		{"query of another type", "GET", "/v1/consignments?page_size=many", "", 400, "INVALID_ARGUMENT", "page_size"},
		{"query out of range", "GET", "/v1/vessels:findAvailable?capacity=5000000000", "", 400, "INVALID_ARGUMENT", "capacity"},
		{"no such path", "GET", "/v1/consigments", "", 404, "NOT_FOUND", "path"},
		{"no such verb", "POST", "/v1/consignments/x:explode", "{}", 405, "INVALID_ARGUMENT", "method"}, // it may be the id of one to get
		{"another method", "DELETE", "/v1/consignments", "", 405, "INVALID_ARGUMENT", "method"},
		{"another method of one", "PUT", "/v1/vessels/x", "{}", 405, "INVALID_ARGUMENT", "method"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := call(h, c.method, c.path, c.body)
			status, message, violations := errorOf(t, w)
			if w.Code != c.http || status != c.status || !slices.Equal(violations, []string{c.violation}) || !strings.HasPrefix(message, c.violation+": ") {
				t.Errorf("%d %s %q: %s; want %d %s of %s", w.Code, status, violations, message, c.http, c.status, c.violation)
			}
		})
	}
	if b.method != "" {
		t.Errorf("%s was called", b.method)
	}
}

// A body just under the limit arrives.
func TestLargeBody(t *testing.T) {
	t.Parallel()
	b := &behind{}
	text := strings.Repeat("x", 4<<20-100)
	w := call(b.handler(t), "POST", "/v1/consignments", `{"description": "`+text+`"}`)
	var got consignmentv1.CreateConsignmentRequest
	if err := proto.Unmarshal(b.asked, &got); w.Code != 200 || err != nil || got.GetDescription() != text {
		t.Errorf("%d, %v: %d bytes arrived", w.Code, err, len(got.GetDescription()))
	}
}

// Bodies, path and query become fields; answers have every field, under its name in the contract.
func TestTranslation(t *testing.T) {
	t.Parallel()
	b := &behind{answer: func(string) (proto.Message, error) {
		return &consignmentv1.ListConsignmentsResponse{Consignments: []*consignmentv1.Consignment{{Id: "c1", VesselId: "v"}}}, nil
	}}
	h := b.handler(t)

	w := call(h, "GET", "/v1/consignments?customer_id=a%2Fb&page_size=7&page_token=t", "")
	var list consignmentv1.ListConsignmentsRequest
	if err := proto.Unmarshal(b.asked, &list); err != nil || list.GetCustomerId() != "a/b" || list.GetPageSize() != 7 || list.GetPageToken() != "t" {
		t.Errorf("asked %v, %v", &list, err)
	}
	var answer struct {
		Consignments []map[string]any
		Next         *string `json:"next_page_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || answer.Next == nil || len(answer.Consignments) != 1 ||
		answer.Consignments[0]["vessel_id"] != "v" || answer.Consignments[0]["status_reason"] != "" {
		t.Errorf("answered %d %+v, %v", w.Code, answer, err)
	}

	call(h, "POST", "/v1/consignments/c1:cancel", `{"reason": "r"}`)
	var cancel consignmentv1.CancelConsignmentRequest
	if err := proto.Unmarshal(b.asked, &cancel); err != nil || cancel.GetId() != "c1" || cancel.GetReason() != "r" {
		t.Errorf("asked %v, %v", &cancel, err)
	}
	call(h, "GET", "/v1/consignments/a%7C%7Cb", "")
	var get consignmentv1.GetConsignmentRequest
	if err := proto.Unmarshal(b.asked, &get); err != nil || get.GetId() != "a||b" {
		t.Errorf("asked %v, %v", &get, err)
	}
}

// Every route of proto/rest.yaml reaches its method, and is in the OpenAPI document.
func TestRoutes(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../../../../proto/rest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules := regexp.MustCompile(`selector: (\S+)\s+(get|post|put|patch|delete): (\S+)`).FindAllStringSubmatch(string(file), -1)
	if selectors := strings.Count(string(file), "selector:"); len(rules) != selectors || len(rules) < 12 {
		t.Fatalf("read %d routes of %d", len(rules), selectors)
	}
	b := &behind{}
	h := b.handler(t)

	w := call(h, "GET", "/openapi.json", "")
	var document struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("OpenAPI: %d, %v", w.Code, err)
	}
	variable := regexp.MustCompile(`\{[^}]*\}`)
	for _, rule := range rules {
		selector, method, path := rule[1], rule[2], rule[3]
		w := call(h, strings.ToUpper(method), variable.ReplaceAllString(path, "x1"), map[bool]string{true: "{}"}[method == "post"])
		dot := strings.LastIndex(selector, ".")
		if want := "/" + selector[:dot] + "/" + selector[dot+1:]; w.Code != 200 || b.method != want {
			t.Errorf("%s %s: %d, reached %s, want %s", method, path, w.Code, b.method, want)
		}
		if document.Paths[path][method] == nil {
			t.Errorf("%s %s is not in the OpenAPI document", method, path)
		}
	}
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	h := (&behind{}).handler(t)
	w := call(h, "GET", "/", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || !strings.Contains(w.Body.String(), "/openapi.json") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	ready := func(context.Context) error { return nil }
	away := func(context.Context) error { return errors.New("secret") }
	for _, c := range []struct {
		name   string
		checks map[string]rest.Check
		code   int
		want   string
	}{
		{"all ready", map[string]rest.Check{"gateway": ready, "vessel": ready}, 200, `{"parts":{"gateway":"ready","vessel":"ready"},"status":"ready"}`},
		{"one is not", map[string]rest.Check{"gateway": ready, "vessel": away}, 503, `{"parts":{"gateway":"ready","vessel":"not ready"},"status":"not ready"}`},
		{"none is", map[string]rest.Check{"gateway": away, "vessel": away}, 503, `{"parts":{"gateway":"not ready","vessel":"not ready"},"status":"not ready"}`},
	} {
		w := call(rest.Health(c.checks), "GET", "/healthz", "")
		body, err := io.ReadAll(w.Body)
		if got := strings.TrimSpace(string(body)); err != nil || w.Code != c.code || got != c.want ||
			w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s; want %d %s", c.name, w.Code, got, c.code, c.want)
		}
	}
	if w := call((&behind{}).handler(t), "GET", "/healthz", ""); w.Code != 200 {
		t.Errorf("it is not served: %d", w.Code)
	}
}

// A check that hangs is not ready, in time.
func TestHealthHangs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w := httptest.NewRecorder()
	entered := make(chan struct{})
	go func() { <-entered; cancel() }() // as the time limit would
	rest.Health(map[string]rest.Check{"vessel": func(ctx context.Context) error {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("a check may take for ever")
		}
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	}}).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/healthz", nil))
	if w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
