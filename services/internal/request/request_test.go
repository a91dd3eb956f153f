package request_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"seaport.example/services/internal/request"
)

func TestID(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shown []string
		want  string
	}{
		"none": {nil, ""}, "one": {[]string{"r-1"}, "r-1"}, "two": {[]string{"r-1", "r-2"}, ""}, "empty": {[]string{""}, ""},
		"space": {[]string{"r 1"}, ""}, "line break": {[]string{"r\n1"}, ""}, "not ASCII": {[]string{"ré"}, ""},
		"longest": {[]string{strings.Repeat("x", 128)}, strings.Repeat("x", 128)}, "too long": {[]string{strings.Repeat("x", 129)}, ""},
	} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{request.Header: c.shown})
		if got := request.ID(ctx); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		md, _ := metadata.FromOutgoingContext(request.Forward(ctx))
		if got := strings.Join(md.Get(request.Header), ";"); got != c.want {
			t.Errorf("%s: forwarded is %q, want %q", name, got, c.want)
		}
	}
	if request.ID(context.Background()) != "" {
		t.Error("a context without a call has an id")
	}
}
