package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// Documents that are no order at all.
func TestBadDocuments(t *testing.T) {
	p := platform.Shared(t)
	c := p.Client(t)
	huge := freight.Order("", 1, "Atlantis")
	huge.Description = strings.Repeat("a", 5<<20)

	tests := []struct {
		name     string
		document string
		field    string // that REST names
		says     string // by the command line
	}{
		{"malformed", `{"weight": 5,`, "body", "is not JSON"},
		{"malformed in the middle", `{"weight": 5 "containers": []}`, "body", "is not JSON"},
		{"empty", "", "", "is empty"},
		{"spaces only", " \n\t", "", "is empty"},
		{"not an object", `["weight"]`, "body", "must be an object"},
		{"two objects", `{"weight": 5} {"weight": 6}`, "body", "is not JSON"},
		{"nested too deep", strings.Repeat(`{"containers":[`, 20_000), "", "is not JSON"},
		{"huge", `{"weight": 1, "containers": [{"origin": "Atlantis"}], "description": "` + strings.Repeat("a", 5<<20) + `"}`, "body", "larger than 4 MiB"},
		{"not UTF-8", "{\"weight\": 5, \"description\": \"\xff\xfe\"}", "body", "is not UTF-8"},
		{"unknown field", `{"wieght": 5}`, "wieght", "wieght"},
		{"unknown field inside", `{"weight": 5, "containers": [{"orgin": "Derby"}]}`, "orgin", "containers[0].orgin"},
		{"text for a number", `{"weight": "heavy"}`, "weight", "weight"},
		{"a number for text", `{"weight": 5, "description": 7}`, "description", "description"},
		{"a weight with a fraction", `{"weight": 5.5}`, "weight", "weight"},
		{"a weight beyond all numbers", `{"weight": 99999999999}`, "weight", "weight"},
		{"a field given twice", `{"weight": 5, "weight": 6}`, "weight", "given twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantRefused(t, p, c, badRequest{
				want: invalid(test.field),
				rest: &restCall{method: "POST", path: "/v1/consignments", body: []byte(test.document)},
				cli:  &cliCall{args: []string{"consignment", "create", "-"}, stdin: test.document, says: test.says},
			})
		})
	}
	t.Run("huge through gRPC", func(t *testing.T) {
		wantRefused(t, p, c, badRequest{want: invalid("body"), grpc: func(ctx context.Context, c *platform.Client) error {
			_, err := c.CreateConsignment(ctx, huge)
			return err
		}})
	})
	t.Run("not UTF-8 through gRPC", func(t *testing.T) {
		order, err := proto.Marshal(freight.Order("", 1, "Atlantis"))
		if err != nil {
			t.Fatal(err)
		}
		spoiled := append(order, 0x0a, 2, 0xff, 0xfe) // the description once more
		wantRefused(t, p, c, badRequest{want: invalid("body"), grpc: func(ctx context.Context, c *platform.Client) error {
			return c.Conn.Invoke(ctx, consignmentv1.ShippingService_CreateConsignment_FullMethodName, spoiled, new([]byte), grpc.ForceCodec(raw{}))
		}})
	})
	t.Run("far too huge: refused, and the platform lives", func(t *testing.T) {
		before := everything(t, p, c)
		far := strings.Repeat("a", 40<<20)
		answer := p.REST(t, "POST", "/v1/consignments", []byte(`{"description": "`+far+`"}`))
		restError(t, answer, 400, "INVALID_ARGUMENT")
		_, err := c.CreateConsignment(t.Context(), &consignmentv1.CreateConsignmentRequest{Description: far})
		if code := status.Code(err); code != codes.InvalidArgument && code != codes.ResourceExhausted {
			t.Errorf("gRPC: got %.200v, want a refusal for its size", err)
		}
		wantUnchanged(t, before, everything(t, p, c))
	})
	p.WaitHealthy(t)
}

// raw sends bytes as they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) ([]byte, error) {
	data, ok := v.([]byte)
	if !ok {
		return nil, errors.New("not bytes")
	}
	return data, nil
}

func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = data
	return nil
}

// A file that cannot be read is said so.
func TestUnreadableFiles(t *testing.T) {
	p := platform.Shared(t)
	folder := t.TempDir()
	locked := filepath.Join(folder, "locked.json")
	if err := os.WriteFile(locked, []byte("{}"), 0o000); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, file, says string
	}{
		{"does not exist", filepath.Join(folder, "nothing.json"), "does not exist"},
		{"is a folder", folder, "cannot be read"},
		{"is locked", locked, "permission denied"},
		{"is the default and does not exist", "", "does not exist"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.file == locked && os.Geteuid() == 0 {
				t.Skip("root may read everything")
			}
			args := []string{"consignment", "create"}
			if test.file != "" {
				args = append(args, test.file)
			}
			out := p.CLI(t, args...)
			if out.Exit != exitBadInput || !strings.Contains(out.Stderr, test.says) {
				t.Errorf("exit %d, want %d; it says %q, want %q", out.Exit, exitBadInput, out.Stderr, test.says)
			}
			wantClear(t, "command line", out.Stderr)
		})
	}
}
