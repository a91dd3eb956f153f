package toolchain

import (
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
	path := filepath.Join(t.root, filepath.FromSlash(componentList))
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("reading the sidecar's list of components: %w", err)
	}
	var types []string
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		kind := registry(call)
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
	if len(types) == 0 {
		return nil, fmt.Errorf("%s registers no component", path)
	}
	slices.Sort(types)
	return types, nil
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
