// Package pages keeps lists in a state store that cannot list: which ids belong to a scope, the
// newest first. A page costs the same to read however long the list is.
//
// A list is a chain of pages for each seat that wrote to it (package seat): a head that takes new
// entries, and sealed pages behind it. When the head holds two pages its older one is sealed:
// copied to a key of its own and cut off the head. Since only its seat writes a chain, entries are
// added in the very transaction that stores what they list ([Writer]); reading merges the chains by
// time. Lists that are seldom written need no seat: [List.Add] writes to chain 0 on a condition.
//
// Keys: "list/<name>/<scope>/<chain>" is a head, with ":<n>" behind it a sealed page. Entries are
// numbered from 0 within their chain. A page token is the next number of each chain, so neither new
// entries nor time move it. In the same way a list is read forwards, as a log: [Scope.Snapshot].
package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/seat"
)

// perPage is how many entries a sealed page holds. A head, which holds up to two pages, is written
// with every entry, while many sealed pages are read in one call: so pages are small.
const perPage = 8

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
	state document.State
	name  string
	heads *document.Store[page] // of chain 0, for Add
}

// New returns the lists whose keys start with "list/<name>/". A scope must not contain "/".
func New(state document.State, name string) *List {
	prefix := "list/" + name + "/"
	return &List{state: state, name: name, heads: document.NewStore[page](state, prefix)}
}

// Scope is one list of a family.
type Scope struct {
	list *List
	name string
}

// Scope returns the list with the name.
func (l *List) Scope(name string) Scope { return Scope{list: l, name: name} }

// Add adds an id to a list that no [Writer] writes, at most once.
func (s Scope) Add(ctx context.Context, id string, at time.Time) error {
	return s.list.add(ctx, s.name, Entry{ID: id, Added: at.UnixMilli()})
}

// Page is [List.Page] of this scope.
func (s Scope) Page(ctx context.Context, size int32, token string) (ids []string, next string, err error) {
	return s.list.Page(ctx, s.name, size, token)
}

// All calls visit with the ids of the list, a page at a time, the newest first.
func (s Scope) All(ctx context.Context, visit func(ids []string) error) error {
	for token := ""; ; {
		ids, next, err := s.Page(ctx, MaxSize, token)
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

// Page returns up to size ids of a scope, the newest first, and the token of the page after it,
// which is empty at the end. Size 0 means [DefaultSize]. Errors: INVALID_ARGUMENT for a size out
// of range or a token that this list did not give.
func (l *List) Page(ctx context.Context, scope string, size int32, token string) (ids []string, next string, err error) {
	switch {
	case size < 0 || size > MaxSize:
		return nil, "", failure.Invalid("page_size", "must be 1 to %d, or 0 for %d", MaxSize, DefaultSize)
	case size == 0:
		size = DefaultSize
	}
	chains, err := l.chains(ctx, scope)
	if err != nil {
		return nil, "", err
	}
	if token != "" {
		if chains, err = resume(chains, scope, token); err != nil {
			return nil, "", err
		}
	}
	if err := l.load(ctx, scope, chains, int64(size)); err != nil {
		return nil, "", err
	}
	for range size {
		newest := newestOf(chains)
		if newest == nil {
			return ids, "", nil
		}
		ids = append(ids, newest.at(newest.next).ID)
		newest.next--
	}
	if newestOf(chains) == nil {
		return ids, "", nil
	}
	return ids, makeToken(scope, chains), nil
}

// chain is a seat's part of a list, as far as it is read.
type chain struct {
	seat  int
	head  page
	older []page // sealed pages in order, up to the head
	next  int64  // number of the newest entry not yet returned; -1: none is left
}

// chains reads the heads of a list.
func (l *List) chains(ctx context.Context, scope string) ([]*chain, error) {
	keys := make([]string, seat.Count)
	for n := range keys {
		keys[n] = l.headKey(scope, n)
	}
	values, err := l.state.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	var chains []*chain
	for n, key := range keys {
		if values[key].Missing() {
			continue
		}
		c := &chain{seat: n}
		if err := json.Unmarshal(values[key].Data, &c.head); err != nil {
			return nil, fmt.Errorf("decode %q: %w", key, err)
		}
		c.next = c.head.First + int64(len(c.head.Entries)) - 1
		chains = append(chains, c)
	}
	return chains, nil
}

// load reads the sealed pages that the next so many entries may be on.
func (l *List) load(ctx context.Context, scope string, chains []*chain, size int64) error {
	var keys []string
	for _, c := range chains {
		for n := max(c.next-size, 0) / perPage; n*perPage < min(c.head.First, c.next+1); n++ {
			keys = append(keys, l.sealedKey(scope, c.seat, n))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	values, err := l.state.GetMany(ctx, keys)
	if err != nil {
		return err
	}
	for _, c := range chains {
		for n := max(c.next-size, 0) / perPage; n*perPage < min(c.head.First, c.next+1); n++ {
			key := l.sealedKey(scope, c.seat, n)
			var sealed page
			if err := json.Unmarshal(values[key].Data, &sealed); err != nil {
				return fmt.Errorf("decode %q: %w", key, err)
			}
			c.older = append(c.older, sealed)
		}
	}
	return nil
}

// at returns an entry that was read.
func (c *chain) at(number int64) Entry {
	if number >= c.head.First {
		return c.head.Entries[number-c.head.First]
	}
	p := c.older[(number-c.older[0].First)/perPage]
	return p.Entries[number-p.First]
}

// newestOf returns the chain whose next entry is the newest; nil when nothing is left.
func newestOf(chains []*chain) *chain {
	var newest *chain
	for _, c := range chains {
		if c.next < 0 {
			continue
		}
		if newest == nil || newer(c.at(c.next), newest.at(newest.next)) {
			newest = c
		}
	}
	return newest
}

func newer(a, b Entry) bool {
	if a.Added != b.Added {
		return a.Added > b.Added
	}
	return a.ID > b.ID
}

// add appends to chain 0 on a condition and seals what is full.
func (l *List) add(ctx context.Context, scope string, entry Entry) error {
	id := scope + "/0"
	first, there, err := l.contains(ctx, scope, entry.ID)
	if err != nil || there {
		return err
	}
	head, err := l.heads.Update(ctx, id, func(doc *page) error {
		if doc.First != first {
			return errSealed
		}
		if !doc.has(entry.ID) {
			doc.Entries = append(doc.Entries, entry)
		}
		return nil
	})
	if errors.Is(err, errSealed) {
		return l.add(ctx, scope, entry)
	}
	if err != nil || len(head.Entries) < 2*perPage {
		return err
	}
	// What is sealed is a prefix that can only be appended to: whoever seals it writes the same.
	older := page{First: head.First, Entries: head.Entries[:perPage]}
	if _, err := l.heads.Update(ctx, id+":"+strconv.FormatInt(older.First/perPage, 10), func(doc *page) error {
		*doc = older
		return nil
	}); err != nil {
		return err
	}
	_, err = l.heads.Update(ctx, id, func(doc *page) error {
		if doc.First == older.First && len(doc.Entries) >= perPage {
			doc.First += perPage
			doc.Entries = doc.Entries[perPage:]
		}
		return nil
	})
	return err
}

// errSealed says that entries left the head since it was looked through: the id may be among them.
var errSealed = errors.New("a page was sealed meanwhile")

// contains reads the whole of chain 0: adding is rare there, and the list short. First is the number
// of the first entry that was in the head.
func (l *List) contains(ctx context.Context, scope, id string) (first int64, there bool, err error) {
	head, err := l.heads.Get(ctx, scope+"/0")
	if err != nil || head.has(id) {
		return head.First, err == nil, err
	}
	var sealed []string
	for n := range head.First / perPage {
		sealed = append(sealed, scope+"/0:"+strconv.FormatInt(n, 10))
	}
	for some := range slices.Chunk(sealed, 100) {
		docs, err := l.heads.GetMany(ctx, some)
		if err != nil {
			return head.First, false, err
		}
		for _, doc := range docs {
			if doc.has(id) {
				return head.First, true, nil
			}
		}
	}
	return head.First, false, nil
}

func (p page) has(id string) bool {
	return slices.ContainsFunc(p.Entries, func(e Entry) bool { return e.ID == id })
}

func (l *List) headKey(scope string, chain int) string {
	return "list/" + l.name + "/" + scope + "/" + strconv.Itoa(chain)
}

func (l *List) sealedKey(scope string, chain int, n int64) string {
	return l.headKey(scope, chain) + ":" + strconv.FormatInt(n, 10)
}
