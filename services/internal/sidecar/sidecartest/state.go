package sidecartest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// row is what a key holds.
type row struct {
	data  []byte
	etag  string
	until time.Time // when it is gone; zero for never

	// marked: it was written on a condition. As on Redis, whatever writes it without its ETag is refused then.
	marked bool
}

// Value returns what a key holds, past all faults; nil when that is nothing.
func (f *Fake) Value(key string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.read(key).data)
}

// Keys returns the keys that start with a prefix, in order.
func (f *Fake) Keys(prefix string) (keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.rows {
		if strings.HasPrefix(key, prefix) && f.read(key).etag != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Set writes a key, past all faults, as if somebody else put it.
func (f *Fake) Set(key string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(key, data, time.Time{}, true)
}

// GetState reads a key.
func (d *daprd) GetState(ctx context.Context, req *runtimev1.GetStateRequest) (resp *runtimev1.GetStateResponse, err error) {
	key := req.GetKey()
	if err := check(req.GetStoreName(), key); err != nil {
		return nil, err
	}
	err = d.do(ctx, Get, []string{key}, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		r := d.read(key)
		resp = &runtimev1.GetStateResponse{Data: bytes.Clone(r.data), Etag: r.etag}
		return nil
	})
	return resp, err
}

// GetBulkState reads keys one after the other in no order, as a sidecar does whose store has no
// call for many: others may write in between.
func (d *daprd) GetBulkState(ctx context.Context, req *runtimev1.GetBulkStateRequest) (*runtimev1.GetBulkStateResponse, error) {
	keys := req.GetKeys()
	if err := check(req.GetStoreName(), keys...); err != nil {
		return nil, err
	}
	resp := &runtimev1.GetBulkStateResponse{}
	err := d.doBetween(ctx, GetMany, keys, func(between func()) error {
		for n, i := range rand.Perm(len(keys)) { // any order will do
			if n > 0 {
				between()
			}
			d.mu.Lock()
			r := d.read(keys[i])
			d.mu.Unlock()
			resp.Items = append(resp.Items, &runtimev1.BulkStateItem{Key: keys[i], Data: bytes.Clone(r.data), Etag: r.etag})
		}
		return nil
	})
	return resp, err
}

// SaveState writes keys, each on its own condition.
func (d *daprd) SaveState(ctx context.Context, req *runtimev1.SaveStateRequest) (*emptypb.Empty, error) {
	keys := make([]string, len(req.GetStates()))
	for i, item := range req.GetStates() {
		keys[i] = item.GetKey()
	}
	if err := check(req.GetStoreName(), keys...); err != nil {
		return nil, err
	}
	err := d.do(ctx, Put, keys, func() (failed error) {
		for _, item := range req.GetStates() {
			if err := d.save(item); err != nil {
				failed = err
			}
		}
		return failed
	})
	return &emptypb.Empty{}, err
}

func (d *daprd) save(item *commonv1.StateItem) error {
	until, err := untilOf(item)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	there := d.read(item.GetKey())
	first := item.GetOptions().GetConcurrency() == commonv1.StateOptions_CONCURRENCY_FIRST_WRITE
	switch {
	case there.takes(item):
	case item.GetEtag() != nil:
		return status.Errorf(codes.Aborted, "failed saving state %q: possible etag mismatch", item.GetKey())
	default:
		return refusal("failed saving state in state store "+StateStore, item.GetKey())
	}
	d.write(item.GetKey(), item.GetValue(), until, there.marked || first)
	return nil
}

// takes says whether Redis would write an item here. It takes any where there is nothing, and one without an
// ETag where nothing was written on a condition.
func (r row) takes(item *commonv1.StateItem) bool {
	return r.etag == "" || item.GetEtag() == nil && !r.marked || item.GetEtag().GetValue() == r.etag
}

// refusal is what the sidecar of Redis says where a write is refused that has no ETag.
func refusal(doing, key string) error {
	return status.Errorf(codes.Internal, "%s: ERR user_script:14: failed to set key %s script: d908b9, on @user_script:14.", doing, key)
}

// untilOf returns when an item is gone; zero for never.
func untilOf(item *commonv1.StateItem) (time.Time, error) {
	ttl, ok := item.GetMetadata()["ttlInSeconds"]
	if !ok {
		return time.Time{}, nil
	}
	seconds, err := strconv.Atoi(ttl)
	if err == nil && seconds == -1 {
		return time.Time{}, nil // for ever, whatever was there
	}
	if err != nil || seconds < 1 {
		return time.Time{}, status.Errorf(codes.Internal, "incorrect value for metadata ttlInSeconds: %q", ttl)
	}
	return time.Now().Add(time.Duration(seconds) * time.Second), nil
}

// ExecuteStateTransaction writes and deletes keys. As on Redis an item may be refused, and the others are
// carried out.
func (d *daprd) ExecuteStateTransaction(ctx context.Context, req *runtimev1.ExecuteStateTransactionRequest) (*emptypb.Empty, error) {
	keys := make([]string, len(req.GetOperations()))
	untils := make([]time.Time, len(keys))
	for i, op := range req.GetOperations() {
		keys[i] = op.GetRequest().GetKey()
		var err error
		if untils[i], err = untilOf(op.GetRequest()); err != nil {
			return nil, err
		}
		if op.GetRequest().GetEtag() != nil && op.GetRequest().GetOptions().GetConcurrency() == commonv1.StateOptions_CONCURRENCY_LAST_WRITE {
			return nil, status.Errorf(codes.InvalidArgument, "the ETag of %q would be passed over", keys[i])
		}
	}
	if err := check(req.GetStoreName(), keys...); err != nil {
		return nil, err
	}
	err := d.do(ctx, Transact, keys, func() (failed error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		for i, op := range req.GetOperations() {
			switch op.GetOperationType() {
			case "upsert":
				there := d.read(keys[i])
				if !there.takes(op.GetRequest()) {
					failed = refusal("error while executing state transaction", keys[i])
					continue
				}
				if untils[i].IsZero() && op.GetRequest().GetMetadata()["ttlInSeconds"] == "" {
					untils[i] = there.until // as on Redis
				}
				d.write(keys[i], op.GetRequest().GetValue(), untils[i], there.marked)
			case "delete":
				delete(d.rows, keys[i])
			default:
				return status.Errorf(codes.Unimplemented, "operation %q is not known", op.GetOperationType())
			}
		}
		return failed
	})
	return &emptypb.Empty{}, err
}

// check refuses what a real sidecar refuses, whatever its store.
func check(store string, keys ...string) error {
	if store != StateStore {
		return status.Errorf(codes.InvalidArgument, "state store %s is not found", store)
	}
	for _, key := range keys {
		if strings.Contains(key, "||") {
			return status.Errorf(codes.InvalidArgument, "key %q can't contain '||'", key)
		}
	}
	return nil
}

// read returns a row; the zero one when there is none. The fake is locked.
func (f *Fake) read(key string) row {
	r := f.rows[key]
	if !r.until.IsZero() && !time.Now().Before(r.until) {
		return row{}
	}
	return r
}

// write writes a row. The fake is locked.
func (f *Fake) write(key string, data []byte, until time.Time, marked bool) {
	f.version++
	f.rows[key] = row{data: bytes.Clone(data), etag: strconv.Itoa(f.version), until: until, marked: marked}
}
