// Package request carries the id by which a request is found in answers and logs, from the edge
// through every service that it reaches.
package request

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Header is the header, or metadata key, of the id.
const Header = "x-request-id"

// longest is how many characters an id may have.
const longest = 128

// Valid says whether an id that somebody else chose may be used: visible ASCII, not too long.
func Valid(id string) bool {
	return id != "" && len(id) <= longest && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// ID returns the id of the call in progress; "" when it has none.
func ID(ctx context.Context) string {
	shown := metadata.ValueFromIncomingContext(ctx, Header)
	if len(shown) != 1 || !Valid(shown[0]) {
		return ""
	}
	return shown[0]
}

// Forward returns a context whose outgoing calls carry the id of the call in progress.
func Forward(ctx context.Context) context.Context {
	id := ID(ctx)
	if id == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, Header, id)
}
