package edge

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/rs/cors"

	"seaport.example/services/gateway/internal/rest"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
)

const (
	// addressHeader carries the address of the caller to the gRPC server, which sees that of the
	// REST side else. Whatever a caller says in it is lost.
	addressHeader = "x-seaport-address"
	// keyHeader is the name that a request_id has among headers
	// (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
	keyHeader = "idempotency-key"
	// arriveTime is how long the body of a REST request may take, leaveTime how long all of it may, to
	// the last byte of the answer: a call that took its time is answered in it.
	arriveTime = 30 * time.Second
	leaveTime  = arriveTime + callTime + 15*time.Second
)

// passedOn is the headers that REST passes on to gRPC.
var passedOn = []string{request.Header, addressHeader, keyHeader}

// front is what stands before everything public: every request gets its id, every answer its headers.
//
// Headers of more than [maxHeader] are refused before that, by the library: in REST with a bare 431, in
// gRPC by the client's own end, which was told the limit.
func front(origins []string, next http.Handler) http.Handler {
	next = shut(origins, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r.Header)
		r.Header.Set(request.Header, id)
		r.Header.Set(addressHeader, callerAddress(r.RemoteAddr))
		w.Header().Set(request.Header, id)
		harden(w.Header(), r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

// requestID returns the id that a request says it has, if that can be used; else a new one.
func requestID(header http.Header) string {
	if shown := header.Values(request.Header); len(shown) == 1 && request.Valid(shown[0]) {
		return shown[0]
	}
	return uuid.NewString()
}

// callerAddress returns the address without its port.
func callerAddress(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

// harden tells browsers that an answer is data: not to be guessed at, shown in a frame, run, or kept.
func harden(answer http.Header, path string) {
	answer.Set("X-Content-Type-Options", "nosniff")
	answer.Set("X-Frame-Options", "DENY")
	answer.Set("Referrer-Policy", "no-referrer")
	answer.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	answer.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.HasPrefix(path, "/v1/") {
		answer.Set("Cache-Control", "no-store")
	}
}

// shut keeps pages of other origins from calling, all but those named. A browser asks before most
// calls, and is told no by the absence of a yes; the few that it makes unasked are refused.
func shut(origins []string, next http.Handler) http.Handler {
	check := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := check.AddTrustedOrigin(origin); err != nil {
			panic(err) // ReadConfig lets no such origin pass
		}
	}
	check.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest.WriteError(w, http.StatusForbidden, failure.Denied("pages of %s may not call this; SEAPORT_CORS_ORIGINS says whose may", r.Header.Get("Origin")))
	}))
	next = check.Handler(next)
	if len(origins) == 0 {
		return next // to the library, none means all
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: []string{"Authorization", "Content-Type", keyHeader, request.Header, rest.LastEvent},
		ExposedHeaders: []string{request.Header, "Retry-After", "WWW-Authenticate"},
		MaxAge:         600,
	}).Handler(next)
}

// hurry gives the body of a REST request its time to arrive, and the answer the time to leave. Once a body
// is there the library lets the call take longer than that. A writer without deadlines is a test's.
func hurry(arrive, leave time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, now := http.NewResponseController(w), time.Now()
		_ = conn.SetReadDeadline(now.Add(arrive))
		_ = conn.SetWriteDeadline(now.Add(leave))
		next.ServeHTTP(w, r)
	})
}
