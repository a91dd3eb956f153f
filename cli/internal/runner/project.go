package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"seaport.example/cli/internal/runner/runfile"
)

// FindRoot returns the project's root folder: the nearest one, from start upwards, that holds dapr.yaml and go.work.
func FindRoot(start string) (string, error) {
	folder, err := filepath.Abs(start)
	if err != nil {
		return "", fmt.Errorf("looking for the project: %w", err)
	}
	for {
		if isFile(filepath.Join(folder, runfile.Name)) && isFile(filepath.Join(folder, "go.work")) {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", fmt.Errorf("no Seaport project in %s or above it (no %s beside a go.work): go there or name it with --root", start, runfile.Name)
		}
		folder = parent
	}
}

// AppIDs lists the services of the project in the folder root.
func AppIDs(root string) ([]string, error) {
	file, err := readServices(root)
	if err != nil {
		return nil, err
	}
	return appIDs(file), nil
}

// readServices reads dapr.yaml without the apps that are this program itself: what they are to the Dapr CLI, the runner
// brings along.
func readServices(root string) (*runfile.File, error) {
	file, err := runfile.Read(root)
	if err != nil {
		return nil, err
	}
	file.Apps = slices.DeleteFunc(file.Apps, runfile.App.OfSeaport)
	return file, nil
}

// MailRelay returns the URL at which dapr.yaml in the folder root has the mail relay for the Dapr CLI; "" if it has none.
func MailRelay(root string) (string, error) {
	file, err := runfile.Read(root)
	if err != nil {
		return "", err
	}
	for _, app := range file.Apps {
		if app.OfSeaport() && app.AppPort != 0 {
			return "http://" + address(app.AppPort) + "/", nil
		}
	}
	return "", nil
}

func appIDs(file *runfile.File) []string {
	ids := make([]string, 0, len(file.Apps))
	for _, app := range file.Apps {
		ids = append(ids, app.AppID)
	}
	return ids
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// makeFolders makes the data folder and what is in it. State and events are customers' business, and hashes of
// their passwords: nobody else on this machine reads them, whatever folder they are in.
func makeFolders(data string) error {
	var problems []error
	for _, name := range []string{"bin", "logs"} {
		problems = append(problems, os.MkdirAll(filepath.Join(data, name), 0o755))
	}
	for _, name := range []string{"state", "scheduler", "nats"} {
		folder := filepath.Join(data, name)
		problems = append(problems, os.MkdirAll(folder, 0o700), os.Chmod(folder, 0o700)) // it may be there already
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	return nil
}

// forgetNames removes the sidecars' directory of each other, which holds the addresses of the run before.
func forgetNames(data string) error {
	files, _ := filepath.Glob(filepath.Join(data, "names.db*"))
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("forgetting the addresses of the run before: %w", err)
		}
	}
	return nil
}
