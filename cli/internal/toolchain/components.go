package toolchain

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	sidecarOverlay = "_sidecar"
	// componentList is the Go file that links component types into the sidecar, relative to the project's root.
	componentList = "tools/dapr/" + sidecarOverlay + "/cmd/daprd/components/zz_notag.go"
)

// Components lists the component types that the Sidecar has, such as "pubsub.jetstream", sorted. It reads them from the
// Go file that links them.
func (t *Toolchain) Components() ([]string, error) {
	return components(filepath.Join(t.root, filepath.FromSlash(componentList)))
}

// AllComponents lists the component types that the CompleteSidecar has, sorted. It reads them from Dapr's source, which
// is downloaded if need be, and builds nothing.
func (t *Toolchain) AllComponents(ctx context.Context) ([]string, error) {
	tool, err := find(CompleteSidecar)
	if err != nil {
		return nil, err
	}
	_, folder, err := t.source(ctx, tool)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "cmd", "daprd", "components", "*.go"))
	if err != nil {
		return nil, fmt.Errorf("looking for Dapr's components: %w", err)
	}
	// The one that is built without tags registers none.
	files = slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == filepath.Base(componentList) })
	return components(files...)
}

// components lists the types that Go files register.
func components(files ...string) ([]string, error) {
	var types []string
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("reading a list of components: %w", err)
		}
		registries := registriesOf(file)
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			kind := registries[registry(call)]
			if kind == "" {
				return true
			}
			for _, argument := range call.Args {
				if literal, ok := argument.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if name, err := strconv.Unquote(literal.Value); err == nil {
						types = append(types, kind+"."+name)
					}
				}
			}
			return true
		})
	}
	if len(types) == 0 {
		return nil, fmt.Errorf("no component is registered by %s", strings.Join(files, ", "))
	}
	slices.Sort(types)
	return types, nil
}

// registriesOf returns the kinds of component that a file can register, by the names of the packages that do.
func registriesOf(file *ast.File) map[string]string {
	kinds := make(map[string]string)
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		kind, found := strings.CutPrefix(path, "github.com/dapr/dapr/pkg/components/")
		if !found {
			continue
		}
		kind = strings.ReplaceAll(kind, "/", ".") // middleware/http
		name := kind[strings.LastIndexByte(kind, '.')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		kinds[name] = kind
	}
	return kinds
}

// registry is the package whose DefaultRegistry the call registers a component with; empty if it does not.
func registry(call *ast.CallExpr) string {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(method.Sel.Name, "Register") {
		return ""
	}
	selector, ok := method.X.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != "DefaultRegistry" {
		return ""
	}
	if name, ok := selector.X.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}
