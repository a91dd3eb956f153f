package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/token"
)

// GuardConfig is what a [Guard] works with.
type GuardConfig struct {
	App   string // this app's id: what services' tokens must be for
	Keys  *Keys
	Rules []Rules // together: no method may be in two of them
	// AppToken is what the sidecar shows with every call (APP_API_TOKEN). Empty: nothing is asked
	// for, as on the public port.
	AppToken string
	// Insecure lets everybody do everything.
	Insecure bool
	Now      func() time.Time
}

// Guard stands in front of a server.
type Guard struct {
	cfg   GuardConfig
	rules Rules
}

// NewGuard returns a guard.
func NewGuard(cfg GuardConfig) *Guard {
	g := &Guard{cfg: cfg, rules: make(Rules)}
	for _, rules := range cfg.Rules {
		maps.Copy(g.rules, rules)
	}
	if g.cfg.Now == nil {
		g.cfg.Now = time.Now
	}
	return g
}

// Unguarded lists the methods of a server that no rule is about: nobody could call them.
func (g *Guard) Unguarded(server *grpc.Server) (methods []string) {
	for service, info := range server.GetServiceInfo() {
		for _, m := range info.Methods {
			if method := "/" + service + "/" + m.Name; !g.has(method) {
				methods = append(methods, method)
			}
		}
	}
	slices.Sort(methods)
	return methods
}

func (g *Guard) has(method string) bool { _, ok := g.rules[method]; return ok }

// Unary guards unary calls.
func (g *Guard) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, err := g.enter(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return handle(ctx, req)
}

// Stream guards streams. Nothing passes on a stream after the token that began it has ended, and with the
// token its context ends, so that a handler that waits does not outlast it.
func (g *Guard) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, err := g.enter(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	until, ended := From(ctx).until, refusal(token.ErrExpired)
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, until.Sub(g.cfg.Now()), ended)
		defer cancel()
	}
	err = handle(srv, guarded{ServerStream: stream, ctx: ctx, until: until, now: g.cfg.Now})
	if err != nil && errors.Is(context.Cause(ctx), ended) {
		return ended // whatever the handler made of it
	}
	return err
}

type guarded struct {
	grpc.ServerStream

	ctx   context.Context
	until time.Time // zero: for ever
	now   func() time.Time
}

func (s guarded) Context() context.Context { return s.ctx }

func (s guarded) SendMsg(m any) error {
	if err := s.ended(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(m)
}

func (s guarded) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.ended()
}

func (s guarded) ended() error {
	if !s.until.IsZero() && s.now().After(s.until) {
		return refusal(token.ErrExpired)
	}
	return nil
}

// enter lets a call in, as its caller.
func (g *Guard) enter(ctx context.Context, method string) (context.Context, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	rule, known := g.rules[method]
	switch {
	case rule.Probe:
		return ctx, nil
	case !g.fromSidecar(md):
		return nil, failure.Unauthenticated("this port is for the sidecar of %s alone", g.cfg.App)
	case !known:
		return nil, failure.Denied("no rule says who may call %s", method)
	}
	if rule.Sidecar && passedOn(md) {
		return nil, failure.Denied("%s is for the sidecar itself, not for callers through it", method)
	}
	if rule.Sidecar || g.cfg.Insecure {
		return ctx, nil
	}
	raw, err := bearer(md)
	if err != nil {
		return nil, err
	}
	caller, err := g.admit(raw, rule)
	if err != nil {
		return nil, err
	}
	return With(ctx, caller), nil
}

// Check admits the caller of one item of a batch, by the token that came with the item.
func (g *Guard) Check(raw, method string) (Caller, error) {
	rule, ok := g.rules[method]
	if !ok {
		return Caller{}, failure.Denied("no rule says who may call %s", method)
	}
	if g.cfg.Insecure {
		return Caller{}, nil
	}
	return g.admit(raw, rule)
}

func (g *Guard) admit(raw string, rule Rule) (Caller, error) {
	var caller Caller
	if raw != "" {
		var err error
		// Who may call without a token may call with a useless one: to replace it, for instance.
		if caller, err = g.cfg.Keys.verify(raw, g.cfg.App, g.cfg.Now()); err != nil && !rule.Anyone {
			return Caller{}, err
		}
	}
	return rule.admit(caller)
}

// fromSidecar says whether a call shows the app token.
func (g *Guard) fromSidecar(md metadata.MD) bool {
	if g.cfg.AppToken == "" {
		return true
	}
	shown := md.Get("dapr-api-token")
	return len(shown) == 1 && subtle.ConstantTimeCompare([]byte(shown[0]), []byte(g.cfg.AppToken)) == 1
}

// passedOn says whether a sidecar passes on somebody's call. Calls that come to the sidecar's API name this
// app; in those that come from another sidecar that is taken out again, but either are of the subtype of
// the proxy's codec, as no call of the runtime itself is.
func passedOn(md metadata.MD) bool {
	return slices.Contains(md.Get("content-type"), "application/grpc+proto") ||
		len(md.Get("dapr-app-id"))+len(md.Get("dapr-callee-app-id"))+len(md.Get("dapr-caller-app-id")) > 0
}

// bearer returns the token of a call; "" for none.
func bearer(md metadata.MD) (string, error) {
	shown := md.Get("authorization")
	switch len(shown) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", failure.Unauthenticated("the authorization header is there %d times; one is enough", len(shown))
	}
	scheme, raw, _ := strings.Cut(shown[0], " ")
	if raw = strings.TrimSpace(raw); !strings.EqualFold(scheme, "bearer") || raw == "" {
		return "", failure.Unauthenticated("the authorization header must be \"Bearer\" and an access token")
	}
	return raw, nil
}

// refusal words why a token is no good.
func refusal(err error) error {
	switch {
	case errors.Is(err, token.ErrExpired):
		return failure.Unauthenticated("the access token has expired; refresh it or log in again")
	case errors.Is(err, token.ErrNotYet):
		return failure.Unauthenticated("the access token is not good yet: is the clock right?")
	default:
		return failure.Unauthenticated("the access token is not good; log in again")
	}
}
