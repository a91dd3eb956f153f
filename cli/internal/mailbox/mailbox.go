// Package mailbox keeps e-mails as files of one folder, one .eml file (RFC 5322) a mail.
package mailbox

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Folder is the mailbox of the platform with this data folder.
func Folder(data string) string { return filepath.Join(data, "mail") }

// Entry is a mail by its file name: <time>-<id>.eml.
type Entry struct {
	ID   string // 12 hexadecimal digits
	Time time.Time
	Path string
}

const (
	stamp     = "20060102T150405.000000000Z" // sorts by time
	unwritten = ".unwritten-"                // what the name of a file begins with until it is whole
)

var names = regexp.MustCompile(`^(\d{8}T\d{6}\.\d{9}Z)-([0-9a-f]{12})\.eml$`)

// Open makes the folder if it is missing, closes it to others, and removes what a crash has left half written.
func Open(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the mail folder: %w", err)
	}
	if err := os.Chmod(folder, 0o700); err != nil { // it may be there already
		return fmt.Errorf("closing the mail folder to others: %w", err)
	}
	left, _ := filepath.Glob(filepath.Join(folder, unwritten+"*"))
	for _, path := range left {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing half a mail: %w", err)
		}
	}
	return nil
}

// Write keeps a mail that came at a time. When it returns nil the mail is on the disk; after an error or a crash
// there is no file of it.
func Write(folder string, at time.Time, mail io.Reader) (_ Entry, err error) {
	entry := newEntry(folder, at)
	// os.CreateTemp makes files of mode 0600.
	file, err := os.CreateTemp(folder, unwritten)
	if err != nil {
		return Entry{}, fmt.Errorf("keeping a mail: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = io.Copy(file, mail)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return Entry{}, fmt.Errorf("keeping a mail: %w", err)
	}
	if err := os.Rename(file.Name(), entry.Path); err != nil {
		return Entry{}, fmt.Errorf("keeping a mail: %w", err)
	}
	return entry, syncFolder(folder)
}

func newEntry(folder string, at time.Time) Entry {
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	id := hex.EncodeToString(random[:])
	return Entry{ID: id, Time: at.UTC(), Path: filepath.Join(folder, at.UTC().Format(stamp)+"-"+id+".eml")}
}

// syncFolder puts the names in the folder on the disk: without them the files are lost.
func syncFolder(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("keeping a mail: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("keeping a mail: %w", err)
	}
	return nil
}

// List returns the mails of a folder, the newest first. Files with other names are passed over. That there is no
// folder is an fs.ErrNotExist.
func List(folder string) ([]Entry, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("reading the mail folder: %w", err)
	}
	entries := make([]Entry, 0, len(files))
	for _, file := range files {
		name := names.FindStringSubmatch(file.Name())
		if name == nil || !file.Type().IsRegular() {
			continue
		}
		at, err := time.Parse(stamp, name[1])
		if err != nil {
			continue
		}
		entries = append(entries, Entry{ID: name[2], Time: at, Path: filepath.Join(folder, file.Name())})
	}
	slices.Reverse(entries)
	return entries, nil
}

// ErrNoMail says that no mail has the id.
var ErrNoMail = errors.New("there is no such mail")

// Find returns the mail whose id begins with start, which must fit one alone.
func Find(folder, start string) (Entry, error) {
	entries, err := List(folder)
	if err != nil {
		return Entry{}, err
	}
	found := slices.DeleteFunc(entries, func(e Entry) bool { return start == "" || !strings.HasPrefix(e.ID, start) })
	switch len(found) {
	case 0:
		return Entry{}, ErrNoMail
	case 1:
		return found[0], nil
	default:
		return Entry{}, fmt.Errorf("%d mails have an id that begins with %s: write more of it", len(found), start)
	}
}
