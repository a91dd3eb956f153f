package document

import (
	"errors"
	"strings"
	"testing"
)

type inner struct {
	Leaf int `yaml:"leaf"`
}

type outer struct {
	inner `yaml:",inline"`
	Name  string           `yaml:"name"`
	List  []inner          `yaml:"list"`
	Map   map[string]inner `yaml:"map"`
	Any   any              `yaml:"any"`
}

func TestDecode(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // in the error; empty: accepted
	}{
		{"all known", "name: a\nleaf: 1\nlist: [{leaf: 1}]\nmap: {x: {leaf: 2}}\nany: {free: form}", ""},
		{"unknown", "name: a\nnme: b", "f.yaml:2: unknown key \"nme\": remove it, or use one of any, leaf, list, map, name"},
		{"unknown in a list", "list:\n  - leaf: 1\n  - lef: 1", "f.yaml:3: unknown key \"lef\" in list"},
		{"unknown in a map", "map:\n  x:\n    lef: 1", "f.yaml:3: unknown key \"lef\" in x"},
		{"behind an anchor", "list:\n  - &a\n    leaf: 1\n  - *a", ""},
		{"another case", "Name: a", "f.yaml:1: unknown key \"Name\": it is written \"name\""},
		{"wrong type", "name: a\nleaf: x", "f.yaml:2: "},
		{"two at once", "a: 1\nb: 2", "f.yaml:2: unknown key \"b\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			documents, err := Parse("f.yaml", []byte(test.text))
			if err != nil || len(documents) != 1 {
				t.Fatalf("%d documents, %v", len(documents), err)
			}
			err = documents[0].Decode(&outer{})
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var problem *Problem
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	documents, err := Parse("f.yaml", []byte("# nothing\n---\na: 1\n---\n\n---\nb: 2\n"))
	if err != nil || len(documents) != 2 {
		t.Fatalf("%d documents, %v, want the 2 that are not empty", len(documents), err)
	}
	if got := documents[1].Problemf([]any{"b"}, "x").Error(); got != "f.yaml:7: x" {
		t.Errorf("the second document's line: %s", got)
	}
	if _, err := Parse("f.yaml", []byte("a: 1\nb: [")); err == nil || !strings.HasPrefix(err.Error(), "f.yaml:") {
		t.Errorf("error = %v", err)
	}
}

func TestProblemfFindsTheNearestPlace(t *testing.T) {
	documents, err := Parse("f.yaml", []byte("apps:\n  - name: a\n  - name: b\n    port: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"name": "f.yaml:3: x", "port": "f.yaml:4: x", "missing": "f.yaml:3: x"} {
		if got := documents[0].Problemf([]any{"apps", 1, path}, "x").Error(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
