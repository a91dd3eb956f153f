// Package secrets keeps the keys of a platform on this machine: those of users' tokens, and one for each app by which it
// makes itself known to others. One file holds them all; from it a file is written for each app, with what that app
// may know and nothing else, in the form that the component secretstores.local.file reads.
package secrets

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"seaport.example/cli/internal/flock"
	"seaport.example/cli/internal/runner/privatefile"
)

const (
	// allFile holds everything. No app reads it: an app-id has no dot in it.
	allFile = "all.keys.json"
	// issuing is the app that gives out users' tokens.
	issuing = "user"
	// mailing is the app that hands e-mails to the mail relay.
	mailing = "notification"
	// refreshBytes is the length of the key of refresh tokens, mailerBytes that of the token of the mail relay.
	refreshBytes = 32
	mailerBytes  = 32
)

// The secrets that the component mailer is configured by (components/mail/mailer.yaml).
const (
	// MailerURL is where the mail relay takes e-mails.
	MailerURL = "mailer-url"
	// MailerToken is what it asks for.
	MailerToken = "mailer-token"
)

// Keys is what is in the file of all keys.
type Keys struct {
	// Users are the keys of users' tokens: the one in use and the next.
	Users keySet `json:"users"`
	// Apps are those by which apps make themselves known, by app-id.
	Apps map[string]keySet `json:"apps"`
	// Refresh is the key of refresh tokens.
	Refresh []byte `json:"refresh"`
	// Mailer is what the mail relay asks for; see [Keys.MailerToken].
	Mailer []byte `json:"mailer"`

	mailer string // the relay's URL; empty where there is none
}

// Folder is where a data folder has its secrets.
func Folder(data string) string { return filepath.Join(data, "secrets") }

// Open returns the keys in the data folder. It makes what is missing, for the first time or for a new app, forgets
// apps that are gone, replaces a retired key, and writes the file of each app. A file that is damaged is an error and is
// left as it is.
func Open(data string, apps []string, now time.Time) (*Keys, error) {
	return change(data, apps, now, renew)
}

// Rotate is Open, and the next key of users' tokens signs from now on; the oldest is dropped, so that what it signed is
// refused. There must be keys.
func Rotate(data string, apps []string, now time.Time) (*Keys, error) {
	if _, err := Read(data); err != nil {
		return nil, err
	}
	return change(data, apps, now, rotate)
}

// Read returns the keys in the data folder, of which there must be some, and changes nothing.
func Read(data string) (*Keys, error) {
	keys, err := read(Folder(data))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there are no keys in %s: a platform that ran on another folder has them there (--data)", Folder(data))
	}
	return keys, err
}

func change(data string, apps []string, now time.Time, signing func(keySet, time.Time) (keySet, error)) (*Keys, error) {
	folder := Folder(data)
	if err := privatefile.Folder(folder); err != nil {
		return nil, err
	}
	// Two that change the keys at a time would each write files of their own.
	lock, err := flock.Try(filepath.Join(folder, "lock"))
	if errors.Is(err, flock.ErrLocked) {
		return nil, fmt.Errorf("the keys in %s are being changed by another process: try again", folder)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Release() }()

	now = now.UTC().Truncate(time.Second)
	keys, err := read(folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		keys, err = create(now)
	case err == nil:
		keys.Users, err = signing(keys.Users, now)
	}
	if err != nil {
		return nil, err
	}
	if err := keys.coverApps(apps, now); err != nil {
		return nil, err
	}
	if len(keys.Mailer) == 0 { // the file is older than the relay's token
		keys.Mailer = random(mailerBytes)
	}
	return keys, keys.write(folder)
}

// MailerToken is what the mail relay asks for.
func (k *Keys) MailerToken() string { return base64.RawURLEncoding.EncodeToString(k.Mailer) }

// MailTo tells the app that sends e-mails where the mail relay is: URL and token become secrets of that app, in the
// folder data. It lasts until the keys are opened again.
func (k *Keys) MailTo(data, url string) error {
	if _, there := k.Apps[mailing]; !there {
		return nil
	}
	k.mailer = url
	return k.writeApp(Folder(data), mailing)
}

func create(now time.Time) (*Keys, error) {
	keys := &Keys{Refresh: random(refreshBytes), Mailer: random(mailerBytes)}
	var err error
	keys.Users, err = newSigning(now)
	return keys, err
}

func random(bytes int) []byte {
	key := make([]byte, bytes)
	_, _ = rand.Read(key) // never fails
	return key
}

// coverApps makes the keys of new apps and drops those of apps that are gone.
func (k *Keys) coverApps(apps []string, now time.Time) error {
	known := k.Apps
	k.Apps = make(map[string]keySet, len(apps))
	for _, app := range apps {
		if set, there := known[app]; there {
			k.Apps[app] = set
			continue
		}
		own, err := newKey(now)
		if err != nil {
			return err
		}
		k.Apps[app] = keySet{Keys: []key{own}}
	}
	return nil
}

// read returns the keys in folder. Errors: one that is os.ErrNotExist; one that says what is damaged and how to go on.
func read(folder string) (*Keys, error) {
	path := filepath.Join(folder, allFile)
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	var keys Keys
	if err := json.Unmarshal(content, &keys); err != nil {
		// The library's words may quote a key.
		return nil, damaged(path, errors.New("it is not JSON of the right form"))
	}
	if err := keys.check(); err != nil {
		return nil, damaged(path, err)
	}
	slices.SortStableFunc(keys.Users.Keys, func(a, b key) int { return a.From.Compare(b.From) })
	return &keys, nil
}

func damaged(path string, why error) error {
	return fmt.Errorf("the keys in %s are damaged: %w\n"+
		"restore the file, or move it away: new keys are made then, and everybody has to log in again", path, why)
}

func (k *Keys) check() error {
	if len(k.Refresh) != refreshBytes {
		return fmt.Errorf("the key of refresh tokens does not have %d bytes", refreshBytes)
	}
	if len(k.Mailer) != 0 && len(k.Mailer) != mailerBytes {
		return fmt.Errorf("the token of the mail relay does not have %d bytes", mailerBytes)
	}
	if err := k.Users.check(); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	for app, set := range k.Apps {
		if err := set.check(); err != nil {
			return fmt.Errorf("app %s: %w", app, err)
		}
	}
	return nil
}

// write writes the file of all keys, then that of each app. After a crash in between, the next start writes the
// rest.
func (k *Keys) write(folder string) error {
	all, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the keys: %w", err)
	}
	if err := privatefile.Write(filepath.Join(folder, allFile), append(all, '\n')); err != nil {
		return err
	}
	for app := range k.Apps {
		if err := k.writeApp(folder, app); err != nil {
			return err
		}
	}
	return k.removeOthers(folder)
}

func (k *Keys) writeApp(folder, app string) error {
	own, err := k.of(app)
	if err != nil {
		return err
	}
	return privatefile.Write(filepath.Join(folder, app+".json"), own)
}

// removeOthers removes the files of apps that are gone, and what a crash left half written.
func (k *Keys) removeOthers(folder string) error {
	files, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	halves, _ := filepath.Glob(filepath.Join(folder, ".*.json-*"))
	files = append(files, halves...)
	keep := []string{filepath.Join(folder, allFile)}
	for app := range k.Apps {
		keep = append(keep, filepath.Join(folder, app+".json"))
	}
	for _, file := range files {
		if slices.Contains(keep, file) {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("removing the secrets of an app that is gone: %w", err)
		}
	}
	return nil
}

// of returns the file of an app: secrets by name, each a text.
func (k *Keys) of(app string) ([]byte, error) {
	verification := struct {
		Users keySet            `json:"users"`
		Apps  map[string]keySet `json:"apps"`
	}{k.Users.public(), make(map[string]keySet, len(k.Apps))}
	for id, set := range k.Apps {
		verification.Apps[id] = set.public()
	}
	parts := map[string]any{"verification-keys": verification, "app-keys": k.Apps[app]}
	if app == issuing {
		parts["signing-keys"] = k.Users
	}
	texts := make(map[string]string, len(parts)+1)
	for name, part := range parts {
		text, err := json.Marshal(part)
		if err != nil {
			return nil, fmt.Errorf("writing secret %s: %w", name, err)
		}
		texts[name] = string(text)
	}
	if app == issuing {
		texts["refresh-key"] = base64.StdEncoding.EncodeToString(k.Refresh)
	}
	if app == mailing && k.mailer != "" {
		texts[MailerURL], texts[MailerToken] = k.mailer, k.MailerToken()
	}
	file, err := json.MarshalIndent(texts, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the secrets of app %s: %w", app, err)
	}
	return append(file, '\n'), nil
}
