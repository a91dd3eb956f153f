package edge

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/request"
)

// fillRequestID takes the request_id of a request from the header Idempotency-Key. A request that has
// no such field does not look at the header.
func fillRequestID(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	shown := metadata.ValueFromIncomingContext(ctx, keyHeader)
	if len(shown) == 0 {
		return handle(ctx, req)
	}
	message, ok := req.(proto.Message)
	if !ok {
		return handle(ctx, req)
	}
	m := message.ProtoReflect()
	field := m.Descriptor().Fields().ByName("request_id")
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return handle(ctx, req)
	}
	if len(shown) > 1 {
		return nil, failure.Invalid(keyHeader, "is there %d times; one is enough", len(shown))
	}
	key := unquote(shown[0])
	if !request.Valid(key) {
		return nil, failure.Invalid(keyHeader, "must be 1 to 128 visible ASCII characters")
	}
	if given := m.Get(field).String(); given != "" && given != key {
		return nil, failure.Invalid("request_id", "differs from the header %s; one of them is enough", keyHeader)
	}
	m.Set(field, protoreflect.ValueOfString(key))
	return handle(ctx, req)
}

// unquote takes the quotes off a key that is written as the header's draft standard has it.
func unquote(key string) string {
	if len(key) >= 2 && strings.HasPrefix(key, `"`) && strings.HasSuffix(key, `"`) {
		return key[1 : len(key)-1]
	}
	return key
}
