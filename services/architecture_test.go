// Package architecture holds the dependency rule: who may import what. It reads the import lines of every Go
// file of the checkout, whatever its build tags, tests included. Run it with -count=1: go test does not see
// that a file of another module has changed.
package architecture

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const project = "seaport.example/"

// What a rule may allow. An entry allows the import path itself and all below it.
var (
	grpc     = []string{"google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto/googleapis/rpc"}
	proto    = append([]string{"seaport.example/proto"}, grpc...)
	plumbing = append([]string{"seaport.example/services/internal", "github.com/google/uuid"}, proto...)
	// In a pattern and in what it allows, $1 is the service.
	domain = []string{
		"seaport.example/services/internal/failure",
		"seaport.example/services/internal/ledger",
		"seaport.example/services/$1/internal/$1",
	}
)

// rule says what the packages that match may import besides the standard library.
type rule struct {
	packages *regexp.Regexp // of the whole import path; its first group, if any, is the service
	may      []string
	// pure packages do no I/O: part of the standard library is not for them either.
	pure bool
	// any other dependency is allowed, except these.
	open  bool
	never []string
}

// The first rule that matches counts. A package that is new inside a service is held to the strictest, domain.
var rules = []rule{
	// The only importer of Dapr; beneath it, fakes of the sidecar.
	{packages: whole(`seaport.example/services/internal/sidecar(/.*)?`), may: slices.Concat(plumbing, []string{
		"github.com/dapr/go-sdk/client", "github.com/dapr/dapr/pkg/proto"})},
	{packages: whole(`seaport.example/services/internal/failure`), may: slices.Concat(grpc, []string{"seaport.example/proto/seaport/failure"})},
	{packages: whole(`seaport.example/services/internal/ledger`), may: []string{"seaport.example/services/internal/failure"}, pure: true},
	{packages: whole(`seaport.example/services/internal/(token|auth/authtest)`), may: slices.Concat(plumbing, []string{"github.com/go-jose/go-jose/v4"})},
	{packages: whole(`seaport.example/services/internal/.*`), may: plumbing},

	// What passwords, addresses and limits are made of are libraries for just that; they do no I/O.
	{packages: whole(`seaport.example/services/(user)/internal/password`), may: slices.Concat(plumbing, domain, []string{"github.com/alexedwards/argon2id"})},
	{packages: whole(`seaport.example/services/(user)/internal/spelling`), may: slices.Concat(plumbing, domain, []string{"golang.org/x/text", "golang.org/x/net/idna"})},
	{packages: whole(`seaport.example/services/(user)/internal/mint`), may: slices.Concat(plumbing, domain)},
	{packages: whole(`seaport.example/services/gateway/internal/limit`)},

	// The adapters of a service know its domain and the plumbing.
	{packages: whole(`seaport.example/services/(gateway)/internal/rest(/.*)?`), may: slices.Concat(plumbing, []string{
		"seaport.example/services/gateway/internal/rest", "github.com/grpc-ecosystem/grpc-gateway/v2"})},
	{packages: whole(`seaport.example/services/(gateway)/internal/edge`), may: slices.Concat(plumbing, []string{
		"seaport.example/services/gateway/internal", "github.com/rs/cors", "golang.org/x/text", "golang.org/x/net/idna"})},
	{packages: whole(`seaport.example/services/(notification)/internal/post`), may: slices.Concat(plumbing, domain, []string{
		"seaport.example/services/notification/internal/letter"})},
	{packages: whole(`seaport.example/services/(notification)/internal/rpc`), may: slices.Concat(plumbing, domain, []string{
		"seaport.example/services/notification/internal/topic"})},
	{packages: whole(`seaport.example/services/([a-z]+)/internal/(rpc|topic)`), may: slices.Concat(plumbing, domain)},
	{packages: whole(`seaport.example/services/([a-z]+)/internal/store`), may: slices.Concat(plumbing, domain, []string{
		"seaport.example/services/$1/internal/topic"})},

	{packages: whole(`seaport.example/services/([a-z]+)/internal/.*`), may: domain, pure: true},
	{packages: whole(`seaport.example/services/([a-z]+)`), may: slices.Concat(plumbing, []string{"seaport.example/services/$1/internal"})},
	{packages: whole(`seaport.example/services`)}, // this test

	{packages: whole(`seaport.example/proto(/.*)?`), may: proto},
	{packages: whole(`seaport.example/cli(/.*)?`), may: slices.Concat(proto, []string{"seaport.example/cli"}), open: true, never: []string{"github.com/dapr"}},
	// What replaces a part of a tool knows what that part does, and nothing of ours.
	{packages: whole(`seaport.example/tools(/.*)?`), may: []string{"seaport.example/tools"}, open: true},
	{packages: whole(`seaport.example/tests(/.*)?`), may: slices.Concat(proto, []string{"seaport.example/tests"}), open: true, never: []string{"github.com/dapr"}},
}

// rawDapr are the files that may import Dapr's protobuf: what the SDK's client can do goes through the SDK. Each
// says what the SDK lacks.
var rawDapr = whole(`services/internal/sidecar/(callback\.go|(callback|secret)_test\.go|sidecartest/.*\.go)`)

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }

// impure is what a domain has no business with: I/O is the adapters'.
var impure = []string{
	"database/sql", "log", "net", "net/http", "net/rpc", "net/smtp", "os", "os/exec", "os/signal", "os/user", "syscall",
}

func TestDependencyRule(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != ".." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "bin") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("reading the imports of %s: %w", name, err)
		}
		files++
		name = strings.TrimPrefix(filepath.ToSlash(name), "../")
		importer := path.Join(project, path.Dir(name))
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if reason := refuse(importer, imported, strings.HasSuffix(name, "_test.go")); reason != "" {
				t.Errorf("%s imports %s: %s", name, imported, reason)
			}
			if below(imported, "github.com/dapr/dapr") && !below(importer, project+"tools") && !rawDapr.MatchString(name) {
				t.Errorf("%s imports %s: what the SDK can do goes through github.com/dapr/go-sdk", name, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("looked at %d files only: the test no longer sees the project", files)
	}
}

// refuse says why the importer, or its test, may not import this, or "" if it may.
func refuse(importer, imported string, inTest bool) string {
	for _, rule := range rules {
		match := rule.packages.FindStringSubmatch(importer)
		if match == nil {
			continue
		}
		service := ""
		if len(match) > 1 {
			service = match[1]
		}
		return rule.refuse(importer, imported, service, inTest)
	}
	return "no rule says what " + importer + " may import: add one to services/architecture_test.go"
}

func (r rule) refuse(importer, imported, service string, inTest bool) string {
	if isStandard(imported) {
		if r.pure && !inTest && slices.Contains(impure, imported) {
			return "a domain leaves I/O to adapters"
		}
		return ""
	}
	// An external test package imports what it tests.
	if imported == importer && inTest {
		return ""
	}
	for _, allowed := range r.may {
		if below(imported, strings.ReplaceAll(allowed, "$1", service)) {
			return ""
		}
	}
	if r.open && !below(imported, r.never...) && !strings.HasPrefix(imported, project) {
		return ""
	}
	return fmt.Sprintf("besides the standard library it may import only %s",
		strings.ReplaceAll(strings.Join(r.may, ", "), "$1", service))
}

// isStandard goes by the dot that every other module has in the first element of its path.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func below(imported string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return imported == root || strings.HasPrefix(imported, root+"/")
	})
}

// TestRefuse shows that each part of the rule can fail.
func TestRefuse(t *testing.T) {
	const services, cli, tests = "seaport.example/services/", "seaport.example/cli/", "seaport.example/tests/"
	for _, c := range []struct {
		name               string
		importer, imported string
		inTest             bool
		allowed            bool
	}{
		{name: "domain, standard library", importer: services + "vessel/internal/vessel", imported: "slices", allowed: true},
		{name: "domain, failure", importer: services + "vessel/internal/vessel", imported: services + "internal/failure", allowed: true},
		{name: "domain, ledger", importer: services + "vessel/internal/vessel", imported: services + "internal/ledger", allowed: true},
		{name: "domain, other plumbing", importer: services + "vessel/internal/vessel", imported: services + "internal/sidecar"},
		{name: "domain, contracts", importer: services + "vessel/internal/vessel", imported: "seaport.example/proto/seaport/vessel/v1"},
		{name: "domain, grpc", importer: services + "vessel/internal/vessel", imported: "google.golang.org/grpc/codes"},
		{name: "domain, its adapter", importer: services + "vessel/internal/vessel", imported: services + "vessel/internal/rpc"},
		{name: "domain, files", importer: services + "vessel/internal/vessel", imported: "os"},
		{name: "domain, network", importer: services + "vessel/internal/vessel", imported: "net/http"},
		{name: "test of a domain, files", importer: services + "vessel/internal/vessel", imported: "os", inTest: true, allowed: true},
		{name: "test of a domain, its package", importer: services + "vessel/internal/vessel", imported: services + "vessel/internal/vessel", inTest: true, allowed: true},
		{name: "test of a domain, plumbing", importer: services + "vessel/internal/vessel", imported: services + "internal/sidecar", inTest: true},
		{name: "package nobody listed is domain", importer: services + "vessel/internal/voyage", imported: services + "internal/outbox"},
		{name: "letter, files", importer: services + "notification/internal/letter", imported: "os"},
		{name: "letter, its domain", importer: services + "notification/internal/letter", imported: services + "notification/internal/notification", allowed: true},
		{name: "post, letters", importer: services + "notification/internal/post", imported: services + "notification/internal/letter", allowed: true},
		{name: "post, a mail server", importer: services + "notification/internal/post", imported: "github.com/emersion/go-smtp"},
		{name: "ledger, files", importer: services + "internal/ledger", imported: "os"},

		{name: "rpc, its domain", importer: services + "vessel/internal/rpc", imported: services + "vessel/internal/vessel", allowed: true},
		{name: "rpc, another domain", importer: services + "vessel/internal/rpc", imported: services + "inventory/internal/inventory"},
		{name: "rpc, Dapr", importer: services + "vessel/internal/rpc", imported: "github.com/dapr/go-sdk/client"},
		{name: "topic, a broker", importer: services + "vessel/internal/topic", imported: "github.com/nats-io/nats.go"},
		{name: "store, a database", importer: services + "consignment/internal/store", imported: "github.com/redis/go-redis/v9"},
		{name: "store, its events", importer: services + "consignment/internal/store", imported: services + "consignment/internal/topic", allowed: true},
		{name: "rest, REST proxy", importer: services + "gateway/internal/rest", imported: "github.com/grpc-ecosystem/grpc-gateway/v2/runtime", allowed: true},
		{name: "rpc, REST proxy", importer: services + "gateway/internal/rpc", imported: "github.com/grpc-ecosystem/grpc-gateway/v2/runtime"},
		{name: "main, own parts", importer: services + "vessel", imported: services + "vessel/internal/rpc", allowed: true},
		{name: "main, other parts", importer: services + "vessel", imported: services + "inventory/internal/rpc"},
		{name: "main, Dapr", importer: services + "vessel", imported: "github.com/dapr/dapr/pkg/proto/runtime/v1"},

		{name: "plumbing, a service", importer: services + "internal/holds", imported: services + "vessel/internal/vessel"},
		{name: "plumbing, Dapr", importer: services + "internal/outbox", imported: "github.com/dapr/dapr/pkg/proto/runtime/v1"},
		{name: "sidecar, Dapr", importer: services + "internal/sidecar", imported: "github.com/dapr/dapr/pkg/proto/runtime/v1", allowed: true},
		{name: "sidecar, the SDK", importer: services + "internal/sidecar", imported: "github.com/dapr/go-sdk/client", allowed: true},
		{name: "sidecar, another part of the SDK", importer: services + "internal/sidecar", imported: "github.com/dapr/go-sdk/service/grpc"},
		{name: "plumbing, the SDK", importer: services + "internal/outbox", imported: "github.com/dapr/go-sdk/client"},
		{name: "sidecar, a cloud", importer: services + "internal/sidecar", imported: "github.com/Azure/azure-sdk-for-go/sdk/azcore"},

		{name: "cli, contracts", importer: cli + "internal/command", imported: "seaport.example/proto/seaport/vessel/v1", allowed: true},
		{name: "cli, own dependency", importer: cli + "internal/command", imported: "github.com/spf13/cobra", allowed: true},
		{name: "cli, services", importer: cli + "internal/command", imported: services + "internal/failure"},
		{name: "cli, tests", importer: cli + "internal/command", imported: tests + "platform"},
		{name: "cli, Dapr", importer: cli + "internal/command", imported: "github.com/dapr/go-sdk/client"},
		{name: "tests, a driver", importer: tests + "booking", imported: "github.com/redis/go-redis/v9", inTest: true, allowed: true},
		{name: "tests, services", importer: tests + "booking", imported: services + "vessel", inTest: true},
		{name: "tools, Dapr", importer: "seaport.example/tools/dapr/_overlay/pkg/healthz/server", imported: "github.com/dapr/dapr/pkg/healthz", allowed: true},
		{name: "tools, contracts", importer: "seaport.example/tools/dapr/_overlay/pkg/healthz/server", imported: "seaport.example/proto/seaport/vessel/v1"},
		{name: "contracts, services", importer: "seaport.example/proto/seaport/vessel/v1", imported: services + "internal/failure"},
		{name: "contracts, anything else", importer: "seaport.example/proto/seaport/vessel/v1", imported: "github.com/google/uuid"},
		{name: "folder without a rule", importer: "seaport.example/extra", imported: "github.com/google/uuid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reason := refuse(c.importer, c.imported, c.inTest)
			if allowed := reason == ""; allowed != c.allowed {
				t.Errorf("%s imports %s: allowed %t (%s), want %t", c.importer, c.imported, allowed, reason, c.allowed)
			}
		})
	}
}
