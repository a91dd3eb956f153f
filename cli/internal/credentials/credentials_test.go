package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"seaport.example/cli/internal/flock"
)

const server = "localhost:8080"

var customer = Login{
	UserID: "u1", Email: "customer@seaport.example", Roles: []string{"customer"},
	AccessToken: "access-1", AccessExpires: time.Date(2026, 3, 1, 12, 15, 0, 0, time.UTC),
	RefreshToken: "refresh-1", RefreshExpires: time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC),
}

// open returns a store in a folder that does not exist yet.
func open(t *testing.T) *Store {
	t.Helper()
	t.Setenv(FolderEnv, filepath.Join(t.TempDir(), "seaport"))
	s, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, server string, login Login) {
	t.Helper()
	if err := s.Put(server, login); err != nil {
		t.Fatal(err)
	}
}

// stored fails the test unless the log-in at the server is want.
func stored(t *testing.T, s *Store, server string, want *Login) {
	t.Helper()
	got, found, err := s.Get(server)
	if err != nil || found != (want != nil) || want != nil && !reflect.DeepEqual(got, *want) {
		t.Errorf("stored at %s: %+v, %t, %v", server, got, found, err)
	}
}

func TestStore(t *testing.T) {
	s := open(t)
	stored(t, s, server, nil)
	if _, err := os.Stat(s.folder); err == nil {
		t.Error("looking made the folder")
	}
	other := customer
	other.Email = "other@seaport.example"
	put(t, s, server, customer)
	put(t, s, "freight.example:80", other)
	stored(t, s, server, &customer)
	stored(t, s, "freight.example:80", &other)
	stored(t, s, "freight.example:81", nil)
	put(t, s, server, other)
	stored(t, s, server, &other)
	for range 2 {
		if err := s.Delete(server); err != nil {
			t.Fatal(err)
		}
		stored(t, s, server, nil)
	}
	stored(t, s, "freight.example:80", &other)
}

func TestFileFormat(t *testing.T) {
	s := open(t)
	put(t, s, server, customer)
	got, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "localhost:8080": {
    "user_id": "u1",
    "email": "customer@seaport.example",
    "roles": [
      "customer"
    ],
    "access_token": "access-1",
    "access_expire_time": "2026-03-01T12:15:00Z",
    "refresh_token": "refresh-1",
    "refresh_expire_time": "2026-03-31T12:00:00Z"
  }
}
`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
}

func TestNamesOfThisMachineAreOne(t *testing.T) {
	for _, name := range []string{"127.0.0.1:8080", "[::1]:8080", "LOCALHOST:8080", ":8080"} {
		s := open(t)
		put(t, s, name, customer)
		stored(t, s, server, &customer)
	}
	s := open(t)
	for _, name := range []string{"", "localhost", "localhost:", "http://localhost:8080"} {
		if err := s.Put(name, customer); err == nil {
			t.Errorf("%q is taken for a server", name)
		}
	}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestOthersReadNothing(t *testing.T) {
	s := open(t)
	put(t, s, server, customer)
	if got := mode(t, s.folder); got != 0o700 {
		t.Errorf("the folder has mode %o", got)
	}
	files, err := os.ReadDir(s.folder)
	if err != nil || len(files) != 2 { // credentials.json and its lock
		t.Errorf("files %v, %v", files, err)
	}
	for _, file := range files {
		if got := mode(t, filepath.Join(s.folder, file.Name())); got != 0o600 {
			t.Errorf("%s has mode %o", file.Name(), got)
		}
	}
	if err := os.Chmod(s.path(), 0o644); err != nil {
		t.Fatal(err)
	}
	stored(t, s, server, &customer)
	if got := mode(t, s.path()); got != 0o600 {
		t.Errorf("a file open to others stays at mode %o", got)
	}
}

func TestDamagedFileIsLeftAlone(t *testing.T) {
	for _, content := range []string{"", "null", "not JSON", `{"localhost:8080": {"access_expire_time": "secret"}}`, `["secret"]`} {
		s := open(t)
		put(t, s, server, customer)
		if err := os.WriteFile(s.path(), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, getErr := s.Get(server)
		_, refreshErr := s.Refresh(t.Context(), server, never, unexpected(t))
		for _, err := range []error{getErr, s.Put(server, customer), s.Delete(server), refreshErr} {
			if err == nil || !strings.Contains(err.Error(), s.path()+" is damaged") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: %v", content, err)
			}
		}
		if now, err := os.ReadFile(s.path()); err != nil || string(now) != content {
			t.Errorf("%q became %q, %v", content, now, err)
		}
	}
}

func TestLoginPrintsNoToken(t *testing.T) {
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, customer); strings.Contains(text, customer.AccessToken) || strings.Contains(text, customer.RefreshToken) {
			t.Errorf("%s: %s", format, text)
		}
	}
}

func never(Login) bool { return false }

// unexpected is a refresh that must not happen.
func unexpected(t *testing.T) func(Login) (Login, error) {
	return func(Login) (Login, error) {
		t.Error("refreshed")
		return Login{}, errors.New("refreshed")
	}
}

// next returns the log-in that a refresh turns the one given into.
func next(login Login) Login {
	login.AccessToken += "'"
	login.RefreshToken += "'"
	return login
}

func TestRefresh(t *testing.T) {
	s := open(t)
	if _, err := s.Refresh(t.Context(), server, never, unexpected(t)); !errors.Is(err, ErrNone) {
		t.Errorf("nobody is logged in: %v", err)
	}
	put(t, s, server, customer)
	got, err := s.Refresh(t.Context(), server, func(l Login) bool { return l.AccessToken == "access-1" }, unexpected(t))
	if err != nil || !reflect.DeepEqual(got, customer) {
		t.Errorf("usable already: got %v, %v", got, err)
	}
	want := next(customer)
	got, err = s.Refresh(t.Context(), server, never, func(l Login) (Login, error) { return next(l), nil })
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	stored(t, s, server, &want)
}

func TestRefreshWithoutAnswerIsRepeatedAsItWas(t *testing.T) {
	s := open(t)
	put(t, s, server, customer)
	lost := errors.New("no answer")
	var requests []string
	for range 2 {
		_, err := s.Refresh(t.Context(), server, never, func(l Login) (Login, error) {
			// A crash from here on: what a repeat needs is on disk.
			onDisk, _, err := s.Get(server)
			if err != nil || l.RefreshRequest == "" || onDisk.RefreshRequest != l.RefreshRequest {
				t.Errorf("request %q, on disk %q, %v", l.RefreshRequest, onDisk.RefreshRequest, err)
			}
			requests = append(requests, l.RefreshRequest+" "+l.RefreshToken)
			return Login{}, lost
		})
		if !errors.Is(err, lost) {
			t.Errorf("got %v", err)
		}
	}
	if requests[0] != requests[1] {
		t.Errorf("the repeat is another request: %q", requests)
	}
	if _, err := s.Refresh(t.Context(), server, never, func(l Login) (Login, error) { return next(l), nil }); err != nil {
		t.Fatal(err)
	}
	want := next(customer)
	stored(t, s, server, &want) // and the next refresh is another request
}

func TestRefusedRefreshIsForgotten(t *testing.T) {
	s := open(t)
	put(t, s, server, customer)
	put(t, s, "freight.example:80", customer)
	_, err := s.Refresh(t.Context(), server, never, func(Login) (Login, error) {
		return Login{}, fmt.Errorf("refused: %w", ErrOver)
	})
	if !errors.Is(err, ErrOver) {
		t.Errorf("got %v", err)
	}
	stored(t, s, server, nil)
	stored(t, s, "freight.example:80", &customer)
}

func TestRefreshAtOnceHappensOnce(t *testing.T) {
	s := open(t)
	put(t, s, server, customer)
	var (
		commands  sync.WaitGroup
		mu        sync.Mutex
		refreshes int
	)
	for range 5 {
		commands.Go(func() {
			got, err := s.Refresh(t.Context(), server,
				func(l Login) bool { return l.AccessToken != customer.AccessToken },
				func(l Login) (Login, error) {
					mu.Lock()
					defer mu.Unlock()
					refreshes++
					return next(l), nil
				})
			if err != nil || got.AccessToken != next(customer).AccessToken {
				t.Errorf("got %q, %v", got.AccessToken, err)
			}
		})
	}
	commands.Wait()
	if refreshes != 1 {
		t.Errorf("%d refreshes", refreshes)
	}
}

func TestRefreshWaitsNoLongerThanItsContext(t *testing.T) {
	s := open(t)
	put(t, s, server, customer)
	lock, err := flock.Try(filepath.Join(s.folder, "credentials.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release() //nolint:errcheck // the test is over
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Refresh(ctx, server, never, unexpected(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOpenWithoutHome(t *testing.T) {
	for _, name := range []string{FolderEnv, "XDG_CONFIG_HOME", "HOME"} {
		t.Setenv(name, "")
	}
	if _, err := Open(); err == nil || !strings.Contains(err.Error(), FolderEnv) {
		t.Errorf("got %v", err)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	s, err := Open()
	if err != nil || !strings.HasPrefix(s.folder, home) || filepath.Base(s.folder) != "seaport" {
		t.Errorf("got %v, %v", s, err)
	}
}
