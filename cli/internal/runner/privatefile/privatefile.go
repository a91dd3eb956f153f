// Package privatefile writes files that only their owner may read.
package privatefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write puts data into the file path, mode 0600. It replaces the file as a whole, and data is on the disk when it
// returns: after a crash the old or the new file is there, never part of one.
func Write(path string, data []byte) (err error) {
	// os.CreateTemp makes files of mode 0600.
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// Folder makes a folder that only its owner may look into. One that is there already is closed to others.
func Folder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("making a folder for secrets: %w", err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return fmt.Errorf("closing a folder of secrets to others: %w", err)
	}
	return nil
}
