package edge_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/gateway/internal/edge"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
)

// logIn tries to log in through REST and returns the HTTP status.
func (p *port) logIn(t *testing.T, email string, headers ...string) answer {
	t.Helper()
	return p.do(t, "POST", "/v1/tokens", fmt.Sprintf(`{"email": %q, "password": "wrong"}`, email), headers...)
}

// untilHeldBack calls until it is told to wait, and returns how many calls went through before.
func untilHeldBack(t *testing.T, most int, call func(n int) int) int {
	t.Helper()
	for n := range most {
		if call(n) == 429 {
			return n
		}
	}
	t.Fatalf("%d calls went through", most)
	return most
}

// After five attempts an account is held back, however its address is spelt and whatever the caller
// says of where it calls from; nothing reaches who would have to hash.
func TestGuessing(t *testing.T) {
	t.Parallel()
	p := open(t)
	spelt := []string{"Anna@Example.com", " anna@example.com ", "ANNA@EXAMPLE.COM", "ａｎｎａ@example.com", "anna@ex\u00adample.com"}
	for i, email := range spelt {
		if a := p.logIn(t, email, "X-Seaport-Address", fmt.Sprintf("10.0.0.%d", i)); a.code != 401 {
			t.Fatalf("attempt %d: %d %s", i, a.code, a.body)
		}
	}
	for i, email := range spelt {
		a := p.logIn(t, email, "X-Seaport-Address", fmt.Sprintf("10.0.1.%d", i), "Grpc-Metadata-X-Seaport-Address", "10.0.2.2", "X-Forwarded-For", "10.0.3.3")
		if wait, err := strconv.Atoi(a.header.Get("Retry-After")); a.code != 429 || err != nil || wait < 1 || wait > 5 || !strings.Contains(a.body, "RESOURCE_EXHAUSTED") {
			t.Errorf("%s: %d, Retry-After %q, %s", email, a.code, a.header.Get("Retry-After"), a.body)
		}
	}
	_, err := userv1.NewUserServiceClient(p.dial(t, "x-seaport-address", "10.0.0.9")).Auth(t.Context(), &userv1.AuthRequest{Email: "anna@example.com"})
	if e := failure.From(err); e.Code() != codes.ResourceExhausted || e.Wait() <= 0 {
		t.Errorf("gRPC: %v, wait %s", err, e.Wait())
	}
	if n := p.users.logIns.Load(); n != 5 {
		t.Errorf("%d attempts reached the user service, want 5", n)
	}
	if a := p.logIn(t, "bert@example.com"); a.code != 401 {
		t.Errorf("another account: %d %s", a.code, a.body)
	}
}

// Whoever tries one account after the other is held back too, and that it is so does not depend on
// which of them exist.
func TestTryingAccounts(t *testing.T) {
	t.Parallel()
	p := open(t)
	through := untilHeldBack(t, 100, func(n int) int { return p.logIn(t, fmt.Sprintf("user%d@example.com", n)).code })
	if through < 30 || through > 60 { // while they are tried, some time passes
		t.Errorf("%d accounts tried", through)
	}
}

func TestSignUps(t *testing.T) {
	t.Parallel()
	p := open(t)
	through := untilHeldBack(t, 300, func(n int) int {
		return p.do(t, "POST", "/v1/users", fmt.Sprintf(`{"email": "user%d@example.com"}`, n)).code
	})
	if through < 100 || through > 150 || int(p.users.signUps.Load()) != through {
		t.Errorf("%d sign-ups, of which %d arrived", through, p.users.signUps.Load())
	}
}

// Who shows no good token is held back by address; who shows one is not, nor are health and reflection.
func TestNobody(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string][]string{"no token": nil, "bad tokens": {"Authorization", "Bearer garbage"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t)
			var last answer
			through := untilHeldBack(t, 5000, func(int) int {
				last = p.do(t, "GET", "/v1/consignments/c1", "", headers...)
				return last.code
			})
			if through < 200 || last.header.Get("Retry-After") != "1" || len(p.shipping.with) > 0 {
				t.Errorf("%d requests; then %d %v %s", through, last.code, last.header, last.body)
			}
			ctx := t.Context()
			for range 300 {
				if _, err := healthv1.NewHealthClient(p.dial(t, headers...)).Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
					t.Fatalf("health: %v", err)
				}
				if a := p.do(t, "GET", "/v1/consignments/c1", "", "Authorization", p.customer(t)); a.code != 200 {
					t.Fatalf("a customer from there: %d %s", a.code, a.body)
				}
			}
		})
	}
}

// A stream that is refused counts as a request does.
func TestNobodyStreams(t *testing.T) {
	t.Parallel()
	p := open(t)
	client := opsv1.NewOpsServiceClient(p.dial(t))
	through := untilHeldBack(t, 5000, func(int) int {
		stream, err := client.PingPong(t.Context())
		if err == nil {
			_, err = stream.Recv()
		}
		if code := status.Code(err); code != codes.Unauthenticated {
			return map[codes.Code]int{codes.ResourceExhausted: 429}[code]
		}
		return 401
	})
	if through < 200 {
		t.Errorf("%d streams", through)
	}
}

// A customer's requests are limited, bookings of a batch one by one; another's and an operator's are not
// affected.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	p := open(t)
	as := func(id string, role auth.Role) consignmentv1.ShippingServiceClient {
		return consignmentv1.NewShippingServiceClient(p.dial(t, "authorization", "Bearer "+p.authority.User(t, id, role)))
	}
	batch := func(c consignmentv1.ShippingServiceClient, n int) error {
		req := &consignmentv1.BatchCreateConsignmentsRequest{}
		for range n {
			req.Requests = append(req.Requests, &consignmentv1.CreateConsignmentRequest{})
		}
		_, err := c.BatchCreateConsignments(t.Context(), req)
		return err
	}
	one, other, operator := as("u1", auth.Customer), as("u2", auth.Customer), as("u3", auth.Operator)
	if err := batch(one, 1500); err != nil { // the most that can be asked for at once
		t.Fatal(err)
	}
	err := batch(one, 1000)
	if e := failure.From(err); e.Code() != codes.ResourceExhausted || e.Wait() <= 0 {
		t.Errorf("the second batch: %v", err)
	}
	for range 3 {
		if err := batch(other, 300); err != nil {
			t.Errorf("another customer: %v", err)
		}
	}
	for range 10 {
		if err := batch(operator, 1000); err != nil {
			t.Errorf("an operator: %v", err)
		}
	}
	// One by one, at a time: more than could come back meanwhile.
	var wg sync.WaitGroup
	var mu sync.Mutex
	var codesSeen []codes.Code
	for range 64 {
		wg.Go(func() {
			for range 40 {
				_, err := one.GetConsignment(t.Context(), &consignmentv1.GetConsignmentRequest{Id: "c"})
				mu.Lock()
				codesSeen = append(codesSeen, status.Code(err))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if !slices.Contains(codesSeen, codes.ResourceExhausted) || slices.ContainsFunc(codesSeen, func(c codes.Code) bool { return c != codes.OK && c != codes.ResourceExhausted }) {
		slices.Sort(codesSeen)
		t.Errorf("%d requests one by one: %v", len(codesSeen), slices.Compact(codesSeen))
	}
}

// Limits can be turned off, and an insecure gateway has none.
func TestNoLimits(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*edge.Config){"off": unlimited, "insecure": insecurely} {
		p := open(t, change)
		client := userv1.NewUserServiceClient(p.dial(t))
		for n := range 400 {
			if _, err := client.Auth(t.Context(), &userv1.AuthRequest{Email: "a@example.com"}); status.Code(err) != codes.Unauthenticated {
				t.Fatalf("%s: attempt %d: %v", name, n, err)
			}
		}
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "@": "@",
	} {
		if got := edge.Network(metadata.NewIncomingContext(context.Background(), metadata.Pairs("x-seaport-address", address))); got != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
}

// Spellings of one account count as one, other accounts as others, and none can be read back.
func TestAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"a@example.com", "A@EXAMPLE.com\t", true},
		{"a@bücher.example", "a@xn--bcher-kva.example", true},
		{"a@example。com", "a@example.com", true},
		{"a@example.com", "b@example.com", false},
		{"a@example.com", "a@example.org", false},
		{"a+1@example.com", "a@example.com", false},
		{"", "a", false},
		{strings.Repeat(" ", 1<<10) + "a@example.com", "a@example.com", true},
		{"a@exam" + strings.Repeat("\u00ad", 1<<10) + "ple.com", "a@example" + strings.Repeat("\u00ad", 1<<10) + ".com", true},
		{strings.Repeat("x", 4<<20) + "1", strings.Repeat("x", 4<<20) + "2", true}, // no account's
	} {
		if same := edge.Account(c.a) == edge.Account(c.b); same != c.same {
			t.Errorf("%.40q and %.40q: the same: %t", c.a, c.b, same)
		}
	}
	if strings.Contains(edge.Account("a@example.com"), "example") {
		t.Error("it is no hash")
	}
}
