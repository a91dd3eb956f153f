package auth_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/auth/authtest"
)

var rules = auth.Rules{
	"/open":     {Anyone: true},
	"/fleet":    {Roles: []auth.Role{auth.Operator}},
	"/freight":  {Roles: []auth.Role{auth.Operator}, Own: []auth.Role{auth.Customer}},
	"/hold":     {Apps: []string{"consignment"}},
	"/callback": {Sidecar: true},
	"/probe":    {Probe: true},
}

const appToken = "of the sidecar"

// world is a guarded vessel service and those who call it.
type world struct {
	*authtest.Authority

	guard *auth.Guard
}

func newWorld(t *testing.T, change func(*auth.GuardConfig)) world {
	t.Helper()
	w := world{Authority: authtest.New(t, "vessel", "consignment", "inventory")}
	cfg := auth.GuardConfig{App: "vessel", Keys: w.Keys(t, "vessel"), Rules: []auth.Rules{rules}, AppToken: appToken}
	if change != nil {
		change(&cfg)
	}
	w.guard = auth.NewGuard(cfg)
	return w
}

// call calls a method through the unary and the stream side, which must agree, and returns who was let in.
func (w world) call(t *testing.T, method string, pairs ...string) (auth.Caller, error) {
	t.Helper()
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(pairs...))
	var callers []auth.Caller
	_, err := w.guard.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: method}, func(ctx context.Context, _ any) (any, error) {
		callers = append(callers, auth.From(ctx))
		return nil, nil
	})
	streamErr := w.guard.Stream(nil, stream{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: method}, func(_ any, s grpc.ServerStream) error {
		callers = append(callers, auth.From(s.Context()))
		return nil
	})
	if status.Code(err) != status.Code(streamErr) || err == nil && callers[0].User+callers[0].App != callers[1].User+callers[1].App || err != nil && len(callers) > 0 {
		t.Errorf("%s: unary %v, stream %v, let in %v", method, err, streamErr, callers)
	}
	if err != nil {
		return auth.Caller{}, err
	}
	return callers[0], nil
}

type stream struct {
	grpc.ServerStream

	ctx context.Context
}

func (s stream) Context() context.Context { return s.ctx }
func (stream) SendMsg(any) error          { return nil }
func (stream) RecvMsg(any) error          { return nil }

func bearer(raw string) []string {
	return []string{"dapr-api-token", appToken, "authorization", "Bearer " + raw}
}

func TestRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	people := map[string][]string{
		"nobody":   {"dapr-api-token", appToken},
		"garbage":  bearer("garbage"),
		"customer": bearer(w.User(t, "c", auth.Customer)),
		"operator": bearer(w.User(t, "o", auth.Operator)),
		"both":     bearer(w.User(t, "b", auth.Operator, auth.Customer)),
		"admin":    bearer(w.User(t, "a", auth.Admin)),
		"roleless": bearer(w.User(t, "r")),
		"service":  bearer(w.App(t, "consignment", "vessel")),
		"other":    bearer(w.App(t, "inventory", "vessel")),
	}
	const ok, unknown, denied = codes.OK, codes.Unauthenticated, codes.PermissionDenied
	for method, want := range map[string]map[string]codes.Code{
		"/open":    {"nobody": ok, "garbage": ok, "customer": ok, "operator": ok, "both": ok, "admin": ok, "roleless": ok, "service": ok, "other": ok},
		"/fleet":   {"nobody": unknown, "garbage": unknown, "customer": denied, "operator": ok, "both": ok, "admin": denied, "roleless": denied, "service": denied, "other": denied},
		"/freight": {"nobody": unknown, "garbage": unknown, "customer": ok, "operator": ok, "both": ok, "admin": denied, "roleless": denied, "service": denied, "other": denied},
		"/hold":    {"nobody": unknown, "garbage": unknown, "customer": denied, "operator": denied, "both": denied, "admin": denied, "roleless": denied, "service": ok, "other": denied},
		"/nowhere": {"nobody": denied, "garbage": denied, "customer": denied, "operator": denied, "both": denied, "admin": denied, "roleless": denied, "service": denied, "other": denied},
	} {
		for who, code := range want {
			if _, err := w.call(t, method, people[who]...); status.Code(err) != code {
				t.Errorf("%s calls %s: %v, want %s", who, method, err, code)
			}
		}
		if len(want) != len(people) {
			t.Errorf("%s: %d of %d people are asked about", method, len(want), len(people))
		}
	}
}

// Whose data: a customer is held to one's own, an operator is not, whatever other roles there are.
func TestOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, c := range []struct {
		method, raw, user, owner string
	}{
		{"/freight", w.User(t, "c", auth.Customer), "c", "c"},
		{"/freight", w.User(t, "o", auth.Operator), "o", ""},
		{"/freight", w.User(t, "b", auth.Customer, auth.Operator), "b", ""},
		{"/open", w.User(t, "c", auth.Customer), "c", "c"},
		{"/open", "garbage", "", ""},
	} {
		got, err := w.call(t, c.method, bearer(c.raw)...)
		if err != nil || got.User != c.user || got.Owner() != c.owner {
			t.Errorf("%s: %+v of %q, %v; want %+v", c.method, got, got.Owner(), err, c)
		}
		if c.user != "" && got.Token != c.raw {
			t.Errorf("%s: the token is not there to be passed on", c.method)
		}
	}
}

// The app token is asked for on every method, and callbacks are for the sidecar alone.
func TestAppToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	operator := "Bearer " + w.User(t, "o", auth.Operator)
	for name, c := range map[string]struct {
		method string
		pairs  []string
		want   codes.Code
	}{
		"none":               {"/fleet", []string{"authorization", operator}, codes.Unauthenticated},
		"none, open method":  {"/open", nil, codes.Unauthenticated},
		"wrong":              {"/fleet", []string{"authorization", operator, "dapr-api-token", "wrong"}, codes.Unauthenticated},
		"longer":             {"/fleet", []string{"authorization", operator, "dapr-api-token", appToken + "x"}, codes.Unauthenticated},
		"empty":              {"/fleet", []string{"authorization", operator, "dapr-api-token", ""}, codes.Unauthenticated},
		"twice":              {"/fleet", []string{"authorization", operator, "dapr-api-token", appToken, "dapr-api-token", appToken}, codes.Unauthenticated},
		"right":              {"/fleet", []string{"authorization", operator, "dapr-api-token", appToken}, codes.OK},
		"probe":              {"/probe", nil, codes.OK},
		"callback":           {"/callback", []string{"dapr-api-token", appToken}, codes.OK},
		"callback, no token": {"/callback", nil, codes.Unauthenticated},
		"callback for a caller": {"/callback", []string{"dapr-api-token", appToken, "dapr-app-id", "vessel",
			"authorization", operator}, codes.PermissionDenied},
		"callback by another sidecar":     {"/callback", []string{"dapr-api-token", appToken, "content-type", "application/grpc+proto"}, codes.PermissionDenied},
		"callback, its own content type":  {"/callback", []string{"dapr-api-token", appToken, "content-type", "application/grpc"}, codes.OK},
		"callback for a caller elsewhere": {"/callback", []string{"dapr-api-token", appToken, "dapr-callee-app-id", "vessel"}, codes.PermissionDenied},
		"callback with a caller":          {"/callback", []string{"dapr-api-token", appToken, "dapr-caller-app-id", "consignment"}, codes.PermissionDenied},
	} {
		if _, err := w.call(t, c.method, c.pairs...); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	public := newWorld(t, func(cfg *auth.GuardConfig) { cfg.AppToken = "" })
	if _, err := public.call(t, "/open"); err != nil {
		t.Errorf("a port that asks for none: %v", err)
	}
}

func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	raw := w.User(t, "o", auth.Operator)
	for name, c := range map[string]struct {
		shown []string
		want  codes.Code
	}{
		"absent":            {nil, codes.Unauthenticated},
		"usual":             {[]string{"Bearer " + raw}, codes.OK},
		"lower case":        {[]string{"bearer " + raw}, codes.OK},
		"twice":             {[]string{"Bearer " + raw, "Bearer " + raw}, codes.Unauthenticated},
		"no scheme":         {[]string{raw}, codes.Unauthenticated},
		"another scheme":    {[]string{"Basic " + raw}, codes.Unauthenticated},
		"empty":             {[]string{""}, codes.Unauthenticated},
		"scheme only":       {[]string{"Bearer "}, codes.Unauthenticated},
		"a megabyte":        {[]string{"Bearer " + strings.Repeat("x", 1<<20)}, codes.Unauthenticated},
		"token and another": {[]string{"Bearer " + raw + ", Bearer " + raw}, codes.Unauthenticated},
	} {
		pairs := []string{"dapr-api-token", appToken}
		for _, value := range c.shown {
			pairs = append(pairs, "authorization", value)
		}
		_, err := w.call(t, "/fleet", pairs...)
		if status.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), raw) {
			t.Errorf("%s: the refusal repeats the token", name)
		}
		if _, err := w.call(t, "/open", pairs...); name == "twice" && status.Code(err) != codes.Unauthenticated {
			t.Errorf("twice, on an open method: %v", err)
		}
	}
}

// A token is verified once and remembered, but never beyond its end.
func TestExpiryIsNotForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := newWorld(t, func(cfg *auth.GuardConfig) { cfg.Now = func() time.Time { return now } })
	shown := bearer(w.User(t, "o", auth.Operator)) // for a minute
	for _, c := range []struct {
		at   time.Time
		want codes.Code
	}{{now, codes.OK}, {now.Add(50 * time.Second), codes.OK}, {now.Add(2 * time.Minute), codes.Unauthenticated}} {
		now = c.at
		if _, err := w.call(t, "/fleet", shown...); status.Code(err) != c.want {
			t.Errorf("after %s: %v, want %s", time.Until(c.at), err, c.want)
		}
	}
}

// A stream that was begun in time passes nothing more once its token has ended.
func TestStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := newWorld(t, func(cfg *auth.GuardConfig) { cfg.Now = func() time.Time { return now } })
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(bearer(w.User(t, "o", auth.Operator))...))
	err := w.guard.Stream(nil, stream{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: "/fleet"}, func(_ any, s grpc.ServerStream) error {
		for _, c := range []struct {
			after time.Duration
			want  codes.Code
		}{{0, codes.OK}, {50 * time.Second, codes.OK}, {2 * time.Minute, codes.Unauthenticated}} {
			now = time.Now().Add(c.after)
			if sent, received := s.SendMsg(nil), s.RecvMsg(nil); status.Code(sent) != c.want || status.Code(received) != c.want {
				t.Errorf("after %s: sending %v, receiving %v; want %s", c.after, sent, received, c.want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A stream on which nothing happens ends with its token, and says why.
func TestQuietStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	began := time.Now()
	w := newWorld(t, func(cfg *auth.GuardConfig) { cfg.Now = func() time.Time { return time.Now().Add(59 * time.Second) } })
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(bearer(w.User(t, "o", auth.Operator))...)) // for a minute
	for name, wait := range map[string]func(ctx context.Context) error{
		"the end itself": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"its cause":      func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		"another error":  func(ctx context.Context) error { <-ctx.Done(); return status.Error(codes.Unavailable, "broken") },
	} {
		err := w.guard.Stream(nil, stream{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: "/fleet"}, func(_ any, s grpc.ServerStream) error {
			return wait(s.Context())
		})
		if status.Code(err) != codes.Unauthenticated || time.Since(began) > 30*time.Second {
			t.Errorf("%s: ended with %v after %s, want UNAUTHENTICATED", name, err, time.Since(began))
		}
	}
	// One that ends before its token does with what its handler says.
	early := status.Error(codes.Unavailable, "broken")
	w = newWorld(t, nil)
	ctx = metadata.NewIncomingContext(t.Context(), metadata.Pairs(bearer(w.User(t, "o", auth.Operator))...))
	if err := w.guard.Stream(nil, stream{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: "/fleet"}, func(any, grpc.ServerStream) error { return early }); !errors.Is(err, early) {
		t.Errorf("ended with %v, want %v", err, early)
	}
}

func TestCheckOfAnItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if c, err := w.guard.Check(w.User(t, "c", auth.Customer), "/freight"); err != nil || c.Owner() != "c" {
		t.Errorf("a customer: %+v, %v", c, err)
	}
	for name, c := range map[string]struct {
		raw, method string
		want        codes.Code
	}{
		"no token": {"", "/freight", codes.Unauthenticated}, "garbage": {"x", "/freight", codes.Unauthenticated},
		"admin": {w.User(t, "a", auth.Admin), "/freight", codes.PermissionDenied}, "no rule": {w.User(t, "o", auth.Operator), "/nowhere", codes.PermissionDenied},
	} {
		if _, err := w.guard.Check(c.raw, c.method); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestInsecure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *auth.GuardConfig) { cfg.Insecure = true })
	for method, want := range map[string]codes.Code{"/fleet": codes.OK, "/hold": codes.OK, "/nowhere": codes.PermissionDenied} {
		if got, err := w.call(t, method, "dapr-api-token", appToken); status.Code(err) != want || got.Owner() != "" {
			t.Errorf("%s: %+v, %v, want %s", method, got, err, want)
		}
	}
	if _, err := w.call(t, "/fleet"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without the app token: %v", err)
	}
}

// A method of which no rule speaks is found before anybody calls it.
func TestUnguarded(t *testing.T) {
	t.Parallel()
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	w := newWorld(t, func(cfg *auth.GuardConfig) {
		cfg.Rules = append(cfg.Rules, auth.Rules{grpc_health_v1.Health_Check_FullMethodName: {Anyone: true}})
	})
	if got, want := w.guard.Unguarded(server), []string{"/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Keys that are not there yet are no reason to let anybody in, nor to call a good token bad.
func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *auth.GuardConfig) { cfg.Keys = auth.NewKeys(authtest.Store{}, "vessel", nil) })
	if _, err := w.call(t, "/fleet", bearer(w.User(t, "o", auth.Operator))...); status.Code(err) != codes.Unavailable {
		t.Errorf("with a token: %v, want UNAVAILABLE", err)
	}
	if _, err := w.call(t, "/fleet", "dapr-api-token", appToken); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without: %v", err)
	}
}

// recorder is a connection that notes what it is called with.
type recorder struct{ shown []string }

func (r *recorder) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	md, _ := metadata.FromOutgoingContext(ctx)
	r.shown = append(r.shown, strings.Join(md.Get("authorization"), "; "))
	return nil
}

func (r *recorder) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, r.Invoke(ctx, method, nil, nil)
}

func TestPassOn(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	conn := auth.PassOn(r)
	for _, ctx := range []context.Context{t.Context(), auth.With(t.Context(), auth.Caller{User: "u", Token: "raw"})} {
		if err := conn.Invoke(ctx, "/m", nil, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.NewStream(ctx, nil, "/m"); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"", "", "Bearer raw", "Bearer raw"}; !slices.Equal(r.shown, want) {
		t.Errorf("shown are %q, want %q", r.shown, want)
	}
}

func TestAsApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	r := &recorder{}
	conn := auth.AsApp(r, "vessel", w.Keys(t, "consignment"))
	// Whoever is the caller of this app, it is the app that calls.
	ctx := auth.With(t.Context(), auth.Caller{User: "u", Token: "raw"})
	for range 2 {
		if err := conn.Invoke(ctx, "/m", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.call(t, "/hold", "dapr-api-token", appToken, "authorization", r.shown[0])
	if err != nil || got.App != "consignment" {
		t.Errorf("the call is that of %+v, %v", got, err)
	}
	if r.shown[0] != r.shown[1] {
		t.Error("a token was signed for each call")
	}
	if err := auth.AsApp(r, "vessel", auth.NewKeys(authtest.Store{}, "consignment", nil)).Invoke(ctx, "/m", nil, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("without keys: %v", err)
	}
}
