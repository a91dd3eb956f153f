package command

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// checkData refuses a data folder that is a file, or in one. It may not be there yet.
func checkData(folder string) error {
	for path := filepath.Clean(folder); ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			if path != filepath.Dir(path) {
				continue
			}
			return nil
		case err != nil:
			return badInput("--data: %w", err)
		case !info.IsDir():
			return badInput("--data: %s is no folder", visible(path))
		}
		return nil
	}
}
