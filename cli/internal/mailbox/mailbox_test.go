package mailbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func newFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "mail")
	if err := Open(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

func write(t *testing.T, folder string, at time.Time, mail string) Entry {
	t.Helper()
	entry, err := Write(folder, at, strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func TestWriteAndList(t *testing.T) {
	folder := newFolder(t)
	var want []Entry
	// The last is of another time zone: names sort by time all the same.
	for _, at := range []time.Time{noon, noon.Add(time.Nanosecond), noon.Add(2 * time.Second).In(time.FixedZone("", 5*3600))} {
		want = append([]Entry{write(t, folder, at, "Subject: x\r\n\r\n")}, want...)
	}
	for _, name := range []string{"notes.txt", "20260701T120000.000000000Z-xyz.eml", ".unwritten-1"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := List(folder)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, entry := range got {
		if info, err := os.Stat(entry.Path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want a file of mode 0600", entry.Path, info.Mode(), err)
		}
	}
}

func TestWriteBreaksOff(t *testing.T) {
	folder := newFolder(t)
	broken := errors.New("connection lost")
	mail := io.MultiReader(strings.NewReader("Subject: x\r\n"), iotest.ErrReader(broken))
	if _, err := Write(folder, noon, mail); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if files, _ := os.ReadDir(folder); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestOpenTidiesUp(t *testing.T) {
	folder := newFolder(t)
	kept := write(t, folder, noon, "Subject: x\r\n\r\n")
	if err := os.WriteFile(filepath.Join(folder, unwritten+"123"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Open(folder); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 || files[0].Name() != filepath.Base(kept.Path) {
		t.Errorf("in the folder: %v, %v", files, err)
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
}

func TestListWithoutFolder(t *testing.T) {
	if _, err := List(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestFind(t *testing.T) {
	folder := newFolder(t)
	for _, id := range []string{"aa0000000001", "aa0000000002", "bb0000000001"} {
		name := noon.Format(stamp) + "-" + id + ".eml"
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ start, want, problem string }{
		{"aa0000000002", "aa0000000002", ""},
		{"b", "bb0000000001", ""},
		{"aa", "", "2 mails"},
		{"c", "", "no such mail"},
		{"", "", "no such mail"},
		{"../mail", "", "no such mail"},
	}
	for _, tt := range tests {
		entry, err := Find(folder, tt.start)
		if entry.ID != tt.want || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("Find(%q) = %q, %v, want %q, %q", tt.start, entry.ID, err, tt.want, tt.problem)
		}
	}
}
