package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"seaport.example/services/internal/failure"
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

// notText names what of an address is not UTF-8, and so cannot be in a request.
func notText(address *url.URL) *failure.Error {
	if !utf8.ValidString(address.Path) {
		return failure.Invalid("path", "must be UTF-8")
	}
	for name, values := range address.Query() {
		if !utf8.ValidString(name) {
			return failure.Invalid("query", "must have names in UTF-8")
		}
		if slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return failure.Invalid(name, "must be UTF-8")
		}
	}
	return nil
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
	given := make(map[protoreflect.FieldNumber]string)
	for name, all := range values {
		first, _, nested := strings.Cut(name, ".")
		field := fields.ByName(protoreflect.Name(first))
		if field == nil {
			field = fields.ByJSONName(first)
		}
		switch {
		case field == nil:
			return fmt.Errorf("unknown field %q", name)
		case nested || field.IsList():
			continue
		case len(all) > 1 || given[field.Number()] != "": // which of them counts would be chance
			return fmt.Errorf("duplicate field %q", field.Name())
		}
		given[field.Number()] = name
	}
	return q.DefaultQueryParser.Parse(request, values, filter)
}
