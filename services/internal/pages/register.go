package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"seaport.example/services/internal/sidecar"
)

// Add adds an id to a list that no [Writer] writes, at most once. It costs the same however long the list is.
func (s Scope) Add(ctx context.Context, id string, at time.Time) error {
	for {
		place, err := s.find(ctx, id)
		if err != nil || place.known {
			return err
		}
		head, err := s.list.docs.Update(ctx, s.head(), func(doc *page) error {
			switch {
			case doc.First != place.first:
				return errSealed
			case doc.index(id) < 0:
				doc.Entries = append(doc.Entries, Entry{ID: id, Added: at.UnixMilli()})
			}
			return nil
		})
		switch {
		case errors.Is(err, errSealed):
			continue
		case err != nil || len(head.Entries) < 2*perPage:
			return err
		}
		return s.seal(ctx, head)
	}
}

// Remove removes an id from a list that no [Writer] writes; nothing happens if it is not there. What the list costs to
// read and to keep depends on what is left in it.
func (s Scope) Remove(ctx context.Context, id string) error {
	for {
		place, err := s.find(ctx, id)
		switch {
		case err != nil || !place.known:
			return err
		case place.sealed:
			return s.removeSealed(ctx, id, place.page)
		}
		_, err = s.list.docs.Update(ctx, s.head(), func(doc *page) error {
			i := doc.index(id)
			if i < 0 && doc.First != place.first {
				return errSealed
			}
			if i >= 0 {
				doc.Entries[i] = Entry{}
			}
			return nil
		})
		if !errors.Is(err, errSealed) {
			return err
		}
	}
}

// errSealed says that entries left the head since it was looked through: the id may be among them.
var errSealed = errors.New("a page was sealed meanwhile")

// place is where an id is.
type place struct {
	first  int64 // number of the first entry of the head that was looked through
	known  bool  // it is in the list
	sealed bool  // on a sealed page,
	page   int64 // of this number
}

// find looks for an id. A mark only says where: the page decides, if it is cut off the head, and not gone. One that is
// gone may be there again, written by somebody who had stood still.
func (s Scope) find(ctx context.Context, id string) (place, error) {
	head, err := s.list.docs.Get(ctx, s.head())
	p := place{first: head.First, known: head.index(id) >= 0}
	if err != nil || p.known {
		return p, err
	}
	marked, err := s.list.state.Get(ctx, s.markKey(id))
	if err != nil || marked.Missing() {
		return p, err
	}
	m, err := decodeMark(s.markKey(id), marked)
	if _, gone := head.below(m.Page); err != nil || gone || m.Page*perPage >= head.First {
		return p, err
	}
	sealed, err := s.list.docs.Get(ctx, s.sealed(m.Page))
	p.known, p.sealed, p.page = sealed.index(id) >= 0, true, m.Page
	return p, err
}

// seal copies the older half of a head to a page of its own, marks where its entries are, and cuts it off the head, in
// this order: what a crash leaves, the next to add completes. Whoever does it at the same time does the same.
func (s Scope) seal(ctx context.Context, head page) error {
	for {
		older, number := page{First: head.First, Entries: head.Entries[:perPage]}, head.First/perPage
		if err := s.copy(ctx, older, number); err != nil {
			return err
		}
		if err := s.markEntries(ctx, older, number); err != nil {
			return err
		}
		cut, err := s.list.docs.Update(ctx, s.head(), func(doc *page) error {
			if doc.First != older.First || !slices.Equal(doc.Entries[:perPage], older.Entries) {
				return nil // somebody else did, or removed an entry meanwhile
			}
			doc.First += perPage
			doc.Entries = doc.Entries[perPage:]
			if older.empty() {
				doc.forget(number)
			}
			return nil
		})
		switch {
		case err != nil:
			return err
		case cut.First == older.First:
			head = cut
			continue
		case older.empty():
			return s.list.state.Transact(ctx, nil, []string{s.list.sealedKey(s.name, 0, number)})
		}
		return nil
	}
}

// copy writes a sealed page. Of one that is there already, what was removed stays so: somebody may do this late.
func (s Scope) copy(ctx context.Context, older page, number int64) error {
	_, err := s.list.docs.Update(ctx, s.sealed(number), func(doc *page) error {
		if doc.Entries == nil {
			*doc = older
			return nil
		}
		for i, entry := range older.Entries {
			if entry.ID == "" {
				doc.Entries[i] = Entry{}
			}
		}
		return nil
	})
	return err
}

// mark says on which sealed page an id is. An id that is removed and added again gets on later pages only.
type mark struct {
	Page int64 `json:"page"`
}

// markEntries writes the marks of a page's entries.
func (s Scope) markEntries(ctx context.Context, older page, number int64) error {
	var keys []string
	for _, entry := range older.Entries {
		if entry.ID != "" {
			keys = append(keys, s.markKey(entry.ID))
		}
	}
	data, err := json.Marshal(mark{Page: number})
	if err != nil {
		return fmt.Errorf("encode marks: %w", err)
	}
	for {
		values, err := s.list.state.GetMany(ctx, keys)
		if err != nil {
			return err
		}
		var writes []sidecar.Write
		for _, key := range keys {
			there, err := decodeMark(key, values[key])
			if err != nil {
				return err
			}
			if values[key].Missing() || there.Page < number {
				writes = append(writes, sidecar.Write{Key: key, Data: data, ETag: values[key].ETag})
			}
		}
		if err := s.list.state.Put(ctx, writes...); !errors.Is(err, sidecar.ErrConflict) {
			return err
		}
	}
}

func decodeMark(key string, value sidecar.Value) (m mark, err error) {
	if !value.Missing() {
		if err = json.Unmarshal(value.Data, &m); err != nil {
			err = fmt.Errorf("decode %q: %w", key, err)
		}
	}
	return m, err
}

// removeSealed removes an id from a sealed page, and the page if nothing else is on it.
func (s Scope) removeSealed(ctx context.Context, id string, number int64) error {
	sealed, err := s.list.docs.Update(ctx, s.sealed(number), func(doc *page) error {
		if i := doc.index(id); i >= 0 {
			doc.Entries[i] = Entry{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows := []string{s.markKey(id)}
	if sealed.empty() {
		// Noted before it is deleted: who does not find it reads the head again.
		if _, err := s.list.docs.Update(ctx, s.head(), func(doc *page) error { doc.forget(number); return nil }); err != nil {
			return err
		}
		rows = append(rows, s.list.sealedKey(s.name, 0, number))
	}
	return s.list.state.Transact(ctx, nil, rows)
}

// The ids of the documents of chain 0, and the key of a mark.

func (s Scope) head() string { return s.name + "/0" }

func (s Scope) sealed(number int64) string { return s.head() + ":" + strconv.FormatInt(number, 10) }

func (s Scope) markKey(id string) string { return s.list.headKey(s.name, 0) + "/" + id }
