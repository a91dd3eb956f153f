package platform

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver of the state stores
)

// Rows returns what is in the state store of an app under a prefix: JSON by key, the prefix cut
// off. It looks into the app's database file, or into Redis, past all caches.
func (p *Platform) Rows(t testing.TB, app, prefix string) map[string]json.RawMessage {
	t.Helper()
	rows, err := p.ReadRows(app, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// ReadRows is [Platform.Rows] for those who can wait.
func (p *Platform) ReadRows(app, prefix string) (map[string]json.RawMessage, error) {
	if p.redis != nil {
		return p.redis.rows(app, prefix)
	}
	return p.sqliteRows(app, prefix)
}

func (p *Platform) sqliteRows(app, prefix string) (map[string]json.RawMessage, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.Data, "state", app+".db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("opening the store of %s: %w", app, err)
	}
	defer func() { _ = db.Close() }()
	begin := app + "||" + prefix
	rows, err := db.Query(`SELECT key, value, is_binary FROM state WHERE key >= ? AND key < ?`, begin, begin+"\U0010ffff")
	if err != nil {
		return nil, fmt.Errorf("reading the store of %s: %w", app, err)
	}
	defer func() { _ = rows.Close() }()
	found := make(map[string]json.RawMessage)
	for rows.Next() {
		var key, value string
		var binary bool
		if err := rows.Scan(&key, &value, &binary); err != nil {
			return nil, fmt.Errorf("reading the store of %s: %w", app, err)
		}
		data := []byte(value)
		if binary {
			if data, err = base64.StdEncoding.DecodeString(strings.Trim(value, `"`)); err != nil {
				return nil, fmt.Errorf("decoding %q of %s: %w", key, app, err)
			}
		}
		found[strings.TrimPrefix(key, begin)] = data
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the store of %s: %w", app, err)
	}
	return found, nil
}

func itoa(n int) string { return strconv.Itoa(n) }
