package edge

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	userv1 "seaport.example/proto/seaport/user/v1"
	"seaport.example/services/gateway/internal/limit"
	"seaport.example/services/internal/auth"
	"seaport.example/services/internal/failure"
)

// limits holds back who asks too often. A log-in that is held back costs nobody a hash, and is so
// whether its account exists or not.
type limits struct {
	guess   *limit.Table // log-ins of one account from one address
	account *limit.Table // log-ins of one account, from wherever
	caller  *limit.Table // log-ins from one address, whatever the account
	signUp  *limit.Table // by address
	nobody  *limit.Table // requests of callers who are not known, by address
	shipper *limit.Table // requests by customer
	staff   *limit.Table // requests by operator or admin

	lasting map[string]crowd // streams in progress, by method and caller
}

// crowd is streams of a kind, of which a caller may have so many in progress.
type crowd struct {
	*limit.Crowd

	most int
	what string
}

func newCrowd(most int, what string) crowd { return crowd{limit.NewCrowd(most), most, what} }

const (
	// watchesAtMost: a watch costs memory here and reading behind.
	watchesAtMost = 20
	// importsAtMost: an import takes all that it gets, and its lines are not counted one by one.
	importsAtMost = 4
)

func newLimits() *limits {
	table := func(burst int, every time.Duration) *limit.Table {
		return limit.New(limit.Rate{Burst: burst, Every: every}, limit.DefaultKeys)
	}
	return &limits{
		guess:   table(5, 5*time.Second),
		account: table(30, 2*time.Second),
		caller:  table(30, 2*time.Second),
		signUp:  table(100, time.Second),
		nobody:  table(200, time.Second/50),
		shipper: table(1_000, time.Second/200),
		staff:   table(40_000, time.Second/20_000),
		lasting: map[string]crowd{
			consignmentv1.ShippingService_WatchConsignments_FullMethodName:  newCrowd(watchesAtMost, "watches"),
			consignmentv1.ShippingService_ImportConsignments_FullMethodName: newCrowd(importsAtMost, "imports"),
		},
	}
}

// outside and inside are interceptors before and behind the guard: what the guard refuses is counted
// too.
func (l *limits) outside(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, passage := enter(ctx)
	resp, err := handle(ctx, req)
	if refused := l.turnedAway(ctx, info.FullMethod, passage, err); refused != nil {
		return nil, refused
	}
	return resp, err
}

func (l *limits) inside(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if err := l.count(ctx, info.FullMethod, req); err != nil {
		return nil, err
	}
	return handle(ctx, req)
}

// outsideStream and insideStream are the same for streams, which count once, at their start.
func (l *limits) outsideStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, passage := enter(stream.Context())
	err := handle(srv, entered{stream, ctx})
	if refused := l.turnedAway(ctx, info.FullMethod, passage, err); refused != nil {
		return refused
	}
	return err
}

func (l *limits) insideStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := l.count(stream.Context(), info.FullMethod, nil); err != nil {
		return err
	}
	if crowd, lasts := l.lasting[info.FullMethod]; lasts {
		caller := keyOf(auth.From(stream.Context()))
		if !crowd.Enter(caller) {
			return failure.Exhausted(0, "you have %d %s in progress, and more are not allowed; end one first", crowd.most, crowd.what)
		}
		defer crowd.Leave(caller)
	}
	return handle(srv, stream)
}

// passage is how far a call came.
type passage struct{ guardPassed bool }

type passageKey struct{}

func enter(ctx context.Context) (context.Context, *passage) {
	p := &passage{}
	return context.WithValue(ctx, passageKey{}, p), p
}

type entered struct {
	grpc.ServerStream

	ctx context.Context
}

func (e entered) Context() context.Context { return e.ctx }

// turnedAway counts a call that the guard refused, to its address: anybody can show a token that is
// no good.
func (l *limits) turnedAway(ctx context.Context, method string, p *passage, err error) error {
	if err == nil || p.guardPassed || uncounted(method) {
		return nil
	}
	return l.takeNobody(ctx)
}

// count counts a call that the guard let in.
func (l *limits) count(ctx context.Context, method string, req any) error {
	if p, ok := ctx.Value(passageKey{}).(*passage); ok {
		p.guardPassed = true
	}
	if uncounted(method) {
		return nil
	}
	if err := l.countCaller(ctx, req); err != nil {
		return err
	}
	switch r := req.(type) {
	case *userv1.AuthRequest:
		return l.countLogIn(network(ctx), account(r.GetEmail()))
	case *userv1.CreateRequest:
		if wait := l.signUp.Take(network(ctx), 1, time.Now()); wait > 0 {
			return failure.Exhausted(wait, "too many sign-ups from your address; try again in %s", inWords(wait))
		}
	}
	return nil
}

// uncounted says whether a method is health or reflection, which are asked all the time and cost nothing.
func uncounted(method string) bool { return strings.HasPrefix(method, "/grpc.") }

func (l *limits) countLogIn(network, account string) error {
	wait := limit.All(time.Now(),
		limit.Claim{Table: l.caller, Key: network},
		limit.Claim{Table: l.guess, Key: network + " " + account},
		limit.Claim{Table: l.account, Key: account})
	if wait > 0 {
		return failure.Exhausted(wait, "too many attempts to log in; try again in %s", inWords(wait))
	}
	return nil
}

// countCaller counts a request to whoever makes it; one for many bookings as so many.
func (l *limits) countCaller(ctx context.Context, req any) error {
	caller := auth.From(ctx)
	if !caller.Known() {
		return l.takeNobody(ctx)
	}
	n := 1
	if r, ok := req.(*consignmentv1.BatchCreateConsignmentsRequest); ok {
		n = max(1, len(r.GetRequests()))
	}
	table := l.shipper
	if caller.App != "" || caller.Has(auth.Operator) || caller.Has(auth.Admin) {
		table = l.staff
	}
	if wait := table.Take(keyOf(caller), n, time.Now()); wait > 0 {
		return failure.Exhausted(wait, "too many requests; try again in %s, and book many consignments by one batch", inWords(wait))
	}
	return nil
}

// keyOf returns what a caller who is known counts as.
func keyOf(c auth.Caller) string { return c.User + " " + c.App }

func (l *limits) takeNobody(ctx context.Context) error {
	if wait := l.nobody.Take(network(ctx), 1, time.Now()); wait > 0 {
		return failure.Exhausted(wait, "too many requests without a good access token from your address; log in, or try again in %s", inWords(wait))
	}
	return nil
}

// inWords rounds a time to wait up to what a person would say.
func inWords(wait time.Duration) time.Duration {
	return max(wait+time.Second-1, time.Second).Truncate(time.Second)
}
