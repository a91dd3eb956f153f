package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
)

// Writer adds entries to the chains of this replica's seat. It remembers the heads it wrote, which
// nobody else writes, and is for one user at a time.
type Writer struct {
	list  *List
	term  string
	heads map[string]page // by scope
}

// rememberAtMost bounds the memory of a writer, in heads.
const rememberAtMost = 10_000

// Writer returns a writer of these lists.
func (l *List) Writer() *Writer { return &Writer{list: l} }

// Stage returns what to write so that the entries are added, by scope, in order. Call Done with
// what became of it before the next Stage.
func (w *Writer) Stage(ctx context.Context, held seat.Held, entries map[string][]Entry) ([]sidecar.Item, error) {
	if w.term != held.Term || len(w.heads) > rememberAtMost {
		w.term, w.heads = held.Term, make(map[string]page)
	}
	if err := w.recall(ctx, held, entries); err != nil {
		return nil, err
	}
	var items []sidecar.Item
	for scope, added := range entries {
		head := w.heads[scope]
		head.Entries = append(slices.Clip(head.Entries), added...)
		for len(head.Entries) >= 2*perPage {
			sealed := page{First: head.First, Entries: head.Entries[:perPage]}
			item, err := encode(w.list.sealedKey(scope, held.Number, sealed.First/perPage), sealed)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
			head = page{First: head.First + perPage, Entries: head.Entries[perPage:]}
		}
		item, err := encode(w.list.headKey(scope, held.Number), head)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		w.heads[scope] = head
	}
	return items, nil
}

// Done says whether what was staged is stored. If it is not, or that is not known, the heads are
// read again.
func (w *Writer) Done(stored bool) {
	if !stored {
		w.term = ""
	}
}

// recall reads the heads that are not known yet.
func (w *Writer) recall(ctx context.Context, held seat.Held, entries map[string][]Entry) error {
	var keys, scopes []string
	for scope := range entries {
		if _, known := w.heads[scope]; !known {
			keys, scopes = append(keys, w.list.headKey(scope, held.Number)), append(scopes, scope)
		}
	}
	values, err := w.list.state.GetMany(ctx, keys)
	if err != nil {
		return err
	}
	for i, scope := range scopes {
		var head page
		if value := values[keys[i]]; !value.Missing() {
			if err := json.Unmarshal(value.Data, &head); err != nil {
				return fmt.Errorf("decode %q: %w", keys[i], err)
			}
		}
		w.heads[scope] = head
	}
	return nil
}

func encode(key string, p page) (sidecar.Item, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return sidecar.Item{}, fmt.Errorf("encode %q: %w", key, err)
	}
	return sidecar.Item{Key: key, Data: data}, nil
}
