package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"seaport.example/cli/internal/flock"
)

// Toolchain finds and builds the tools of one checkout.
type Toolchain struct {
	root     string // the checkout's
	cache    string
	progress io.Writer
	terminal bool // progress is one

	goVersion func() (string, error)
	installed sync.Map // name → path of a program found on this machine, "" if there is none
}

// Config says where things are.
type Config struct {
	// Root is the project's root folder.
	Root string
	// Progress hears what is being built; Terminal says that it can overwrite its last line.
	Progress io.Writer
	Terminal bool
	// Getenv is os.Getenv. SEAPORT_TOOLS names another folder than the user's cache.
	Getenv func(string) string
}

// New makes a Toolchain. It fails if there is no folder to keep tools in.
func New(config Config) (*Toolchain, error) {
	cache := config.Getenv("SEAPORT_TOOLS")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no place for tools, set SEAPORT_TOOLS to a folder: %w", err)
		}
		cache = filepath.Join(user, "seaport", "tools")
	}
	return &Toolchain{
		root:      config.Root,
		cache:     cache,
		progress:  config.Progress,
		terminal:  config.Terminal,
		goVersion: sync.OnceValues(goVersion),
	}, nil
}

// Status is where a tool is.
type Status struct {
	Tool Tool
	// Version of the module it is from.
	Version string
	// Path is where it is, or where it will be once built.
	Path string
	// Ready is whether it can be run now.
	Ready bool
	// Installed is whether it is one found on this machine rather than one of ours.
	Installed bool
}

// Find says where the tool is, building nothing.
func (t *Toolchain) Find(ctx context.Context, name string) (Status, error) {
	tool, err := find(name)
	if err != nil {
		return Status{}, err
	}
	version, err := t.version(tool)
	if err != nil {
		return Status{}, err
	}
	folder, err := t.folder(tool)
	if err != nil {
		return Status{}, err
	}
	status := Status{Tool: tool, Version: version, Path: filepath.Join(folder, tool.Name)}
	if info, err := os.Stat(status.Path); err == nil && info.Mode().IsRegular() {
		status.Ready = true
		return status, nil
	}
	if path := t.findInstalled(ctx, tool, version); path != "" {
		status.Path, status.Ready, status.Installed = path, true, true
	}
	return status, nil
}

// Ensure returns the path of each tool by its name, building those that are missing. Two processes that want
// the same tool build it once.
func (t *Toolchain) Ensure(ctx context.Context, names ...string) (map[string]string, error) {
	paths := make(map[string]string, len(names))
	var missing []Status
	for _, name := range names {
		status, err := t.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		paths[name] = status.Path
		if !status.Ready {
			missing = append(missing, status)
		}
	}
	for i, status := range missing {
		if err := t.build(ctx, status, len(missing)-i-1); err != nil {
			return nil, fmt.Errorf("building %s: %w", status.Tool.Name, err)
		}
	}
	return paths, nil
}

// build makes the tool in a temporary folder beside its place and moves it there.
func (t *Toolchain) build(ctx context.Context, status Status, left int) error {
	folder := filepath.Dir(status.Path)
	if err := os.MkdirAll(t.cache, 0o755); err != nil {
		return fmt.Errorf("making the folder for tools: %w", err)
	}
	lock, err := flock.Wait(ctx, folder+".lock", func() {
		t.sayf("%s: another process is building it, waiting", status.Tool.Name)
	})
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	if _, err := os.Stat(status.Path); err == nil {
		return nil // by the other process
	}
	temporary, err := os.MkdirTemp(t.cache, ".building-"+status.Tool.Name+"-")
	if err != nil {
		return fmt.Errorf("making a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	if err := t.compile(ctx, status, filepath.Join(temporary, status.Tool.Name), left); err != nil {
		return err
	}
	// A folder left by an interrupted run has no program in it.
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("making room: %w", err)
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("opening the folder to all: %w", err)
	}
	if err := os.Rename(temporary, folder); err != nil {
		return fmt.Errorf("moving it to its place: %w", err)
	}
	return nil
}

func (t *Toolchain) compile(ctx context.Context, status Status, out string, left int) error {
	tool := status.Tool
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("there is no go on the PATH: install Go from https://go.dev/dl/")
	}
	args := []string{"build", "-v", "-o", out}
	args = append(args, flags(tool, status.Version)...)
	if tool.Overlay != "" {
		folder, err := os.MkdirTemp("", "seaport-overlay-")
		if err != nil {
			return fmt.Errorf("making a folder for an overlay: %w", err)
		}
		defer func() { _ = os.RemoveAll(folder) }()
		overlay, err := t.writeOverlay(ctx, tool, folder)
		if err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, tool.Package)...)
	cmd.Dir = t.module(tool)
	// Its PWD makes go call the folder what the overlay calls it, even behind a symbolic link.
	cmd.Env = append(cmd.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	meter := newMeter(t.progress, t.terminal, tool.Name)
	cmd.Stdout, cmd.Stderr = meter, meter
	more := ""
	if left > 0 {
		more = fmt.Sprintf("; %d more to build after it", left)
	}
	t.sayf("%s %s: building with %s (%s)%s", tool.Name, status.Version, runtime.Version(), tool.Effort, more)
	meter.begin()
	err := cmd.Run()
	meter.end(err == nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, meter.tail())
	}
	return nil
}

// flags are what a tool's build needs besides the package.
func flags(tool Tool, version string) []string {
	args := []string{"-ldflags", "-s -w"}
	if tool.Dapr {
		// Its version is "edge" unless it is told.
		args[1] += " -X github.com/dapr/dapr/pkg/buildinfo.version=" + strings.TrimPrefix(version, "v")
	}
	if tool.Tags != "" {
		args = append(args, "-tags", tool.Tags)
	}
	return args
}

func (t *Toolchain) module(tool Tool) string { return filepath.Join(t.root, "tools", tool.Module) }

// version is what tools/<module>/go.mod pins the tool's module to.
func (t *Toolchain) version(tool Tool) (string, error) {
	path := filepath.Join(t.module(tool), "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the version of %s: %w", tool.Name, err)
	}
	// The tool's module is the longest path that its package begins with.
	best, version := "", ""
	for _, found := range required.FindAllStringSubmatch(string(data), -1) {
		if path := found[1]; len(path) > len(best) && (tool.Package == path || strings.HasPrefix(tool.Package, path+"/")) {
			best, version = path, found[2]
		}
	}
	if version == "" {
		return "", fmt.Errorf("%s requires no module with %s in it: run go get -tool there", path, tool.Package)
	}
	return version, nil
}

var required = regexp.MustCompile(`(?m)^(?:require)?\s+([^\s]+)\s+(v[^\s]+)`)

// folder is where the tool is kept: named after all that decides what is built.
func (t *Toolchain) folder(tool Tool) (string, error) {
	compiler, err := t.goVersion()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	replacements, err := t.replacements(tool)
	if err != nil {
		return "", err
	}
	for _, name := range append([]string{"go.mod", "go.sum"}, replacements...) {
		data, err := os.ReadFile(filepath.Join(t.module(tool), name))
		if err != nil {
			return "", fmt.Errorf("reading what pins %s: %w", tool.Name, err)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
	}
	fmt.Fprintf(sum, "%s %s/%s", compiler, runtime.GOOS, runtime.GOARCH)
	return filepath.Join(t.cache, tool.Name+"-"+hex.EncodeToString(sum.Sum(nil))[:12]), nil
}

// findInstalled looks for a Dapr program of the pinned version where the Dapr CLI puts it and on the PATH.
func (t *Toolchain) findInstalled(ctx context.Context, tool Tool, version string) string {
	if tool.Installed == "" {
		return ""
	}
	if known, ok := t.installed.Load(tool.Name); ok {
		return known.(string)
	}
	var candidates []string
	if home, err := os.UserHomeDir(); err == nil {
		candidates = append(candidates, filepath.Join(home, ".dapr", "bin", tool.Installed))
	}
	if path, err := exec.LookPath(tool.Installed); err == nil {
		candidates = append(candidates, path)
	}
	found := ""
	for _, candidate := range candidates {
		if runs(candidate) && isVersion(ctx, filepath.Join(filepath.Dir(candidate), "daprd"), strings.TrimPrefix(version, "v")) {
			found = candidate
			break
		}
	}
	t.installed.Store(tool.Name, found)
	return found
}

func runs(program string) bool {
	info, err := os.Stat(program)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// isVersion reports whether this daprd is of the version. The control plane's programs cannot be asked; they
// are installed together with the daprd beside them.
func isVersion(ctx context.Context, daprd, version string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	answer, err := exec.CommandContext(ctx, daprd, "--version").Output()
	return err == nil && strings.TrimSpace(string(answer)) == version
}

func goVersion() (string, error) {
	answer, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its version (install Go from https://go.dev/dl/): %w", err)
	}
	return strings.TrimSpace(string(answer)), nil
}

func (t *Toolchain) sayf(format string, args ...any) {
	fmt.Fprintf(t.progress, format+"\n", args...)
}
