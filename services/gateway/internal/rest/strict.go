package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// strictJSON takes a body as a whole, so that what stands behind the first object is an error and
// not passed over.
type strictJSON struct{ *runtime.JSONPb }

// NewDecoder returns a decoder of one body.
func (s strictJSON) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return io.EOF // which stands for a request without fields
		}
		if err := s.Unmarshal(body, v); err != nil {
			return err
		}
		if !json.Valid(body) {
			return errors.New("something stands behind the first JSON value")
		}
		return nil
	})
}

// strictQuery takes only parameters that the request has a field for: a misspelt page_token would
// else give the first page for ever.
type strictQuery struct{ runtime.DefaultQueryParser }

// refuseUnknownParameters sets the parser once: the library has one for the whole process.
var refuseUnknownParameters = sync.OnceFunc(func() {
	runtime.NewServeMux(runtime.SetQueryParameterParser(strictQuery{}))
})

// Parse fills the request from the query.
func (q strictQuery) Parse(request proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	fields := request.ProtoReflect().Descriptor().Fields()
	for name := range values {
		first, _, _ := strings.Cut(name, ".")
		if fields.ByName(protoreflect.Name(first)) == nil && fields.ByJSONName(first) == nil {
			return fmt.Errorf("unknown field %q", name)
		}
	}
	return q.DefaultQueryParser.Parse(request, values, filter)
}
