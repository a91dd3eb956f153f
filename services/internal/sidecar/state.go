package sidecar

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ErrConflict says that somebody else wrote the key since it was read.
var ErrConflict = errors.New("written by somebody else meanwhile")

// State is a state store. Keys must not contain "||".
type State struct {
	client client.Client
	store  string
}

// Value is what a key holds. A missing key has neither data nor ETag.
type Value struct {
	Data []byte
	ETag string
}

// Missing says that the key holds nothing.
func (v Value) Missing() bool { return v.ETag == "" && len(v.Data) == 0 }

// Write is a key to write on the condition that it still is as it was read.
type Write struct {
	Key  string
	Data []byte
	ETag string        // as read; empty: the key must not exist
	TTL  time.Duration // whole seconds after which the key is gone; 0 means never
}

// Item is a key to write whatever it holds.
type Item struct {
	Key  string
	Data []byte
	TTL  time.Duration // whole seconds after which the key is gone; 0 means never
}

// State returns the named state store.
func (s *Sidecar) State(store string) *State {
	return &State{client: s.client, store: store}
}

// readTime bounds a read whose caller gave it more, or left.
const readTime = 10 * time.Second

// detached reads to the end even if the caller leaves meanwhile. Some drivers behind a sidecar (that
// of SQLite, as Dapr 1.18 has it) do not survive a cancelled read: its connection goes on with an
// old snapshot.
func detached[T any](ctx context.Context, read func(ctx context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
		defer cancel()
		value, err := read(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// Get reads a key.
func (s *State) Get(ctx context.Context, key string) (Value, error) {
	return detached(ctx, func(ctx context.Context) (Value, error) { return s.get(ctx, key) })
}

func (s *State) get(ctx context.Context, key string) (Value, error) {
	item, err := s.client.GetStateWithConsistency(ctx, s.store, key, nil, client.StateConsistencyStrong)
	if err != nil {
		return Value{}, fmt.Errorf("get %q: %w", key, err)
	}
	return Value{Data: item.Value, ETag: item.Etag}, nil
}

// GetMany reads keys in one call. Every key asked for is in the answer.
func (s *State) GetMany(ctx context.Context, keys []string) (map[string]Value, error) {
	return detached(ctx, func(ctx context.Context) (map[string]Value, error) { return s.getMany(ctx, keys) })
}

func (s *State) getMany(ctx context.Context, keys []string) (map[string]Value, error) {
	values := make(map[string]Value, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	items, err := s.client.GetBulkState(ctx, s.store, keys, nil, 16)
	if err != nil {
		return nil, fmt.Errorf("get %d keys from %q on: %w", len(keys), keys[0], err)
	}
	for _, item := range items {
		if item.Error != "" {
			return nil, fmt.Errorf("get %q: %s", item.Key, item.Error)
		}
		values[item.Key] = Value{Data: item.Value, ETag: item.Etag}
	}
	for _, key := range keys {
		if _, answered := values[key]; !answered {
			values[key] = Value{}
		}
	}
	return values, nil
}

// Put writes keys, each on its own condition. The writes are independent: with one key,
// [ErrConflict] says that nothing was written; with several, that at least one was not.
func (s *State) Put(ctx context.Context, writes ...Write) error {
	if len(writes) == 0 {
		return nil
	}
	items := make([]*client.SetStateItem, len(writes))
	for i, w := range writes {
		items[i] = &client.SetStateItem{
			Key: w.Key, Value: w.Data, Etag: etag(w.ETag), Metadata: lasting(w.TTL), Options: firstWrite,
		}
	}
	err := s.client.SaveBulkState(ctx, s.store, items...)
	if status.Code(err) == codes.Aborted {
		return fmt.Errorf("put %q: %w", writes[0].Key, ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("put %d keys from %q on: %w", len(writes), writes[0].Key, err)
	}
	return nil
}

// firstWrite refuses a write whose ETag is not the key's, or that has none while the key is there.
var firstWrite = &client.StateOptions{Concurrency: client.StateConcurrencyFirstWrite, Consistency: client.StateConsistencyStrong}

// etag returns the condition of a write, nil for none.
func etag(value string) *client.ETag {
	if value == "" {
		return nil
	}
	return &client.ETag{Value: value}
}

// lasting is the metadata of a key that is gone after a time.
func lasting(ttl time.Duration) map[string]string {
	if ttl <= 0 {
		return nil
	}
	return map[string]string{"ttlInSeconds": strconv.Itoa(int(ttl.Seconds()))}
}

// Transact writes and deletes keys in one transaction, whatever they hold. Only keys that are
// fresh, or whose content is the same whoever writes it, belong here: there is no condition,
// since not every store rolls back when one fails.
func (s *State) Transact(ctx context.Context, upserts []Item, deletes []string) error {
	ops := make([]*client.StateOperation, 0, len(upserts)+len(deletes))
	for _, item := range upserts {
		ops = append(ops, &client.StateOperation{
			Type: client.StateOperationTypeUpsert,
			Item: &client.SetStateItem{Key: item.Key, Value: item.Data, Metadata: lasting(item.TTL)},
		})
	}
	for _, key := range deletes {
		ops = append(ops, &client.StateOperation{Type: client.StateOperationTypeDelete, Item: &client.SetStateItem{Key: key}})
	}
	if len(ops) == 0 {
		return nil
	}
	if err := s.client.ExecuteStateTransaction(ctx, s.store, nil, ops); err != nil {
		return fmt.Errorf("transaction of %d keys from %q on: %w", len(ops), ops[0].Item.Key, err)
	}
	return nil
}
