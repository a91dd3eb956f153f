package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	"testing/iotest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/services/gateway/internal/rest"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/serve"
)

// behind is a gRPC server that answers every method, and notes what it was asked.
type behind struct {
	answer func(method string) (proto.Message, error)                      // nil: an empty message
	stream func(ctx context.Context, send func(proto.Message) error) error // answers instead, if it is there

	mu     sync.Mutex
	method string
	asked  []byte
	with   metadata.MD
}

func (b *behind) handle(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var req emptypb.Empty // whatever it is, its fields are unknown ones
	if err := stream.RecvMsg(&req); err != nil {
		return err
	}
	b.mu.Lock()
	b.method, b.asked = method, req.ProtoReflect().GetUnknown()
	b.with, _ = metadata.FromIncomingContext(stream.Context())
	b.mu.Unlock()
	if b.stream != nil {
		return b.stream(stream.Context(), func(m proto.Message) error { return stream.SendMsg(m) })
	}
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
	server := serve.NewServer(slog.New(slog.DiscardHandler), letPass(), grpc.UnknownServiceHandler(b.handle))
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	handler, err := rest.Handler(t.Context(), conn, rest.Config{
		Health:  rest.Health(nil),
		WebKeys: func() ([]byte, error) { return []byte(`{"keys":[]}`), nil },
		Headers: []string{"x-request-id", "idempotency-key"}, KeepAlive: keepAlive,
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// letPass is a guard that lets everything pass that has a rule.
func letPass() *auth.Guard {
	return auth.NewGuard(auth.GuardConfig{App: "gateway", Rules: access.Public, Insecure: true})
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
		{failure.Exhausted(3*time.Second, "e"), 429, "RESOURCE_EXHAUSTED", nil},
		{failure.Unauthenticated("u"), 401, "UNAUTHENTICATED", nil},
		{failure.Denied("d"), 403, "PERMISSION_DENIED", nil},
		{failure.DeniedField("customer_id", "d"), 403, "PERMISSION_DENIED", []string{"customer_id"}},
	} {
		t.Run(fmt.Sprintf("%s %v", c.status, c.violations), func(t *testing.T) {
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
		{"query twice", "GET", "/v1/consignments?page_size=1&page_size=2", "", 400, "INVALID_ARGUMENT", "page_size"},
		{"query under two names", "GET", "/v1/consignments?page_size=1&pageSize=2", "", 400, "INVALID_ARGUMENT", "page_size"},
		{"query that is no text", "GET", "/v1/consignments?page_token=%ff", "", 400, "INVALID_ARGUMENT", "page_token"},
		{"query of a watch that is no text", "GET", "/v1/consignments:watch?customer_id=%ff", "", 400, "INVALID_ARGUMENT", "customer_id"},
		{"consignment that is no text", "GET", "/v1/consignments/%ff", "", 400, "INVALID_ARGUMENT", "path"},
		{"vessel that is no text", "GET", "/v1/vessels/%ff", "", 400, "INVALID_ARGUMENT", "path"},
		{"user that is no text", "POST", "/v1/users/%ff:setRoles", "{}", 400, "INVALID_ARGUMENT", "path"},
		{"app that is no text", "GET", "/v1/apps/%ff/deadLetters", "", 400, "INVALID_ARGUMENT", "path"},
		{"topic that is no text", "POST", "/v1/topics/%ff:publish", "{}", 400, "INVALID_ARGUMENT", "path"},
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

// A body that does not arrive in time is refused, and where it was to come from is nobody's business.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	b := &behind{}
	w := httptest.NewRecorder()
	late := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 80}, Err: os.ErrDeadlineExceeded}
	b.handler(t).ServeHTTP(w, httptest.NewRequest("POST", "/v1/consignments", iotest.ErrReader(late)))
	status, message, violations := errorOf(t, w)
	if w.Code != 400 || status != "INVALID_ARGUMENT" || !slices.Equal(violations, []string{"body"}) || strings.Contains(message, "10.1.2.3") || b.method != "" {
		t.Errorf("%d %s %q: %s", w.Code, status, violations, message)
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
		Paths               map[string]map[string]any
		SecurityDefinitions map[string]struct{ Type, In, Name string }
		Security            []map[string][]string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("OpenAPI: %d, %v", w.Code, err)
	}
	if bearer := document.SecurityDefinitions["bearer"]; bearer.Type != "apiKey" || bearer.In != "header" || bearer.Name != "Authorization" ||
		len(document.Security) != 1 || document.Security[0]["bearer"] == nil {
		t.Errorf("OpenAPI: %v, %v", document.SecurityDefinitions, document.Security)
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
		free := access.Public[slices.IndexFunc(access.Public, func(rules auth.Rules) bool { _, ok := rules[b.method]; return ok })][b.method].Anyone
		operation, _ := document.Paths[path][method].(map[string]any)
		if security, said := operation["security"].([]any); said && (len(security) > 0 || !free) {
			t.Errorf("%s %s needs a token (%t), and the OpenAPI document says %v", method, path, !free, security)
		}
	}
}

// Who is not known is told how to become so, and who asks too often when to come back.
func TestHints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                     string
		err                      error
		retryAfter, challengedBy string
	}{
		{"who are you", failure.Unauthenticated("u"), "", "Bearer"},
		{"not for you", failure.Denied("d"), "", ""},
		{"a moment", failure.Exhausted(time.Millisecond, "e"), "1", ""},
		{"a while", failure.Exhausted(90*time.Second, "e"), "90", ""},
		{"a little more", failure.Exhausted(90*time.Second+1, "e"), "91", ""},
		{"nobody knows how long", status.Error(codes.ResourceExhausted, "x"), "", ""},
	} {
		h := (&behind{answer: func(string) (proto.Message, error) { return nil, c.err }}).handler(t)
		answer := call(h, "POST", "/v1/tokens", "{}").Header()
		if got := answer.Get("Retry-After"); got != c.retryAfter {
			t.Errorf("%s: Retry-After %q, want %q", c.name, got, c.retryAfter)
		}
		if got := answer.Get("WWW-Authenticate"); got != c.challengedBy {
			t.Errorf("%s: WWW-Authenticate %q, want %q", c.name, got, c.challengedBy)
		}
	}
}

// Of the headers, those that are meant to reach the server, as often as they are there; whatever they
// are called, no others.
func TestHeaders(t *testing.T) {
	t.Parallel()
	b := &behind{}
	h := b.handler(t)
	ask := func(header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/v1/consignments", nil)
		r.Header = header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := ask(http.Header{
		"Authorization": {"Bearer a"}, "X-Request-Id": {"r"}, "Idempotency-Key": {"k1", "k2"},
		"Grpc-Metadata-Authorization": {"Bearer b"}, "Grpc-Metadata-X-Seaport-Address": {"10.0.0.1"}, "Grpc-Metadata-Dapr-App-Id": {"vessel"},
		"X-Seaport-Address": {"10.0.0.1"}, "Dapr-Api-Token": {"t"}, "Cookie": {"c"},
	})
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string][]string{
		"authorization": {"Bearer a"}, "x-request-id": {"r"}, "idempotency-key": {"k1", "k2"},
		"grpcgateway-authorization": nil, "x-seaport-address": nil, "dapr-app-id": nil, "dapr-api-token": nil, "grpcgateway-cookie": nil, "cookie": nil,
	} {
		if got := b.with.Get(name); !slices.Equal(got, want) {
			t.Errorf("%s arrived as %q, want %q", name, got, want)
		}
	}
	for name := range w.Header() {
		if strings.HasPrefix(name, "Grpc-") {
			t.Errorf("the answer has %s", name)
		}
	}
	ask(http.Header{"Authorization": {"Bearer a", "Bearer b"}})
	if got := b.with.Get("authorization"); len(got) != 2 {
		t.Errorf("two authorizations arrived as %q", got)
	}
	for _, name := range []string{"Authorization", "Idempotency-Key", "X-Request-Id"} {
		w := ask(http.Header{name: {"Bearer \xff"}})
		if status, _, violations := errorOf(t, w); w.Code != http.StatusBadRequest || status != "INVALID_ARGUMENT" || !strings.EqualFold(violations[0], name) {
			t.Errorf("illegible %s: %d %s %q", name, w.Code, status, violations)
		}
	}
}

// The keys of tokens can be had by anybody, and kept for a while.
func TestWebKeys(t *testing.T) {
	t.Parallel()
	b := &behind{}
	w := call(b.handler(t), "GET", "/.well-known/jwks.json", "")
	if w.Code != 200 || w.Body.String() != `{"keys":[]}` || w.Header().Get("Content-Type") != "application/json" ||
		w.Header().Get("Cache-Control") != "public, max-age=300" || b.method != "" {
		t.Errorf("%d %v %s, after %s", w.Code, w.Header(), w.Body, b.method)
	}
	h, err := rest.Handler(t.Context(), nil, rest.Config{Health: rest.Health(nil), WebKeys: func() ([]byte, error) {
		return nil, failure.Unavailable(nil, "the keys are not known yet")
	}})
	if err != nil {
		t.Fatal(err)
	}
	w = call(h, "GET", "/.well-known/jwks.json", "")
	if status, _, _ := errorOf(t, w); w.Code != 503 || status != "UNAVAILABLE" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("without keys: %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	h := (&behind{}).handler(t)
	w := call(h, "GET", "/", "")
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || !strings.Contains(w.Body.String(), "/openapi.json") || !strings.Contains(w.Body.String(), "/v1/tokens") {
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
