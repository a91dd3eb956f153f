// Package toolchain provides the programs that Seaport runs and builds with, each pinned by a Go module under tools/:
// it builds those that are missing into the user's cache, once for all checkouts.
package toolchain

import (
	"slices"
	"strings"
)

// Tool is one pinned program.
type Tool struct {
	// Name is the program's name.
	Name string
	// Module is its folder under tools/.
	Module string
	// Package is what is built; its module gives the version.
	Package string
	// Overlay is a folder in Module whose Go files are built in place of those that have the same paths in Package's
	// module; empty for none. They say why.
	Overlay string
	// Dapr is set for parts of the Dapr runtime.
	Dapr bool
	// Tags are the build tags, separated by commas; empty for none.
	Tags string
	// Installed names the program that is as good when it is installed on this machine in the pinned version; empty
	// if none is.
	Installed string
	// Effort says what the first build costs.
	Effort string
}

const (
	daprEffort    = "10 minutes and 0.8 GB of downloads the first time, on two cores"
	controlEffort = "one to two minutes the first time, after the sidecar"
	smallEffort   = "about half a minute the first time"
)

// The names of the Dapr sidecar: the one that is linked with the component types that Seaport's profiles use, and the one
// that has every type there is.
const (
	Sidecar         = "daprd"
	CompleteSidecar = "daprd-complete"
)

var tools = []Tool{
	{Name: Sidecar, Module: "dapr", Package: "github.com/dapr/dapr/cmd/daprd", Overlay: sidecarOverlay, Dapr: true, Installed: "daprd",
		Effort: "4 to 5 minutes and 0.5 GB of downloads the first time, on two cores"},
	{Name: CompleteSidecar, Module: "dapr", Package: "github.com/dapr/dapr/cmd/daprd", Tags: "allcomponents", Dapr: true, Installed: "daprd", Effort: daprEffort},
	{Name: "placement", Module: "dapr", Package: "github.com/dapr/dapr/cmd/placement", Overlay: "_overlay", Dapr: true, Effort: controlEffort},
	{Name: "scheduler", Module: "dapr", Package: "github.com/dapr/dapr/cmd/scheduler", Overlay: "_overlay", Dapr: true, Effort: controlEffort},
	{Name: "sentry", Module: "dapr", Package: "github.com/dapr/dapr/cmd/sentry", Dapr: true, Installed: "sentry", Effort: controlEffort},
	{Name: "nats-server", Module: "nats", Package: "github.com/nats-io/nats-server/v2", Effort: smallEffort},
	{Name: "buf", Module: "buf", Package: "github.com/bufbuild/buf/cmd/buf", Effort: "one to two minutes the first time"},
	{Name: "protoc-gen-go", Module: "proto", Package: "google.golang.org/protobuf/cmd/protoc-gen-go", Effort: smallEffort},
	{Name: "protoc-gen-go-grpc", Module: "proto", Package: "google.golang.org/grpc/cmd/protoc-gen-go-grpc", Effort: smallEffort},
	{Name: "protoc-gen-grpc-gateway", Module: "proto", Package: "github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway", Effort: smallEffort},
	{Name: "protoc-gen-openapiv2", Module: "proto", Package: "github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2", Effort: smallEffort},
	{Name: "golangci-lint", Module: "lint", Package: "github.com/golangci/golangci-lint/v2/cmd/golangci-lint", Effort: "two to four minutes the first time"},
}

// All lists the tools.
func All() []Tool { return slices.Clone(tools) }

// Names lists the names of the tools.
func Names() []string {
	names := make([]string, 0, len(tools))
	for _, tool := range tools {
		names = append(names, tool.Name)
	}
	return names
}

func find(name string) (Tool, error) {
	for _, tool := range tools {
		if tool.Name == name {
			return tool, nil
		}
	}
	return Tool{}, &UnknownError{Name: name}
}

// UnknownError says that there is no such tool.
type UnknownError struct{ Name string }

// Error names the tools there are.
func (e *UnknownError) Error() string {
	return "unknown tool " + e.Name + ": choose from " + strings.Join(Names(), ", ")
}
