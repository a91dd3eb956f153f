package store_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"seaport.example/services/consignment/internal/store"
	"seaport.example/services/internal/sidecar"
)

// memory is a state store that replicas share. Like a sidecar it takes time, and it reads many keys
// one by one, in any order.
type memory struct {
	mu           sync.Mutex
	rows         map[string]sidecar.Value
	version      int
	transactions [][]string // their upserts, in order
}

func newMemory() *memory { return &memory{rows: make(map[string]sidecar.Value)} }

// keys returns the keys there are that start with prefix.
func (m *memory) keys(prefix string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key := range m.rows {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// inOne says whether one transaction wrote keys that start with each of the prefixes.
func (m *memory) inOne(prefixes ...string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.transactions, func(upserts []string) bool {
		for _, prefix := range prefixes {
			if !slices.ContainsFunc(upserts, func(key string) bool { return strings.HasPrefix(key, prefix) }) {
				return false
			}
		}
		return true
	})
}

// line is one replica's way to the memory.
type line struct {
	*memory

	mu     sync.Mutex
	before func(op string, keys []string) error // an error: it was not carried out
	after  func(op string, keys []string) error // an error: it was, but the answer was lost
}

var _ store.State = (*line)(nil)

func (m *memory) line() *line { return &line{memory: m} }

// fault makes operations fail from now on; nil: no longer.
func (l *line) fault(before, after func(op string, keys []string) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before, l.after = before, after
}

func (l *line) do(ctx context.Context, op string, keys []string, carryOut func() error) error {
	if len(keys) == 0 {
		return nil // as the sidecar's state: no keys, no call
	}
	l.mu.Lock()
	before, after := l.before, l.after
	l.mu.Unlock()
	if err := travel(ctx); err != nil {
		return err
	}
	if before != nil {
		if err := before(op, keys); err != nil {
			return err
		}
	}
	if err := carryOut(); err != nil {
		return err
	}
	if after != nil {
		return after(op, keys)
	}
	return nil
}

// travel takes up to a millisecond.
func travel(ctx context.Context) error {
	select {
	case <-time.After(rand.N(time.Millisecond)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *line) Get(ctx context.Context, key string) (value sidecar.Value, err error) {
	err = l.do(ctx, "get", []string{key}, func() error {
		value = l.read(key)
		return nil
	})
	return value, err
}

func (l *line) GetMany(ctx context.Context, keys []string) (map[string]sidecar.Value, error) {
	values := make(map[string]sidecar.Value, len(keys))
	err := l.do(ctx, "get", keys, func() error {
		shuffled := slices.Clone(keys)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, key := range shuffled {
			if rand.N(8) == 0 {
				time.Sleep(rand.N(time.Millisecond))
			}
			values[key] = l.read(key)
		}
		return nil
	})
	return values, err
}

func (l *line) Put(ctx context.Context, writes ...sidecar.Write) error {
	var keys []string
	for _, w := range writes {
		keys = append(keys, w.Key)
	}
	return l.do(ctx, "put", keys, func() error {
		l.memory.mu.Lock()
		defer l.memory.mu.Unlock()
		for _, w := range writes {
			if l.rows[w.Key].ETag != w.ETag {
				return sidecar.ErrConflict
			}
		}
		for _, w := range writes {
			l.set(w.Key, w.Data)
		}
		return nil
	})
}

func (l *line) Transact(ctx context.Context, upserts []sidecar.Item, deletes []string) error {
	var keys []string
	size := 0
	for _, item := range upserts {
		keys, size = append(keys, item.Key), size+len(item.Data)
	}
	if size > 16<<20 { // a sidecar does not take it
		return fmt.Errorf("a message of %d bytes", size)
	}
	return l.do(ctx, "transact", append(slices.Clone(keys), deletes...), func() error {
		l.memory.mu.Lock()
		defer l.memory.mu.Unlock()
		for _, item := range upserts {
			l.set(item.Key, item.Data)
		}
		for _, key := range deletes {
			delete(l.rows, key)
		}
		l.transactions = append(l.transactions, keys)
		return nil
	})
}

func (m *memory) read(key string) sidecar.Value {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[key]
}

// set is for those who hold the lock.
func (m *memory) set(key string, data []byte) {
	m.version++
	m.rows[key] = sidecar.Value{Data: bytes.Clone(data), ETag: strconv.Itoa(m.version)}
}

// broker is a publisher that notes what it took.
type broker struct {
	mu    sync.Mutex
	err   error
	taken []sidecar.Event
}

func (b *broker) Publish(_ context.Context, _ string, events []sidecar.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.taken = append(b.taken, events...)
	}
	return b.err
}

// ids returns the ids of the events taken, each once, sorted.
func (b *broker) ids() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for _, e := range b.taken {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
