package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// replacements lists the Go files that take the place of those of the tool's module, by their paths in the
// module under tools/; none for a tool without an overlay.
func (t *Toolchain) replacements(tool Tool) ([]string, error) {
	if tool.Overlay == "" {
		return nil, nil
	}
	module := t.module(tool)
	var files []string
	err := filepath.WalkDir(filepath.Join(module, tool.Overlay), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		file, err := filepath.Rel(module, path)
		files = append(files, file)
		return err
	})
	if err == nil && len(files) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what replaces parts of %s: %w", tool.Name, err)
	}
	return files, nil
}

// writeOverlay writes into the folder what go build -overlay reads, and returns its path. Go lets nobody replace a file
// in its module cache; so all the rest of the tool's module is laid into the overlay's folder, and a go.mod over
// ours that takes the module from there.
//
// It fails if the module has no such file to replace: go build would add ours and say nothing.
func (t *Toolchain) writeOverlay(ctx context.Context, tool Tool, folder string) (string, error) {
	ours, err := t.replacements(tool)
	if err != nil {
		return "", err
	}
	path, theirs, err := t.source(ctx, tool)
	if err != nil {
		return "", err
	}
	module, err := filepath.Abs(t.module(tool))
	if err != nil {
		return "", err
	}
	pins, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("reading what pins %s: %w", tool.Name, err)
	}
	pins = fmt.Appendf(pins, "\nreplace %s => ./%s\n", path, tool.Overlay)
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), pins, 0o600); err != nil {
		return "", fmt.Errorf("writing a go.mod with an overlay: %w", err)
	}

	replace := map[string]string{filepath.Join(module, "go.mod"): filepath.Join(folder, "go.mod")}
	err = filepath.WalkDir(theirs, func(source string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := filepath.Rel(theirs, source)
		if err != nil {
			return err
		}
		file = filepath.Join(tool.Overlay, file)
		if i := slices.Index(ours, file); i >= 0 {
			ours = slices.Delete(ours, i, i+1)
			return nil
		}
		replace[filepath.Join(module, file)] = source
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("listing the files of %s: %w", path, err)
	}
	if len(ours) > 0 {
		return "", fmt.Errorf("%s has nothing to replace by %s of %s: is that still of use?", path, strings.Join(ours, ", "), module)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", fmt.Errorf("writing an overlay: %w", err)
	}
	return overlay, nil
}

// source is the module that the tool's package is in and its folder, downloaded if need be. Go list -m would not
// download it, and know no folder then.
func (t *Toolchain) source(ctx context.Context, tool Tool) (path, folder string, err error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-C", t.module(tool), "-find", "-f", "{{.Module.Path}}\n{{.Module.Dir}}", tool.Package)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var said bytes.Buffer
	cmd.Stderr = &said
	answer, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("asking go where %s is: %w\n%s", tool.Package, err, said.Bytes())
	}
	path, folder, _ = strings.Cut(strings.TrimSpace(string(answer)), "\n")
	return path, folder, nil
}
