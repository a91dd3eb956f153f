// Package rest is the REST/JSON side of the gateway. The routes are in proto/rest.yaml; what they
// answer is what the gRPC side answers, translated by generated code.
package rest

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	consignmentv1 "seaport.example/services/gateway/internal/rest/seaport/consignment/v1"
	inventoryv1 "seaport.example/services/gateway/internal/rest/seaport/inventory/v1"
	notificationv1 "seaport.example/services/gateway/internal/rest/seaport/notification/v1"
	opsv1 "seaport.example/services/gateway/internal/rest/seaport/ops/v1"
	userv1 "seaport.example/services/gateway/internal/rest/seaport/user/v1"
	vesselv1 "seaport.example/services/gateway/internal/rest/seaport/vessel/v1"
	"seaport.example/services/internal/failure"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 4 << 20

//go:embed openapi.swagger.json
var openAPI []byte

// welcome is for those who open the address in a browser.
const welcome = `Seaport

POST /v1/users               sign up
POST /v1/tokens              log in
POST /v1/tokens:refresh      stay logged in
POST /v1/tokens:revoke       log out
GET  /v1/users/me            who you are

GET  /v1/consignments        what was booked, the newest first
GET  /v1/consignments:watch  what happens to them, as Server-Sent Events
POST /v1/consignments        book a consignment
GET  /v1/vessels             the fleet and the room on it
GET  /v1/depots              the depots and their empty containers
GET  /v1/emails              what was written to people (admins)

GET  /openapi.json           every route
GET  /healthz                whether the platform is ready
GET  /.well-known/jwks.json  the keys of access tokens

Logging in gives an access token. Send it along as "Authorization: Bearer <token>".
gRPC answers on this port too, with reflection.
`

// Config is what the REST side needs besides the gRPC server.
type Config struct {
	Health  http.Handler           // answers GET /healthz
	WebKeys func() ([]byte, error) // a JSON Web Key Set: the keys of users' tokens
	// Headers are those that reach the gRPC server as metadata of the same name, besides
	// Authorization. None other does, however it is spelt.
	Headers []string
	// KeepAlive is how often a watch on which nothing happens shows that it is alive; 0 means 15 s.
	KeepAlive time.Duration
}

// Handler returns the REST side of the gRPC server at the other end of conn.
func Handler(ctx context.Context, conn *grpc.ClientConn, cfg Config) (http.Handler, error) {
	refuseUnknownParameters()
	marshaler := strictJSON{&runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
	}}
	routes := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler),
		runtime.WithErrorHandler(writeError),
		runtime.WithRoutingErrorHandler(writeRoutingError),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithIncomingHeaderMatcher(only(cfg.Headers)),
		runtime.WithOutgoingHeaderMatcher(only(nil)),
	)
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		consignmentv1.RegisterShippingServiceHandler,
		vesselv1.RegisterVesselServiceHandler,
		inventoryv1.RegisterInventoryServiceHandler,
		userv1.RegisterUserServiceHandler,
		notificationv1.RegisterNotificationServiceHandler,
		opsv1.RegisterOpsServiceHandler,
	} {
		if err := register(ctx, routes, conn); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", cfg.Health)
	mux.Handle("GET /.well-known/jwks.json", webKeys(cfg.WebKeys))
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(welcome))
	})
	// The generated route of a watch would answer with lines of JSON.
	mux.Handle("GET /v1/consignments:watch", legible(cfg.Headers, newWatch(conn, routes, marshaler, cfg)))
	generated := legible(cfg.Headers, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		routes.ServeHTTP(w, r)
	}))
	mux.Handle("HEAD /v1/consignments:watch", generated) // refuses it; to GET's handler it would be a watch that nobody reads
	mux.Handle("/", generated)
	return mux, nil
}

// legible refuses requests that cannot be passed on: with such headers, or with a path or query that is not text.
func legible(passedOn []string, next http.Handler) http.Handler {
	names := append(slices.Clone(passedOn), "Authorization")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := illegible(r.Header, names)
		if e == nil {
			e = notText(r.URL)
		}
		if e != nil {
			WriteError(w, httpStatus(e.Code()), e)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// only lets the named headers pass, under their own names.
func only(names []string) runtime.HeaderMatcherFunc {
	return func(name string) (string, bool) {
		return name, slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
}

// illegible names a header that cannot become metadata, which is printable ASCII.
func illegible(header http.Header, names []string) *failure.Error {
	for _, name := range names {
		for _, value := range header.Values(name) {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
				return failure.Invalid(name, "must be printable ASCII characters")
			}
		}
	}
	return nil
}

// webKeys answers with the keys by which anybody can verify an access token.
func webKeys(keys func() ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		set, err := keys()
		if err != nil {
			e := failure.From(err)
			WriteError(w, httpStatus(e.Code()), e)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(set)
	})
}

// httpStatus is where this differs from the usual table: a precondition that does not hold is a
// conflict with what is stored.
func httpStatus(code codes.Code) int {
	if code == codes.FailedPrecondition {
		return http.StatusConflict
	}
	return runtime.HTTPStatusFromCode(code)
}

func writeError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	e := failure.From(clearer(err))
	WriteError(w, httpStatus(e.Code()), e)
}

// writeRoutingError answers a request that no route takes.
func writeRoutingError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpCode int) {
	switch httpCode {
	case http.StatusNotFound:
		WriteError(w, httpCode, failure.NotFound("path", "there is nothing at %s; see /openapi.json", r.URL.Path))
	case http.StatusMethodNotAllowed:
		WriteError(w, httpCode, failure.Invalid("method", "%s is not for %s; see /openapi.json", r.Method, r.URL.Path))
	default:
		WriteError(w, httpCode, failure.Invalid("path", "the request is malformed"))
	}
}

var (
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
	twiceField   = regexp.MustCompile(`duplicate field "([^"]*)"`)
	wrongValue   = regexp.MustCompile(`invalid value for (\w+) field (\w+): (.*)`)
	wrongQuery   = regexp.MustCompile(`parsing field "([^"]*)": .*parsing (".*"): (.*)`)
)

// clearer words what the decoders say about a body or a query.
func clearer(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return failure.Invalid("body", "must have at most %d bytes", tooLarge.Limit)
	}
	st, ok := status.FromError(err)
	if !ok || st.Code() != codes.InvalidArgument || len(st.Details()) > 0 {
		return err
	}
	if found := unknownField.FindStringSubmatch(st.Message()); found != nil {
		return failure.Invalid(found[1], "there is no such field")
	}
	if found := twiceField.FindStringSubmatch(st.Message()); found != nil {
		return failure.Invalid(found[1], "is given twice")
	}
	if found := wrongValue.FindStringSubmatch(st.Message()); found != nil {
		return failure.Invalid(found[2], "must be of type %s, not %s", found[1], found[3])
	}
	if found := wrongQuery.FindStringSubmatch(st.Message()); found != nil {
		return failure.Invalid(found[1], "must not be %s: %s", found[2], found[3])
	}
	if st.Message() == (&http.MaxBytesError{}).Error() {
		return failure.Invalid("body", "must have at most %d bytes", maxBody)
	}
	if strings.HasSuffix(st.Message(), os.ErrDeadlineExceeded.Error()) { // the rest is addresses
		return failure.Invalid("body", "took too long to arrive")
	}
	return failure.Invalid("body", "%s", st.Message())
}
