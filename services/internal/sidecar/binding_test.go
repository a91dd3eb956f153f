package sidecar_test

import (
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/sidecar/sidecartest"
)

func TestBinding(t *testing.T) {
	t.Parallel()
	fake := sidecartest.New()
	fake.Bind("mailer", func(d sidecartest.Delivery) ([]byte, map[string]string, error) {
		if d.Operation != "create" {
			return nil, nil, errors.New("no such operation")
		}
		return append(slices.Clone(d.Data), '!'), map[string]string{"statusCode": d.Metadata["want"]}, nil
	})
	mailer := fake.Sidecar(t).Binding("mailer")
	answer, err := mailer.Invoke(t.Context(), "create", []byte("hi"), map[string]string{"want": "204"})
	if err != nil || string(answer.Data) != "hi!" || answer.Metadata["statusCode"] != "204" {
		t.Errorf("%+v, %v", answer, err)
	}
	if _, err := mailer.Invoke(t.Context(), "get", nil, nil); status.Code(err) != codes.Internal {
		t.Errorf("an error of the binding: %v", err)
	}
	if _, err := fake.Sidecar(t).Binding("elsewhere").Invoke(t.Context(), "create", nil, nil); err == nil {
		t.Error("a binding that there is not")
	}
	fake.Inject(sidecartest.Fault{Op: sidecartest.Bind, Key: "mailer", Before: sidecartest.Away})
	if _, err := mailer.Invoke(t.Context(), "create", nil, nil); status.Code(err) != codes.Unavailable {
		t.Errorf("without a sidecar: %v", err)
	}
}
