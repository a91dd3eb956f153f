// Package document keeps aggregates in a state store: one aggregate, one key, changed by
// compare-and-set. A change is a function of the document; this package reads, writes, and
// tries again when somebody else wrote first.
//
// A change that reads other keys as well ([Store.UpdateReading]) leaves the document in memory, so
// that the change after it costs one write. The memory only proposes: a change made to it is written
// on the condition that the store still holds the same, and a refusal or a change of nothing is
// taken for an answer only on a document read just now.
package document

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/sidecar"
)

// attempts bounds how often a change is tried against others.
const attempts = 12

// State is what a [Store] needs of a state store.
type State interface {
	Get(ctx context.Context, key string) (sidecar.Value, error)
	GetMany(ctx context.Context, keys []string) (map[string]sidecar.Value, error)
	Put(ctx context.Context, writes ...sidecar.Write) error
}

var _ State = (*sidecar.State)(nil)

// Store keeps the documents of one kind. The zero value of T is a document that does not exist.
type Store[T any] struct {
	state  State
	prefix string

	mu    sync.Mutex
	slots map[string]*slot
}

// slot is what is known of a document and whose turn it is to change it: changes within this
// process queue up here, so that only other replicas can be in the way.
type slot struct {
	turn  chan struct{} // holds one token; who has it may touch the rest
	value sidecar.Value
	known bool
}

// rememberAtMost bounds the memory of a store, in documents.
const rememberAtMost = 10_000

// NewStore returns the documents whose keys start with the prefix.
func NewStore[T any](state State, prefix string) *Store[T] {
	return &Store[T]{state: state, prefix: prefix, slots: make(map[string]*slot)}
}

// Get reads a document; the zero T when there is none.
func (s *Store[T]) Get(ctx context.Context, id string) (T, error) {
	value, err := s.state.Get(ctx, s.prefix+id)
	if err != nil {
		var none T
		return none, err
	}
	return s.decode(id, value)
}

// GetMany reads documents in one call. Those that do not exist are left out.
func (s *Store[T]) GetMany(ctx context.Context, ids []string) (map[string]T, error) {
	values, err := s.readMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	docs := make(map[string]T, len(ids))
	for _, id := range ids {
		value := values[s.prefix+id]
		if value.Missing() {
			continue
		}
		if docs[id], err = s.decode(id, value); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// Update changes a document and returns it as stored. The change may run several times and must
// depend on nothing but the document; when it returns an error nothing is written and Update
// returns that error. A document that does not exist is given as the zero T. Errors:
// UNAVAILABLE when others kept writing first.
func (s *Store[T]) Update(ctx context.Context, id string, change func(doc *T) error) (T, error) {
	return s.update(ctx, id, nil, false, func(doc *T, _ map[string]sidecar.Value) error { return change(doc) })
}

// UpdateReading is Update for a change that depends on other keys too. They are read after the
// document: whoever changes them later must change the document as well, so that this change is
// refused and tried again. Reading all in one call would not do: a store may read the document last.
func (s *Store[T]) UpdateReading(ctx context.Context, id string, keys []string, change func(doc *T, values map[string]sidecar.Value) error) (T, error) {
	return s.update(ctx, id, keys, true, change)
}

// update changes a document that depends on keys, and may leave it in memory.
func (s *Store[T]) update(ctx context.Context, id string, keys []string, remember bool, change func(doc *T, values map[string]sidecar.Value) error) (T, error) {
	var none T
	held, err := s.take(ctx, id)
	if err != nil {
		return none, err
	}
	done := func() { held.turn <- struct{}{} }
	defer func() { done() }()

	for attempt := range attempts {
		remembered := held.known
		held.known = false
		if !remembered {
			if held.value, err = s.state.Get(ctx, s.prefix+id); err != nil {
				return none, err
			}
		}
		var values map[string]sidecar.Value
		if len(keys) > 0 {
			if values, err = s.state.GetMany(ctx, keys); err != nil {
				return none, err
			}
		}
		doc, wrote, err := s.write(ctx, id, held.value, func(doc *T) error { return change(doc, values) })
		switch {
		case wrote:
			if remember {
				done = func() { go s.remember(id, held) } // which ends the turn
			}
			return doc, nil
		case errors.Is(err, sidecar.ErrConflict):
			if err := pause(ctx, attempt); err != nil {
				return none, err
			}
		case !remembered:
			return doc, err
		}
		// The memory may be out of date: ask the store.
	}
	return none, errContended
}

var errContended = failure.Unavailable(nil, "too many are changing the same thing at once; try again")

// write applies a change and writes the document if that changed it.
func (s *Store[T]) write(ctx context.Context, id string, before sidecar.Value, change func(doc *T) error) (doc T, wrote bool, err error) {
	if doc, err = s.decode(id, before); err != nil {
		return doc, false, err
	}
	unchanged := before.Data
	if before.Missing() { // nothing is written where there was nothing and nothing came
		if unchanged, err = json.Marshal(&doc); err != nil {
			return doc, false, fmt.Errorf("encode %q: %w", s.prefix+id, err)
		}
	}
	if err := change(&doc); err != nil {
		return doc, false, err
	}
	data, err := json.Marshal(&doc)
	if err != nil {
		return doc, false, fmt.Errorf("encode %q: %w", s.prefix+id, err)
	}
	if bytes.Equal(data, unchanged) {
		return doc, false, nil
	}
	err = s.state.Put(ctx, sidecar.Write{Key: s.prefix + id, Data: data, ETag: before.ETag})
	return doc, err == nil, err
}

func (s *Store[T]) readMany(ctx context.Context, ids []string) (map[string]sidecar.Value, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.prefix + id
	}
	return s.state.GetMany(ctx, keys)
}

func (s *Store[T]) decode(id string, value sidecar.Value) (T, error) {
	var doc T
	if value.Missing() {
		return doc, nil
	}
	if err := json.Unmarshal(value.Data, &doc); err != nil {
		return doc, fmt.Errorf("decode %q: %w", s.prefix+id, err)
	}
	return doc, nil
}

// take waits for the turn to change a document.
func (s *Store[T]) take(ctx context.Context, id string) (*slot, error) {
	s.mu.Lock()
	held, ok := s.slots[id]
	if !ok {
		if len(s.slots) >= rememberAtMost {
			clear(s.slots) // those in use go on unshared: the condition on the write still holds
		}
		held = &slot{turn: make(chan struct{}, 1)}
		held.turn <- struct{}{}
		s.slots[id] = held
	}
	s.mu.Unlock()
	select {
	case <-held.turn:
		return held, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// remember reads a document that was just written, off its writer's way, since a write does not
// tell the new ETag. The next change waits for it.
func (s *Store[T]) remember(id string, held *slot) {
	defer func() { held.turn <- struct{}{} }()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if value, err := s.state.Get(ctx, s.prefix+id); err == nil { // else the next change reads for itself
		held.value, held.known = value, true
	}
}

// pause waits a random while that grows with the attempts, so that rivals part.
func pause(ctx context.Context, attempt int) error {
	longest := min(time.Millisecond<<attempt, 200*time.Millisecond)
	select {
	case <-time.After(rand.N(longest) + time.Millisecond/2): //nolint:gosec // spreads load, guards nothing
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
