package rpc_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	opsv1 "seaport.example/proto/seaport/ops/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/gateway/internal/rpc"
	"seaport.example/services/internal/access"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
	"seaport.example/services/internal/token"
)

// known returns an authority, the keys it gave the gateway, and who verifies all.
func known(t *testing.T) (*authtest.Authority, *auth.Keys, *token.Ring) {
	t.Helper()
	authority := authtest.New(t, "gateway")
	ring, err := token.ParseRing(authority.Secrets("gateway")["verification-keys"])
	if err != nil {
		t.Fatal(err)
	}
	return authority, authority.Keys(t, "gateway"), ring
}

// shown returns the one token that came with a call; "" for none or several.
func shown(md metadata.MD) string {
	if all := md.Get("authorization"); len(all) == 1 {
		raw, _ := strings.CutPrefix(all[0], "Bearer ")
		return raw
	}
	return ""
}

// as returns a context in which a customer calls, and the token.
func as(t *testing.T, authority *authtest.Authority, user string) (ctx context.Context, raw string) {
	t.Helper()
	raw = authority.User(t, user, auth.Customer)
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+raw), raw
}

// open returns a connection to a gateway that knows its callers.
func (p *platform) open(t *testing.T, keys *auth.Keys, opts ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	behind := p.behind(t)
	guard := auth.NewGuard(auth.GuardConfig{App: "gateway", Keys: keys, Rules: access.Public})
	return guarded(t, guard, func(s *grpc.Server) { rpc.Register(s, rpc.Config{Apps: behind, Keys: keys}) }, opts...)
}

// Bookings of several callers travel in the gateway's name, each with its caller's token; and each
// token once.
func TestBatchNamesItsCallers(t *testing.T) {
	t.Parallel()
	authority, keys, ring := known(t)
	p := newPlatform()
	entered, goOn := make(chan struct{}, 100), make(chan struct{})
	p.shipping.batch = func(_ context.Context, req *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
		entered <- struct{}{}
		<-goOn
		return answers(req), nil
	}
	const callers, each = 3, 7
	var arrived sync.WaitGroup
	arrived.Add(1 + callers*each)
	client := consignmentv1.NewShippingServiceClient(p.open(t, keys, grpc.ChainUnaryInterceptor(
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			arrived.Done()
			return handle(ctx, req)
		})))
	var wg sync.WaitGroup
	tokens := make(map[string]string) // by description
	book := func(user string) {
		ctx, raw := as(t, authority, user)
		tokens[user] = raw
		for i := range map[bool]int{true: 1, false: each}[user == "first"] {
			wg.Go(func() {
				name := fmt.Sprintf("%s %d", user, i)
				if resp, err := client.CreateConsignment(ctx, &consignmentv1.CreateConsignmentRequest{Description: name}); err != nil || resp.GetConsignment().GetId() != name {
					t.Errorf("%s: %v, %v", name, resp, err)
				}
			})
		}
	}
	book("first")
	<-entered
	for i := range callers {
		book(fmt.Sprintf("user%d", i))
	}
	arrived.Wait()
	close(goOn)
	wg.Wait()

	shared := 0
	for i, req := range p.shipping.asked {
		if claims, err := ring.Verify(shown(p.shipping.with[i]), "consignment", time.Now()); err != nil || claims.App != "gateway" {
			t.Errorf("call %d is in the name of %+v, %v", i, claims, err)
		}
		if len(req.GetCallers()) != len(req.GetRequests()) {
			t.Fatalf("call %d has %d bookings of %d callers", i, len(req.GetRequests()), len(req.GetCallers()))
		}
		if sorted := slices.Sorted(slices.Values(req.GetTokens())); len(slices.Compact(sorted)) != len(req.GetTokens()) {
			t.Errorf("call %d has a token twice", i)
		}
		shared = max(shared, len(req.GetTokens()))
		for n, booking := range req.GetRequests() {
			var user string
			if _, err := fmt.Sscan(booking.GetDescription(), &user); err != nil {
				t.Fatal(err)
			}
			if req.GetTokens()[req.GetCallers()[n]] != tokens[user] {
				t.Errorf("call %d: the booking of %s has another's token", i, user)
			}
		}
	}
	if shared < 2 {
		t.Errorf("no call has bookings of several callers: %d at most", shared)
	}
}

// A booking that goes alone, however large, is in the gateway's name too, and keeps the id of its call.
func TestLoneBooking(t *testing.T) {
	t.Parallel()
	authority, keys, ring := known(t)
	p := newPlatform()
	behind := p.behind(t)
	guard := auth.NewGuard(auth.GuardConfig{App: "gateway", Keys: keys, Rules: access.Public})
	conn := guarded(t, guard, func(s *grpc.Server) { rpc.Register(s, rpc.Config{Apps: forwarding{behind}, Keys: keys}) })
	ctx, raw := as(t, authority, "u1")
	ctx = metadata.AppendToOutgoingContext(ctx, request.Header, "r1")
	for i, text := range []string{"small", strings.Repeat("x", 20<<10)} {
		if _, err := consignmentv1.NewShippingServiceClient(conn).CreateConsignment(ctx, &consignmentv1.CreateConsignmentRequest{Description: text}); err != nil {
			t.Fatal(err)
		}
		req, with := p.shipping.asked[i], p.shipping.with[i]
		if claims, err := ring.Verify(shown(with), "consignment", time.Now()); err != nil || claims.App != "gateway" {
			t.Errorf("%d bytes: in the name of %+v, %v", len(text), claims, err)
		}
		if !slices.Equal(req.GetTokens(), []string{raw}) || !slices.Equal(req.GetCallers(), []int32{0}) {
			t.Errorf("%d bytes: of %d callers %v", len(text), len(req.GetTokens()), req.GetCallers())
		}
		if got := with.Get(request.Header); !slices.Equal(got, []string{"r1"}) {
			t.Errorf("%d bytes: the call's id is %q", len(text), got)
		}
	}
}

// forwarding passes the id of a call on, as a sidecar's connection does.
type forwarding struct{ apps }

func (f forwarding) App(appID string) grpc.ClientConnInterface { return forwards{f.apps[appID]} }

type forwards struct{ *grpc.ClientConn }

func (f forwards) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return f.ClientConn.Invoke(request.Forward(ctx), method, args, reply, opts...)
}

// Everything else is in the caller's own name; without one, in nobody's.
func TestPassedOnInCallersName(t *testing.T) {
	t.Parallel()
	authority, keys, _ := known(t)
	p := newPlatform()
	conn := p.open(t, keys)
	ctx, raw := as(t, authority, "u1")

	if _, err := userv1.NewUserServiceClient(conn).Get(ctx, &userv1.GetRequest{Id: "me"}); err != nil || !slices.Equal(p.users.shown, []string{"Bearer " + raw}) {
		t.Errorf("Get: %v, in the name of %d", err, len(p.users.shown))
	}
	batch := &consignmentv1.BatchCreateConsignmentsRequest{Requests: []*consignmentv1.CreateConsignmentRequest{{Description: "d"}}}
	if _, err := consignmentv1.NewShippingServiceClient(conn).BatchCreateConsignments(ctx, batch); err != nil || shown(p.shipping.with[0]) != raw {
		t.Errorf("a batch of one's own: %v", err)
	}
	if got := p.shipping.asked[0]; len(got.GetTokens())+len(got.GetCallers()) > 0 {
		t.Errorf("a batch of one's own has %d tokens, %d callers", len(got.GetTokens()), len(got.GetCallers()))
	}
	if _, err := opsv1.NewOpsServiceClient(conn).Ping(ctx, &opsv1.PingRequest{AppId: "vessel"}); err != nil {
		t.Errorf("Ping: %v", err)
	}
	bad := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer nonsense")
	if _, err := userv1.NewUserServiceClient(conn).Create(bad, &userv1.CreateRequest{}); err != nil || len(p.users.created) != 1 {
		t.Errorf("Create with a useless token: %v", err)
	}
}

// A public batch says nothing of tokens: it would be for somebody else.
func TestPublicBatchHasNoTokens(t *testing.T) {
	t.Parallel()
	authority, keys, _ := known(t)
	p := newPlatform()
	client := consignmentv1.NewShippingServiceClient(p.open(t, keys))
	ctx, raw := as(t, authority, "u1")
	for name, req := range map[string]*consignmentv1.BatchCreateConsignmentsRequest{
		"tokens": {Tokens: []string{raw}}, "callers": {Callers: []int32{0}}, "both": {Tokens: []string{raw}, Callers: []int32{0}},
	} {
		req.Requests = []*consignmentv1.CreateConsignmentRequest{{Description: "d"}}
		_, err := client.BatchCreateConsignments(ctx, req)
		if status.Code(err) != codes.InvalidArgument || failure.From(err).Violations()[0].Field != "tokens" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(p.shipping.asked) > 0 {
		t.Errorf("%d arrived", len(p.shipping.asked))
	}
}

// That the gateway itself is turned away is no fault of the caller.
func TestGatewayTurnedAway(t *testing.T) {
	t.Parallel()
	authority, keys, _ := known(t)
	for _, refusal := range []error{failure.Unauthenticated("secret"), failure.Denied("secret")} {
		p := newPlatform()
		p.shipping.batch = func(context.Context, *consignmentv1.BatchCreateConsignmentsRequest) (*consignmentv1.BatchCreateConsignmentsResponse, error) {
			return nil, refusal
		}
		ctx, _ := as(t, authority, "u1")
		_, err := consignmentv1.NewShippingServiceClient(p.open(t, keys)).CreateConsignment(ctx, &consignmentv1.CreateConsignmentRequest{})
		if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v became %v", refusal, err)
		}
	}
}

// An insecure gateway has nobody's token to show.
func TestInsecure(t *testing.T) {
	t.Parallel()
	p := newPlatform()
	if _, err := consignmentv1.NewShippingServiceClient(p.gateway(t)).CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{}); err != nil {
		t.Fatal(err)
	}
	if req := p.shipping.asked[0]; len(req.GetTokens())+len(req.GetCallers()) > 0 || len(p.shipping.with[0].Get("authorization")) > 0 {
		t.Errorf("%d tokens, %d callers, %v", len(req.GetTokens()), len(req.GetCallers()), p.shipping.with[0])
	}
}
