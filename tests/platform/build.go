package platform

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// scratch is the folder of this test binary's program; it is removed by Main.
var scratch string

// Main runs the tests of a package: `func TestMain(m *testing.M) { platform.Main(m) }`. It ends
// the platform that tests share and removes what was built.
func Main(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "platform:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if scratch, err = os.MkdirTemp("", "seaport-test-"); err != nil {
		return 1, fmt.Errorf("making a folder for the program: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	code = m.Run()
	defer stopServers()
	return code, stopShared()
}

// Root is the project's root folder.
var Root = sync.OnceValue(func() string {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "dapr.yaml")); err == nil {
			return folder
		}
		if folder == filepath.Dir(folder) {
			panic("these tests are run outside of a Seaport checkout: there is no dapr.yaml above them")
		}
	}
})

// program is the path of the command line, built once. What it runs (sidecars, broker) is built
// too if it is missing, before any deadline counts.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "seaport")
	build := exec.Command("go", "build", "-o", path, "./cli")
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the command line: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	tools := exec.Command(path, "tools", "build", "daprd", "nats-server")
	tools.Dir = Root()
	tools.Stderr = os.Stderr
	if err := tools.Run(); err != nil {
		return "", fmt.Errorf("building the tools: %w", err)
	}
	return path, nil
})
