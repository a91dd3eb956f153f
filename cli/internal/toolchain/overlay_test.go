package toolchain

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// withDapr is a project whose Dapr is a module that go downloads: its placement says whose part it has. The
// checkout is behind a symbolic link.
func withDapr(t *testing.T) (root string) {
	t.Helper()
	proxy := t.TempDir()
	const mod = "module github.com/dapr/dapr\n\ngo 1.25\n"
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	for name, text := range map[string]string{
		"go.mod":                mod,
		"cmd/placement/main.go": "package main\n\nimport \"github.com/dapr/dapr/pkg/part\"\n\nfunc main() { println(part.Owner) }\n",
		"pkg/part/part.go":      "package part\n\nconst Owner = \"theirs\"\n",
	} {
		file, err := writer.Create("github.com/dapr/dapr@v1.18.2/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	versions := filepath.Join(proxy, "github.com/dapr/dapr/@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"v1.18.2.info": []byte(`{"Version":"v1.18.2"}`), "v1.18.2.mod": []byte(mod), "v1.18.2.zip": archive.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOPROXY", (&url.URL{Scheme: "file", Path: filepath.ToSlash(proxy)}).String())
	t.Setenv("GOSUMDB", "off")
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-modcacherw") // or the test could not remove it
	root = filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(project(t, hello), root); err != nil {
		t.Fatal(err)
	}
	// It fills go.sum.
	get := exec.Command("go", "get", "-tool", "github.com/dapr/dapr/cmd/placement@v1.18.2")
	get.Dir = filepath.Join(root, "tools/dapr")
	get.Env = append(get.Environ(), "GOWORK=off")
	if output, err := get.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	// As on a machine that has never built it.
	t.Setenv("GOMODCACHE", t.TempDir())
	return root
}

func TestOverlayIsBuiltInPlaceOfTheirs(t *testing.T) {
	root := withDapr(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	tools := newToolchain(t, root, t.TempDir(), &bytes.Buffer{})
	paths, err := tools.Ensure(t.Context(), "placement")
	if err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command(paths["placement"]).CombinedOutput(); err != nil || string(output) != "ours\n" {
		t.Errorf("the program says %q, %v", output, err)
	}
	if left, _ := filepath.Glob(filepath.Join(temporary, "seaport-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A version that has moved the file must not be built as if it were still replaced.
func TestOverlayThatReplacesNothing(t *testing.T) {
	root := withDapr(t)
	if err := os.Rename(filepath.Join(root, overlaid), filepath.Join(root, filepath.Dir(overlaid), "other.go")); err != nil {
		t.Fatal(err)
	}
	tools := newToolchain(t, root, t.TempDir(), &bytes.Buffer{})
	_, err := tools.Ensure(t.Context(), "placement")
	if err == nil || !strings.Contains(err.Error(), "nothing to replace") || !strings.Contains(err.Error(), "other.go") {
		t.Errorf("error = %v, want one that names the file", err)
	}
}

func TestOverlayWithoutFiles(t *testing.T) {
	for _, test := range []struct{ name, remove string }{{"no folder", "tools/dapr/_overlay"}, {"no file", overlaid}} {
		t.Run(test.name, func(t *testing.T) {
			root := project(t, hello)
			if err := os.RemoveAll(filepath.Join(root, test.remove)); err != nil {
				t.Fatal(err)
			}
			tools := newToolchain(t, root, t.TempDir(), &bytes.Buffer{})
			if _, err := tools.Ensure(t.Context(), "placement"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error = %v, want fs.ErrNotExist", err)
			}
		})
	}
}

func TestPlaceDependsOnOverlay(t *testing.T) {
	root := project(t, hello)
	tools := newToolchain(t, root, t.TempDir(), &bytes.Buffer{})
	before, err := tools.Find(t.Context(), "placement")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, overlaid), []byte("package part // other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if after, err := tools.Find(t.Context(), "placement"); err != nil || after.Path == before.Path {
		t.Errorf("another overlay, and still the tool built from the old one, %v", err)
	}
}

func TestEveryOverlayIsThere(t *testing.T) {
	tools := newToolchain(t, filepath.Join("..", "..", ".."), t.TempDir(), &bytes.Buffer{})
	for _, tool := range All() {
		if files, err := tools.replacements(tool); err != nil || (tool.Overlay == "") != (len(files) == 0) {
			t.Errorf("%s: %v, %v", tool.Name, files, err)
		}
	}
}
