// Package pages keeps lists in a state store that cannot list: which ids belong to a scope, the
// newest first. A page costs the same to read however long the list is.
//
// A list is a chain of pages for each seat that wrote to it (package seat): a head that takes new
// entries, and sealed pages behind it. When the head holds two pages its older one is sealed:
// copied to a key of its own and cut off the head. Since only its seat writes a chain, entries are
// added in the very transaction that stores what they list ([Writer]); reading merges the chains by
// time. Lists that are seldom written need no seat: [Scope.Add] writes to chain 0 on a condition, and
// only from such lists is anything removed ([Scope.Remove]).
//
// Keys: "list/<name>/<scope>/<chain>" is a head, with ":<n>" behind it a sealed page, with "/<id>" behind
// it on which sealed page an id is that was added on a condition. Entries are numbered from 0 within
// their chain, for good: the place of one that was removed stays empty, and a page of empty places is noted
// in the head and deleted. A page token is the next number of each chain, so neither new entries
// nor time move it. In the same way a list that nothing is removed from is read forwards, as a log:
// [Scope.Snapshot].
package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"seaport.example/services/internal/document"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
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
	First   int64   `json:"first"`   // number of the first entry
	Entries []Entry `json:"entries"` // the zero one for what was removed
	Gone    []run   `json:"gone,omitempty"`
}

// State is what lists need of a state store.
type State interface {
	document.State
	Transact(ctx context.Context, upserts []sidecar.Item, deletes []string) error
}

var _ State = (*sidecar.State)(nil)

// List is a family of lists, one for each scope. Use [New].
type List struct {
	state State
	name  string
	docs  *document.Store[page] // of chain 0, for Add and Remove
}

// New returns the lists whose keys start with "list/<name>/". A scope must not contain "/".
func New(state State, name string) *List {
	return &List{state: state, name: name, docs: document.NewStore[page](state, "list/"+name+"/")}
}

// Scope is one list of a family.
type Scope struct {
	list *List
	name string
}

// Scope returns the list with the name.
func (l *List) Scope(name string) Scope { return Scope{list: l, name: name} }

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
	for range rereads {
		if ids, next, err = l.page(ctx, scope, int(size), token); !errors.Is(err, errLacking) {
			break
		}
	}
	return ids, next, err
}

// rereads is how often a page of a list is read anew because others remove from it meanwhile.
const rereads = 3

// errLacking says that a sealed page is not there. If the head says so too by now, it was deleted meanwhile.
var errLacking = errors.New("a page of the list is not there")

// page is Page for one state of the heads.
func (l *List) page(ctx context.Context, scope string, size int, token string) (ids []string, next string, err error) {
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
	for {
		for slices.ContainsFunc(chains, (*chain).unread) { // much was removed
			if err := l.load(ctx, scope, chains, int64(size)); err != nil {
				return nil, "", err
			}
		}
		newest := newestOf(chains)
		switch {
		case newest == nil:
			return ids, "", nil
		case len(ids) == size:
			return ids, makeToken(scope, chains), nil
		}
		ids = append(ids, newest.at(newest.next).ID)
		newest.next--
	}
}

// chain is a seat's part of a list, as far as it is read.
type chain struct {
	seat  int
	head  page
	older map[int64]page // sealed pages by their number
	next  int64          // number of the newest entry not yet returned; -1: none is left
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
		c := &chain{seat: n, older: make(map[int64]page)}
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
	type part struct {
		of     *chain
		number int64
	}
	parts := make(map[string]part)
	for _, c := range chains {
		for _, n := range c.lacking(size) {
			parts[l.sealedKey(scope, c.seat, n)] = part{c, n}
		}
	}
	values, err := l.state.GetMany(ctx, slices.Collect(maps.Keys(parts)))
	if err != nil {
		return err
	}
	for key, part := range parts {
		if values[key].Missing() {
			return fmt.Errorf("%w: %q", errLacking, key)
		}
		var sealed page
		if err := json.Unmarshal(values[key].Data, &sealed); err != nil {
			return fmt.Errorf("decode %q: %w", key, err)
		}
		part.of.older[part.number] = sealed
	}
	return nil
}

// lacking returns the sealed pages that the next so many entries, and the one after them, may be on, but for
// those that are read.
func (c *chain) lacking(size int64) (numbers []int64) {
	next, left := c.next, size+1
	if next >= c.head.First {
		left -= next - c.head.First + 1
		next = c.head.First - 1
	}
	for next >= 0 && left > 0 {
		n := next / perPage
		if below, gone := c.head.below(n); gone {
			next = below*perPage + perPage - 1
			continue
		}
		if _, read := c.older[n]; !read {
			numbers = append(numbers, n)
		}
		left -= next%perPage + 1
		next = n*perPage - 1
	}
	return numbers
}

// unread moves on to the next entry that was not removed, and says whether one is on a page that is to be read for that.
func (c *chain) unread() bool {
	for c.next >= 0 {
		if n := c.next / perPage; c.next < c.head.First {
			if below, gone := c.head.below(n); gone {
				c.next = below*perPage + perPage - 1
				continue
			}
			if _, read := c.older[n]; !read {
				return true
			}
		}
		if c.at(c.next).ID != "" {
			return false
		}
		c.next--
	}
	return false
}

// at returns an entry that was read.
func (c *chain) at(number int64) Entry {
	if number >= c.head.First {
		return c.head.Entries[number-c.head.First]
	}
	return c.older[number/perPage].Entries[number%perPage]
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

func (l *List) headKey(scope string, chain int) string {
	return "list/" + l.name + "/" + scope + "/" + strconv.Itoa(chain)
}

func (l *List) sealedKey(scope string, chain int, n int64) string {
	return l.headKey(scope, chain) + ":" + strconv.FormatInt(n, 10)
}
