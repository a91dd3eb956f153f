package document

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestLoadObject(t *testing.T) {
	want, err := structpb.NewStruct(map[string]any{"any": []any{1, "two", nil}, "other": map[string]any{"x": true}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := LoadObject(Stdin, strings.NewReader(` {"any": [1, "two", null], "other": {"x": true}} `))
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestLoadObjectRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", " ", "standard input: is empty"},
		{"comma at the end", "{\n  \"a\": 1,\n}", "standard input: line 3, column 1: is not JSON: "},
		{"cut short", "{\"a\": 1", "standard input: line 1, column 8: is not JSON: it ends too early; "},
		{"two values", `{} {}`, "standard input: line 1, column 4: is not JSON: "},
		{"list", "\n [1]", "standard input: line 2, column 2: must be an object, { … }, not a list"},
		{"null", `null`, "standard input: line 1, column 1: must be an object, { … }, not null"},
		{"twice", `{"a": 1, "a": 2}`, "standard input: line 1, column 10: cannot be read: duplicate"},
		{"large number", `{"a": 1e999}`, "standard input: line 1, column 7: cannot be read: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := LoadObject(Stdin, strings.NewReader(tt.text)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %s", got, err, tt.want)
			}
		})
	}
	if _, err := LoadObject("nowhere.json", nil); err == nil || err.Error() != "nowhere.json: does not exist" {
		t.Errorf("of no file: %v", err)
	}
}
