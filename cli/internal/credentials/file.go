package credentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// path is where the log-ins are: a JSON object of Login, by server.
func (s *Store) path() string { return filepath.Join(s.folder, "credentials.json") }

// read returns all log-ins; without a file, none. A file that is not ours to understand is an error,
// and is left alone.
func (s *Store) read() (map[string]Login, error) {
	logins := map[string]Login{}
	file, err := os.Open(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return logins, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the credentials: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	if err := keepPrivate(file); err != nil {
		return nil, fmt.Errorf("%s can be read by others: %w", s.path(), err)
	}
	// What is wrong stays unsaid: the words of the decoder may hold a piece of a token.
	if err := json.NewDecoder(file).Decode(&logins); err != nil || logins == nil {
		return nil, fmt.Errorf("%s is damaged: mend it, or remove it and log in again", s.path())
	}
	return logins, nil
}

// keepPrivate takes the rights of others from a file that has them.
func keepPrivate(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return file.Chmod(0o600)
}

// write replaces the file as a whole: a reader, and whoever comes after a crash, finds the old
// log-ins or the new ones.
func (s *Store) write(logins map[string]Login) (err error) {
	data, err := json.MarshalIndent(logins, "", "  ")
	if err != nil {
		return fmt.Errorf("storing the credentials: %w", err)
	}
	file, err := os.CreateTemp(s.folder, "credentials-*.new") // mode 0600
	if err != nil {
		return fmt.Errorf("storing the credentials: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
			err = fmt.Errorf("storing the credentials: %w", err)
		}
	}()
	_, err = file.Write(append(data, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), s.path()); err != nil {
		return err
	}
	return syncFolder(s.folder)
}

// syncFolder makes a rename last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
