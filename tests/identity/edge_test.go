package identity

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Every answer carries the id of its request: the one it came with, or a new one.
func TestRequestIDs(t *testing.T) {
	p := shared(t)
	answers := []struct {
		name, method, path string
		caller             platform.Caller
		status             int
	}{
		{"an answer", "GET", "/v1/vessels", p.As(t, platform.Operator), 200},
		{"health", "GET", "/healthz", p.Nobody(), 200},
		{"the document", "GET", "/openapi.json", p.Nobody(), 200},
		{"the keys", "GET", "/.well-known/jwks.json", p.Nobody(), 200},
		{"a bad request", "POST", "/v1/consignments", p.As(t, platform.Operator), 400},
		{"nobody's", "GET", "/v1/vessels", p.Nobody(), 401},
		{"one denied", "GET", "/v1/users", p.As(t, platform.Operator), 403},
		{"one not found", "GET", "/v1/vessels/nothing", p.As(t, platform.Operator), 404},
		{"no route", "GET", "/nothing", p.Nobody(), 404},
		{"no method", "DELETE", "/v1/vessels", p.Nobody(), 405},
	}
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			own := rand.Text()
			got := a.caller.REST(t, a.method, a.path, nil, "X-Request-Id: "+own)
			if got.Status != a.status || len(got.Header.Values("X-Request-Id")) != 1 || got.Header.Get("X-Request-Id") != own {
				t.Errorf("answered %d %s with id %v, want %d with %s", got.Status, got.Body, got.Header.Values("X-Request-Id"), a.status, own)
			}
			wantSafe(t, got)
			seen := map[string]bool{own: true}
			for name, headers := range map[string][]string{
				"none":     nil,
				"empty":    {"X-Request-Id: "},
				"two":      {"X-Request-Id: " + own, "X-Request-Id: other"},
				"a space":  {"X-Request-Id: a b"},
				"too long": {"X-Request-Id: " + strings.Repeat("a", 129)},
				"no ASCII": {"X-Request-Id: åäö"},
			} {
				id := a.caller.REST(t, a.method, a.path, nil, headers...).Header.Values("X-Request-Id")
				if len(id) != 1 || len(id[0]) != 36 || seen[id[0]] {
					t.Errorf("%s: answered with %q, want a new id", name, id)
					continue
				}
				seen[id[0]] = true
			}
		})
	}
	t.Run("gRPC", func(t *testing.T) {
		c := p.Client(t)
		for _, id := range []string{"vessel", "nobody"} { // an answer, and an error
			own := rand.Text()
			var header, trailer metadata.MD
			_, err := c.Ping(metadata.AppendToOutgoingContext(t.Context(), "x-request-id", own), &opsv1.PingRequest{AppId: id}, grpc.Header(&header), grpc.Trailer(&trailer))
			if got := append(header.Get("x-request-id"), trailer.Get("x-request-id")...); len(got) != 1 || got[0] != own {
				t.Errorf("asked with id %s, answered with %v (%v)", own, got, err)
			}
			header, trailer = nil, nil
			_, _ = c.Ping(t.Context(), &opsv1.PingRequest{AppId: id}, grpc.Header(&header), grpc.Trailer(&trailer))
			if got := append(header.Get("x-request-id"), trailer.Get("x-request-id")...); len(got) != 1 || len(got[0]) != 36 {
				t.Errorf("asked without, answered with %v", got)
			}
		}
	})
	t.Run("the logs of all who took part have it", func(t *testing.T) {
		user := p.Register(t)
		c := user.Client(t)
		ask := map[string]func(ctx context.Context){
			"consignment": func(ctx context.Context) {
				_, _ = c.ListConsignments(ctx, &consignmentv1.ListConsignmentsRequest{})
			},
			"vessel": func(ctx context.Context) { _, _ = c.Ping(ctx, &opsv1.PingRequest{AppId: "vessel"}) },
			"user":   func(ctx context.Context) { _, _ = c.Users.Get(ctx, &userv1.GetRequest{Id: "me"}) },
		}
		for app, call := range ask {
			own := rand.Text()
			call(metadata.AppendToOutgoingContext(t.Context(), "x-request-id", own))
			wantLogged(t, p, own, "gateway", app)
		}
		own := rand.Text()
		user.REST(t, "GET", "/v1/consignments", nil, "X-Request-Id: "+own)
		wantLogged(t, p, own, "gateway", "consignment")
		order, err := protojson.Marshal(freight.Order("", 1, "Atlantis"))
		if err != nil {
			t.Fatal(err)
		}
		own = rand.Text()
		p.As(t, platform.Operator).REST(t, "POST", "/v1/consignments", order, "X-Request-Id: "+own)
		wantLogged(t, p, own, "gateway", "consignment")
	})
}

// wantLogged wants a request to be found in the logs of apps.
func wantLogged(t *testing.T, p *platform.Platform, id string, apps ...string) {
	t.Helper()
	for _, app := range apps {
		platform.Wait(t, 5*time.Second, func() error {
			content, err := os.ReadFile(filepath.Join(p.Data, "logs", app+".log"))
			if err == nil && !strings.Contains(string(content), id) {
				err = fmt.Errorf("request %s is not in the log of %s", id, app)
			}
			return err
		})
	}
}

// wantSafe wants the headers by which browsers keep an answer to itself.
func wantSafe(t *testing.T, answer platform.Answer) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := answer.Header.Get(name); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// What is under /v1 is not to be kept by anything between.
func TestAnswersAreNotKept(t *testing.T) {
	p := shared(t)
	for _, path := range []string{"/v1/users/me", "/v1/vessels", "/v1/vessels/nothing"} {
		if got := p.REST(t, "GET", path, nil).Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("GET %s: Cache-Control is %q, want no-store", path, got)
		}
	}
}

// The header Idempotency-Key is the request_id of a request that has one.
func TestIdempotencyKey(t *testing.T) {
	p := shared(t)
	c := p.Client(t)
	order := freight.Order(freight.Vessel(t, c, 100, 100_000), 1, freight.Depot(t, c, 100))
	document := func(request string) []byte {
		order.RequestId = request
		content, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(order)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	book := func(request string, headers ...string) (string, platform.Answer) {
		t.Helper()
		answer := p.As(t, platform.Operator).REST(t, "POST", "/v1/consignments", document(request), headers...)
		var body struct {
			Consignment struct {
				ID string `json:"id"`
			} `json:"consignment"`
		}
		if err := json.Unmarshal(answer.Body, &body); err != nil {
			t.Fatal(err)
		}
		return body.Consignment.ID, answer
	}
	key := freight.RequestID()
	first, answer := book("", "Idempotency-Key: "+key)
	if first == "" {
		t.Fatalf("booking: answered %d %s", answer.Status, answer.Body)
	}
	for name, again := range map[string]func() string{
		"the same":                  func() string { id, _ := book("", "Idempotency-Key: "+key); return id },
		"in quotes":                 func() string { id, _ := book("", `Idempotency-Key: "`+key+`"`); return id },
		"as request_id":             func() string { id, _ := book(key); return id },
		"as both":                   func() string { id, _ := book(key, "Idempotency-Key: "+key); return id },
		"as gRPC metadata":          func() string { return overGRPC(t, c, order, key, "") },
		"as gRPC metadata and both": func() string { return overGRPC(t, c, order, key, key) },
	} {
		if id := again(); id != first {
			t.Errorf("%s: booked %q, want %q", name, id, first)
		}
	}
	if other, _ := book("", "Idempotency-Key: "+freight.RequestID()); other == first || other == "" {
		t.Errorf("another key gives %q", other)
	}
	for name, headers := range map[string][]string{
		"two":      {"Idempotency-Key: " + key, "Idempotency-Key: " + key},
		"too long": {"Idempotency-Key: " + strings.Repeat("a", 129)},
		"a space":  {"Idempotency-Key: a b"},
	} {
		_, answer := book("", headers...)
		if answer.Status != 400 {
			t.Errorf("%s: answered %d %s, want 400", name, answer.Status, answer.Body)
			continue
		}
		wantNamed(t, name, violationsIn(t, answer), "idempotency-key")
	}
	_, answer = book("other", "Idempotency-Key: "+key)
	if answer.Status != 400 {
		t.Errorf("both and different: answered %d %s, want 400", answer.Status, answer.Body)
	}
	wantNamed(t, "both and different", violationsIn(t, answer), "request_id")
	if got := p.As(t, platform.Operator).REST(t, "GET", "/v1/vessels", nil, "Idempotency-Key: "+key); got.Status != 200 {
		t.Errorf("where there is no request_id: answered %d %s", got.Status, got.Body)
	}

	t.Run("of a sign-up", func(t *testing.T) {
		account := platform.NewAccount()
		body := fmt.Appendf(nil, `{"name": "A customer", "email": %q, "password": %q}`, account.Email, account.Password)
		var said []string
		for range 2 {
			said = append(said, string(p.Nobody().REST(t, "POST", "/v1/users", body, "Idempotency-Key: "+key).Body))
		}
		if said[0] != said[1] || !strings.Contains(said[0], account.Email) {
			t.Errorf("the second is answered %s, the first %s", said[1], said[0])
		}
	})
}

func overGRPC(t *testing.T, c *platform.Client, order *consignmentv1.CreateConsignmentRequest, key, request string) string {
	t.Helper()
	order.RequestId = request
	answer, err := c.CreateConsignment(metadata.AppendToOutgoingContext(t.Context(), "idempotency-key", key), order)
	if err != nil {
		t.Error(err)
	}
	return answer.GetConsignment().GetId()
}

// Two authorization headers are refused wherever they are: which of them counts must not depend on
// who reads.
func TestDoubledAuthorization(t *testing.T) {
	p := shared(t)
	operator := p.As(t, platform.Operator)
	second := "Authorization: Bearer " + p.As(t, platform.Admin).Token(t)
	for _, request := range []struct{ method, path, body string }{
		{"GET", "/v1/vessels", ""}, {"POST", "/v1/tokens:validate", `{"token": "rubbish"}`},
	} {
		answer := operator.REST(t, request.method, request.path, []byte(request.body), second)
		if answer.Status != 401 || codeIn(t, answer) != unknown {
			t.Errorf("%s: answered %d %s, want 401", request.path, answer.Status, answer.Body)
		}
	}
	for _, method := range []string{"/seaport.vessel.v1.VesselService/ListVessels", "/seaport.user.v1.UserService/ValidateToken"} {
		twice := p.Dial(t, p.Address(), map[string]string{"authorization": "Bearer " + operator.Token(t)})
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+operator.Token(t))
		if err := twice.Conn.Invoke(ctx, method, []byte{}, new([]byte), grpc.ForceCodec(raw{})); codeOf(err) != unknown {
			t.Errorf("%s: got %v, want UNAUTHENTICATED", method, err)
		}
	}
	t.Run("other forms", func(t *testing.T) {
		token := operator.Token(t)
		for header, want := range map[string]int{
			"Bearer " + token: 200, "bearer " + token: 200, "BEARER  " + token + " ": 200,
			"Basic " + token: 401, token: 401, "Bearer": 401, "Bearer " + token + " " + token: 401, "Bearer " + token + ", Bearer " + token: 401,
		} {
			if got := p.Nobody().REST(t, "GET", "/v1/vessels", nil, "Authorization: "+header); got.Status != want {
				t.Errorf("%.10s… (%d characters): answered %d, want %d", header, len(header), got.Status, want)
			}
		}
	})
}

// A page of another origin reads nothing, unless its origin is let in by name.
func TestCrossOrigin(t *testing.T) {
	const friend, stranger = "https://app.example", "https://app.example.evil.example"
	preflight := func(p *platform.Platform, origin string) platform.Answer {
		return p.Nobody().REST(t, "OPTIONS", "/v1/consignments", nil,
			"Origin: "+origin, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type")
	}
	allowed := func(answer platform.Answer) string { return answer.Header.Get("Access-Control-Allow-Origin") }

	closed := shared(t)
	for _, origin := range []string{friend, "null", closed.URL()} {
		if got := allowed(preflight(closed, origin)); got != "" {
			t.Errorf("closed: %s is allowed as %q", origin, got)
		}
		if got := allowed(closed.As(t, platform.Operator).REST(t, "GET", "/v1/vessels", nil, "Origin: "+origin)); got != "" {
			t.Errorf("closed: %s may read, as %q", origin, got)
		}
	}

	open := platform.Start(t, "--no-seed", "--env", "gateway:SEAPORT_CORS_ORIGINS="+friend+",https://other.example")
	answer := preflight(open, friend)
	if allowed(answer) != friend || !strings.Contains(answer.Header.Get("Access-Control-Allow-Methods"), "POST") || answer.Status >= 300 {
		t.Errorf("open: answered %d %v", answer.Status, answer.Header)
	}
	if headers := strings.ToLower(answer.Header.Get("Access-Control-Allow-Headers")); !strings.Contains(headers, "authorization") {
		t.Errorf("open: allowed are the headers %q", headers)
	}
	if answer.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("open: cookies are allowed, which nothing here uses")
	}
	if got := allowed(open.As(t, platform.Operator).REST(t, "GET", "/v1/vessels", nil, "Origin: "+friend)); got != friend {
		t.Errorf("open: %s may read as %q", friend, got)
	}
	for _, origin := range []string{stranger, "null", "http://app.example", friend + ":8443"} {
		if got := allowed(preflight(open, origin)); got != "" {
			t.Errorf("open: %s is allowed as %q", origin, got)
		}
	}
}
