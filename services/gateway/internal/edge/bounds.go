package edge

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"seaport.example/services/internal/failure"
)

const (
	maxMessage = 4 << 20          // bytes of a request
	maxHeader  = 64 << 10         // bytes of its headers; a token has 8 kB at most
	callTime   = 25 * time.Second // for a call whose caller gave it more, or for ever
)

func limitSize(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if m, ok := req.(proto.Message); ok && proto.Size(m) > maxMessage {
		return nil, failure.Invalid("body", "must have at most %d bytes", maxMessage)
	}
	return handle(ctx, req)
}

func limitTime(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return handle(ctx, req)
}

// blameCaller makes INVALID_ARGUMENT of a message that cannot be decoded, such as one whose text is
// not UTF-8. The library calls that INTERNAL, before anything here sees it, and leaves its answer in
// the trailers.
func blameCaller(trailers http.Header) {
	if trailers.Get("Grpc-Status") != strconv.Itoa(int(codes.Internal)) || !strings.Contains(trailers.Get("Grpc-Message"), "unmarshal") {
		return
	}
	st := failure.Invalid("body", "is not a message of this method, or its text is not UTF-8").GRPCStatus()
	details, err := proto.Marshal(st.Proto())
	if err != nil {
		return
	}
	trailers.Set("Grpc-Status", strconv.Itoa(int(st.Code())))
	trailers.Set("Grpc-Message", st.Message())
	trailers.Set("Grpc-Status-Details-Bin", base64.RawStdEncoding.EncodeToString(details))
}
