// Package pages keeps lists in a state store that cannot list: which ids belong to a scope, in
// the order they were added. The newest page costs the same to read however long the list is.
//
// A scope has a head, which takes new ids, and sealed pages behind it. When the head holds two
// pages its older one is sealed: first written to a key of its own, then cut off the head. What is
// sealed is a prefix that can only be appended to, so replicas that seal the same page, or a
// crash in between, write the same page. Ids are numbered from 0 within their scope; a page token
// is such a number, and neither new ids nor time move it.
package pages

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/failure"
)

// perPage is how many ids a sealed page holds.
const perPage = 50

// Sizes of the pages that a caller may ask for.
const (
	DefaultSize = 50
	MaxSize     = 200
)

// Entry is an id in a list.
type Entry struct {
	ID    string `json:"id"`
	Added int64  `json:"at"` // Unix time in milliseconds
}

// page is the document of a head or of a sealed page.
type page struct {
	First   int64   `json:"first"` // number of the first entry
	Entries []Entry `json:"entries"`
}

// List is a family of lists, one for each scope. Use [New].
type List struct {
	pages *document.Store[page]
}

// New returns the lists whose keys start with "list/<name>/".
func New(state document.State, name string) *List {
	return &List{pages: document.NewStore[page](state, "list/"+name+"/")}
}

// Append adds entries to scopes, at most once each among the newest of their scope.
func (l *List) Append(ctx context.Context, entries map[string][]Entry) error {
	if len(entries) == 0 {
		return nil
	}
	full := make(map[string]bool)
	err := l.pages.UpdateMany(ctx, slices.Collect(maps.Keys(entries)), func(scope string, head *page) error {
		for _, entry := range entries[scope] {
			if !head.has(entry.ID) {
				head.Entries = append(head.Entries, entry)
			}
		}
		full[scope] = len(head.Entries) >= 2*perPage
		return nil
	})
	if err != nil {
		return err
	}
	for scope, isFull := range full {
		if isFull {
			if err := l.seal(ctx, scope); err != nil {
				return err
			}
		}
	}
	return nil
}

// AppendAgain adds entries that may have been added before, at any time since they came to be.
// It reads back as far as that time and is for recovery.
func (l *List) AppendAgain(ctx context.Context, entries map[string][]Entry) error {
	missing := make(map[string][]Entry, len(entries))
	for scope, candidates := range entries {
		for _, entry := range candidates {
			there, err := l.contains(ctx, scope, entry)
			if err != nil {
				return err
			}
			if !there {
				missing[scope] = append(missing[scope], entry)
			}
		}
	}
	return l.Append(ctx, missing)
}

// Page returns up to size ids of a scope, the newest first, and the token of the page after it,
// which is empty at the end. Size 0 means [DefaultSize]. Errors: INVALID_ARGUMENT for a size out
// of range or a token that this scope did not give.
func (l *List) Page(ctx context.Context, scope string, size int32, token string) (ids []string, next string, err error) {
	switch {
	case size < 0 || size > MaxSize:
		return nil, "", failure.Invalid("page_size", "must be 1 to %d, or 0 for %d", MaxSize, DefaultSize)
	case size == 0:
		size = DefaultSize
	}
	head, err := l.pages.Get(ctx, scope)
	if err != nil {
		return nil, "", err
	}
	last := head.First + int64(len(head.Entries)) - 1
	if token != "" {
		if last, err = parseToken(scope, token, last); err != nil {
			return nil, "", err
		}
	}
	from := max(last-int64(size)+1, 0)
	entries, err := l.between(ctx, scope, head, from, last)
	if err != nil {
		return nil, "", err
	}
	for _, entry := range slices.Backward(entries) {
		ids = append(ids, entry.ID)
	}
	if from > 0 {
		next = makeToken(scope, from-1)
	}
	return ids, next, nil
}

// Scope is one list of a family.
type Scope struct {
	list *List
	name string
}

// Scope returns the list with the name.
func (l *List) Scope(name string) Scope { return Scope{list: l, name: name} }

// Add adds an id, at most once.
func (s Scope) Add(ctx context.Context, id string, at time.Time) error {
	return s.list.AppendAgain(ctx, map[string][]Entry{s.name: {{ID: id, Added: at.UnixMilli()}}})
}

// Page is [List.Page] of this scope.
func (s Scope) Page(ctx context.Context, size int32, token string) (ids []string, next string, err error) {
	return s.list.Page(ctx, s.name, size, token)
}

// All is [List.All] of this scope.
func (s Scope) All(ctx context.Context, visit func(ids []string) error) error {
	return s.list.All(ctx, s.name, visit)
}

// All calls visit with the ids of a scope, a page at a time, the newest first.
func (l *List) All(ctx context.Context, scope string, visit func(ids []string) error) error {
	for token := ""; ; {
		ids, next, err := l.Page(ctx, scope, MaxSize, token)
		if err != nil {
			return err
		}
		if err := visit(ids); err != nil {
			return err
		}
		if next == "" {
			return nil
		}
		token = next
	}
}

// between returns the entries numbered from..last, oldest first.
func (l *List) between(ctx context.Context, scope string, head page, from, last int64) ([]Entry, error) {
	var sealed []string
	for n := from / perPage; n*perPage < min(head.First, last+1); n++ {
		sealed = append(sealed, sealedID(scope, n))
	}
	docs, err := l.pages.GetMany(ctx, sealed)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, id := range sealed {
		doc, ok := docs[id]
		if !ok {
			return nil, fmt.Errorf("page %q of a list is gone", id)
		}
		entries = append(entries, doc.slice(from, last)...)
	}
	return append(entries, head.slice(from, last)...), nil
}

// seal moves the older pages of a head to keys of their own.
func (l *List) seal(ctx context.Context, scope string) error {
	head, err := l.pages.Get(ctx, scope)
	for err == nil && len(head.Entries) >= 2*perPage {
		older := page{First: head.First, Entries: head.Entries[:perPage]}
		if _, err := l.pages.Update(ctx, sealedID(scope, older.First/perPage), func(doc *page) error {
			*doc = older
			return nil
		}); err != nil {
			return err
		}
		head, err = l.pages.Update(ctx, scope, func(doc *page) error {
			if doc.First == older.First && len(doc.Entries) >= perPage {
				doc.First += perPage
				doc.Entries = doc.Entries[perPage:]
			}
			return nil
		})
	}
	return err
}

// contains looks for an entry as far back as it can be.
func (l *List) contains(ctx context.Context, scope string, entry Entry) (bool, error) {
	const slack = int64(10 * time.Minute / time.Millisecond) // clocks of replicas differ less
	doc, err := l.pages.Get(ctx, scope)
	for {
		if err != nil {
			return false, err
		}
		if doc.has(entry.ID) {
			return true, nil
		}
		if doc.First == 0 || len(doc.Entries) > 0 && doc.Entries[0].Added < entry.Added-slack {
			return false, nil
		}
		doc, err = l.pages.Get(ctx, sealedID(scope, doc.First/perPage-1))
	}
}

func (p page) has(id string) bool {
	return slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.ID == id })
}

// slice returns the page's entries numbered from..last.
func (p page) slice(from, last int64) []Entry {
	low := max(from-p.First, 0)
	high := min(last-p.First+1, int64(len(p.Entries)))
	if low >= high {
		return nil
	}
	return p.Entries[low:high]
}

// sealedID names a sealed page. A scope's own name never ends so, since ":" is not in it.
func sealedID(scope string, n int64) string { return scope + ":" + strconv.FormatInt(n, 10) }

// A token is a number and a checksum over it and its scope. The checksum keeps no secret: it
// tells a token of another list, or one that was mistyped, from one that this list gave.
func makeToken(scope string, number int64) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(number)) //nolint:gosec // never negative
	return base64.RawURLEncoding.EncodeToString(append(raw, checksum(scope, raw)...))
}

func parseToken(scope, token string, newest int64) (int64, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != 16 || !slices.Equal(raw[8:], checksum(scope, raw[:8])) {
		return 0, failure.Invalid("page_token", "is not one that this list gave; leave it out to start at the newest")
	}
	number := int64(binary.BigEndian.Uint64(raw[:8])) //nolint:gosec // made by makeToken
	if number < 0 || number > newest {
		return 0, failure.Invalid("page_token", "is beyond this list; leave it out to start at the newest")
	}
	return number, nil
}

func checksum(scope string, raw []byte) []byte {
	sum := sha256.Sum256(append([]byte("page-token/1\x00"+scope+"\x00"), raw...))
	return sum[:8]
}
