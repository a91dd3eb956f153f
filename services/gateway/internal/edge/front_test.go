package edge_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/internal/auth"
)

// http2 is a client that speaks HTTP/2 without TLS.
func http2(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Who is let in, by the headers of a call: the same through every door.
func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	p := open(t)
	customer, admin := p.customer(t), "Bearer "+p.authority.User(t, "u2", auth.Admin)
	doors := map[string]*http.Client{"HTTP/1": http.DefaultClient, "HTTP/2": http2(t)}
	for _, c := range []struct {
		name    string
		headers []string
		get     codes.Code // of a consignment, for customers and operators
		log     codes.Code // in, for anybody, who has not the password
	}{
		{"nobody", nil, codes.Unauthenticated, codes.OK},
		{"a customer", []string{"Authorization", customer}, codes.OK, codes.OK},
		{"small letters", []string{"Authorization", "b" + customer[1:]}, codes.OK, codes.OK},
		{"an admin", []string{"Authorization", admin}, codes.PermissionDenied, codes.OK},
		{"garbage", []string{"Authorization", "Bearer garbage"}, codes.Unauthenticated, codes.OK},
		{"the gateway's own", []string{"Authorization", "Bearer " + p.authority.App(t, "gateway", "consignment")}, codes.Unauthenticated, codes.OK},
		{"another scheme", []string{"Authorization", "Basic dTpw"}, codes.Unauthenticated, codes.Unauthenticated},
		{"the same twice", []string{"Authorization", customer, "Authorization", customer}, codes.Unauthenticated, codes.Unauthenticated},
		{"two", []string{"Authorization", customer, "Authorization", admin}, codes.Unauthenticated, codes.Unauthenticated},
		{"two in one", []string{"Authorization", customer + ", " + customer}, codes.Unauthenticated, codes.OK},
		{"by the back door", []string{"Grpc-Metadata-Authorization", customer}, codes.Unauthenticated, codes.OK},
		{"one too long", []string{"Authorization", "Bearer " + strings.Repeat("x", 20<<10)}, codes.Unauthenticated, codes.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			toHTTP := map[codes.Code]int{codes.OK: 200, codes.Unauthenticated: 401, codes.PermissionDenied: 403}
			for door, client := range doors {
				a := p.doBy(t, client, "GET", "/v1/consignments/c1", "", c.headers...)
				if a.code != toHTTP[c.get] || (a.header.Get("WWW-Authenticate") != "") != (a.code == 401) {
					t.Errorf("%s: %d %v %s; want %s", door, a.code, a.header, a.body, c.get)
				}
				a = p.doBy(t, client, "POST", "/v1/users", "{}", c.headers...)
				if a.code != toHTTP[c.log] {
					t.Errorf("%s, for anybody: %d %s; want %s", door, a.code, a.body, c.log)
				}
			}
			conn := p.dial(t, c.headers...)
			if _, err := consignmentv1.NewShippingServiceClient(conn).GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c1"}); status.Code(err) != c.get {
				t.Errorf("gRPC: %v; want %s", err, c.get)
			}
			if _, err := userv1.NewUserServiceClient(conn).Create(t.Context(), &userv1.CreateRequest{}); status.Code(err) != c.log {
				t.Errorf("gRPC, for anybody: %v; want %s", err, c.log)
			}
		})
	}
}

// An insecure gateway asks nobody.
func TestInsecure(t *testing.T) {
	t.Parallel()
	p := open(t, insecurely)
	if a := p.do(t, "GET", "/v1/consignments/c1", ""); a.code != 200 {
		t.Errorf("%d %s", a.code, a.body)
	}
}

// Headers over the limit are refused before anything here sees them.
func TestHeadersTooLarge(t *testing.T) {
	t.Parallel()
	p := open(t)
	large := "Bearer " + strings.Repeat("x", 1<<20)
	if a := p.do(t, "GET", "/v1/consignments/c1", "", "Authorization", large); a.code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("REST: %d %s", a.code, a.body)
	}
	_, err := consignmentv1.NewShippingServiceClient(p.dial(t, "authorization", large)).GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{})
	if err == nil || !strings.Contains(err.Error(), "header list size") {
		t.Errorf("gRPC: %v", err)
	}
	if len(p.shipping.with) > 0 {
		t.Error("it arrived")
	}
}

// A request has an id in its answer and in what it causes: its own, if that is one; else a new one.
func TestRequestID(t *testing.T) {
	t.Parallel()
	p := open(t)
	for name, c := range map[string]struct {
		shown []string
		kept  bool
	}{
		"none": {nil, false}, "own": {[]string{"abc-1"}, true}, "blanks": {[]string{"a b"}, false},
		"longest": {[]string{strings.Repeat("x", 128)}, true}, "too long": {[]string{strings.Repeat("x", 129)}, false}, "two": {[]string{"a", "b"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{"Authorization", p.customer(t)}
			for _, id := range c.shown {
				headers = append(headers, "X-Request-Id", id)
			}
			seen := make(map[string]bool)
			check := func(door string, answered []string) {
				t.Helper()
				behind := p.shipping.with[len(p.shipping.with)-1].Get("x-request-id")
				if len(answered) != 1 || !slices.Equal(behind, answered) || seen[answered[0]] && !c.kept ||
					(len(c.shown) > 0 && answered[0] == c.shown[0]) != c.kept || !c.kept && len(answered[0]) != 36 {
					t.Errorf("%s: shown %q, answered %q, behind %q", door, c.shown, answered, behind)
				}
				seen[answered[0]] = true
			}
			check("REST", p.do(t, "GET", "/v1/consignments/c1", "", headers...).header.Values("X-Request-Id"))
			check("REST, booking", p.do(t, "POST", "/v1/consignments", "{}", headers...).header.Values("X-Request-Id"))
			var md metadata.MD
			client := consignmentv1.NewShippingServiceClient(p.dial(t, headers...))
			if _, err := client.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c1"}, grpc.Header(&md)); err != nil {
				t.Fatal(err)
			}
			check("gRPC", md.Get("x-request-id"))
		})
	}
	for _, path := range []string{"/", "/healthz", "/nowhere", "/v1/consignments/c1"} {
		if a := p.do(t, "GET", path, ""); len(a.header.Get("X-Request-Id")) != 36 {
			t.Errorf("%s: %d has the id %q", path, a.code, a.header.Get("X-Request-Id"))
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	p := open(t)
	for path, cache := range map[string]string{
		"/": "", "/openapi.json": "", "/nowhere": "", "/healthz": "no-store", "/.well-known/jwks.json": "public, max-age=300",
		"/v1/consignments/c1": "no-store", "/v1/nowhere": "no-store",
	} {
		a := p.do(t, "GET", path, "")
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cache-Control": cache, "Access-Control-Allow-Origin": "", "Server": "",
		} {
			if got := strings.Join(a.header.Values(name), "|"); got != want {
				t.Errorf("%s: %d has %s %q, want %q", path, a.code, name, got, want)
			}
		}
	}
	var md metadata.MD
	client := consignmentv1.NewShippingServiceClient(p.dial(t, "authorization", p.customer(t)))
	if _, err := client.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c1"}, grpc.Header(&md)); err != nil || !slices.Equal(md.Get("x-content-type-options"), []string{"nosniff"}) {
		t.Errorf("gRPC: %v, %v", md, err)
	}
}

// Pages of other origins may not call, unless they are named.
func TestOrigins(t *testing.T) {
	t.Parallel()
	closed, opened := open(t), open(t, func(cfg *edge.Config) { cfg.Origins = []string{"https://app.example", "http://localhost:3000"} })
	for _, c := range []struct {
		name   string
		p      *port
		origin string
		may    bool
	}{
		{"closed", closed, "https://app.example", false},
		{"one of two", opened, "https://app.example", true},
		{"the other", opened, "http://localhost:3000", true},
		{"a third", opened, "https://evil.example", false},
		{"a longer one", opened, "https://app.example.evil.example", false},
		{"without TLS", opened, "http://app.example", false},
		{"a file", opened, "null", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			allowed := map[bool]string{true: c.origin}[c.may]
			asked := c.p.do(t, "OPTIONS", "/v1/consignments", "", "Origin", c.origin,
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type,idempotency-key")
			if got := asked.header.Get("Access-Control-Allow-Origin"); got != allowed || (asked.code == http.StatusNoContent) != c.may && c.p == closed {
				t.Errorf("asked first: %d %q, want %q", asked.code, got, allowed)
			}
			if got := asked.header.Get("Access-Control-Allow-Headers"); (got != "") != c.may {
				t.Errorf("asked first: allows headers %q", got)
			}
			posted := c.p.do(t, "POST", "/v1/consignments", "{}", "Origin", c.origin, "Authorization", c.p.customer(t), "Content-Type", "text/plain")
			if want := map[bool]int{true: 200, false: 403}[c.may]; posted.code != want || posted.header.Get("Access-Control-Allow-Origin") != allowed {
				t.Errorf("posted: %d %v %s, want %d", posted.code, posted.header, posted.body, want)
			}
			if c.may && !strings.Contains(posted.header.Get("Access-Control-Expose-Headers"), "Retry-After") {
				t.Errorf("a page cannot see when to come back: %v", posted.header)
			}
			if posted.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("a page may call with what the browser has kept")
			}
		})
	}
	if a := opened.do(t, "POST", "/v1/consignments", "{}", "Sec-Fetch-Site", "cross-site", "Authorization", opened.customer(t)); a.code != 403 || !strings.Contains(a.body, "PERMISSION_DENIED") {
		t.Errorf("a browser says it is of another site: %d %s", a.code, a.body)
	}
}

// The header Idempotency-Key is the request_id of a request that has one.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, c := range []struct {
		name    string
		keys    []string
		field   string // the request_id in the body
		want    string
		blaming string // the field of the refusal; empty: booked
	}{
		{"only the header", []string{"k-1"}, "", "k-1", ""},
		{"only the field", nil, "f-1", "f-1", ""},
		{"both, the same", []string{"k-2"}, "k-2", "k-2", ""},
		{"in quotes", []string{`"k-3"`}, "k-3", "k-3", ""},
		{"one quote", []string{`"k-4`}, "", `"k-4`, ""},
		{"longest", []string{strings.Repeat("k", 128)}, "", strings.Repeat("k", 128), ""},
		{"longest in quotes", []string{`"` + strings.Repeat("q", 128) + `"`}, "", strings.Repeat("q", 128), ""},
		{"both, different", []string{"k-5"}, "f-5", "", "request_id"},
		{"twice", []string{"k-6", "k-6"}, "", "", "idempotency-key"},
		{"too long", []string{strings.Repeat("k", 129)}, "", "", "idempotency-key"},
		{"empty", []string{""}, "", "", "idempotency-key"},
		{"empty in quotes", []string{`""`}, "", "", "idempotency-key"},
		{"blanks", []string{"k 7"}, "", "", "idempotency-key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := []string{"Authorization", p.customer(t)}
			for _, key := range c.keys {
				headers = append(headers, "Idempotency-Key", key)
			}
			before := len(p.shipping.booked)
			a := p.do(t, "POST", "/v1/consignments", fmt.Sprintf(`{"request_id": %q}`, c.field), headers...)
			_, err := consignmentv1.NewShippingServiceClient(p.dial(t, headers...)).CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{RequestId: c.field})
			booked := p.shipping.booked[before:]
			if c.blaming != "" {
				if a.code != 400 || !strings.Contains(a.body, fmt.Sprintf(`"field":%q`, c.blaming)) || status.Code(err) != codes.InvalidArgument ||
					!strings.HasPrefix(status.Convert(err).Message(), c.blaming+": ") || len(booked) > 0 {
					t.Errorf("REST %d %s; gRPC %v; booked %v", a.code, a.body, err, booked)
				}
				return
			}
			if a.code != 200 || err != nil || len(booked) != 2 || booked[0].GetRequestId() != c.want || booked[1].GetRequestId() != c.want {
				t.Errorf("REST %d %s; gRPC %v; booked %v", a.code, a.body, err, booked)
			}
		})
	}
	// A request without the field does not look.
	if a := p.do(t, "GET", "/v1/consignments/c1", "", "Authorization", p.customer(t), "Idempotency-Key", "a b", "Idempotency-Key", "c"); a.code != 200 {
		t.Errorf("where it says nothing: %d %s", a.code, a.body)
	}
}

// A body that does not come is not waited for, nor a caller who does not take the answer.
func TestHurry(t *testing.T) {
	t.Parallel()
	const soon, never = 20 * time.Millisecond, time.Hour
	ended := make(chan error, 2)
	for name, c := range map[string]struct {
		sent string
		door http.Handler
	}{
		"half a body": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha", edge.Hurry(soon, never, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			ended <- err
		}))},
		"a long answer": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", edge.Hurry(never, soon, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 64<<10))
			}
			ended <- err
		}))},
	} {
		server := httptest.NewServer(c.door)
		t.Cleanup(server.Close)
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s ended with %v", name, err)
		}
	}
}
