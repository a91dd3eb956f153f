package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"seaport.example/cli/internal/runner/runfile"
)

// program is what is started for an app.
type program struct {
	path string
	args []string
}

// buildApps compiles the apps whose command is `go run PACKAGE`, into folder bin, and takes the commands of the
// others as they are.
func buildApps(ctx context.Context, apps []runfile.App, bin string, sayf func(string, ...any)) (map[string]program, error) {
	programs := make(map[string]program, len(apps))
	begin, built := time.Now(), 0
	for _, app := range apps {
		source, args, isGo := goRun(app.Command)
		if !isGo {
			path, err := lookPath(app)
			if err != nil {
				return nil, err
			}
			programs[app.AppID] = program{path, app.Command[1:]}
			continue
		}
		if folder := filepath.Join(app.AppDirPath, source); strings.HasPrefix(source, ".") && !isFolder(folder) {
			return nil, fmt.Errorf("%s: command of app %s: there is no folder %s: correct the command", runfile.Name, app.AppID, folder)
		}
		out := filepath.Join(bin, app.AppID)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", out, source)
		cmd.Dir = app.AppDirPath
		if output, err := cmd.CombinedOutput(); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("building app %s in %s: %w\n%s", app.AppID, app.AppDirPath, err, strings.TrimSpace(string(output)))
		}
		programs[app.AppID] = program{out, args}
		built++
	}
	if took := time.Since(begin); built > 0 && took > 2*time.Second {
		sayf("built %d apps in %s", built, took.Round(100*time.Millisecond))
	}
	return programs, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// goRun takes `go run PACKAGE ARGS…` apart.
func goRun(command []string) (source string, args []string, ok bool) {
	if len(command) < 3 || command[0] != "go" || command[1] != "run" || strings.HasPrefix(command[2], "-") {
		return "", nil, false
	}
	return command[2], command[3:], true
}

func lookPath(app runfile.App) (string, error) {
	name := app.Command[0]
	if strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
		name = filepath.Join(app.AppDirPath, name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s: command of app %s: %w: install it or correct the command", runfile.Name, app.AppID, err)
	}
	return path, nil
}

// needGo says plainly that Go is missing, before anything is tried with it.
func needGo() error {
	if _, err := exec.LookPath("go"); err != nil {
		return errors.New("there is no go on the PATH: install Go from https://go.dev/dl/")
	}
	return nil
}
