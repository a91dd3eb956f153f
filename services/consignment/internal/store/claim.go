package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"seaport.example/services/internal/batch"
	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/outbox"
	"seaport.example/services/internal/sidecar"
)

// A claim is a key that only one process can write, and that is gone after a while. It outlives
// every booking that began under it: holds and commit are bounded well below it.
const claimTTL = 20 * time.Second

// claims decides which process books an id that several may be asked for at once.
type claims struct {
	state  outbox.State
	me     string
	taking *batch.Batcher[string, verdict]
	giving *batch.Batcher[string, struct{}]
}

// verdict is what is known of an id: booked already, claimed by this process, or by another.
type verdict struct {
	booked []byte
	mine   bool
}

func newClaims(state outbox.State) *claims {
	c := &claims{state: state, me: uuid.NewString()}
	c.taking = batch.New(batch.Config{Max: 128, Timeout: 4 * time.Second}, c.takeMany)
	c.giving = batch.New(batch.Config{Max: 128, Timeout: 4 * time.Second}, c.dropMany)
	return c
}

// take returns the booking, or nil when this process may book. It waits for another process that
// is at it. Errors: UNAVAILABLE when that one does not come to an end.
func (c *claims) take(ctx context.Context, id string) (booked []byte, err error) {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		v, err := c.taking.Do(ctx, id)
		if err != nil {
			return nil, err
		}
		if v.booked != nil || v.mine {
			return v.booked, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, failure.Unavailable(errBusy, "an earlier attempt with this request_id is not finished; try again")
		}
	}
}

// takeMany claims ids and looks for their bookings, at the same time: a booking under another
// process's claim was stored long before that claim ran out.
func (c *claims) takeMany(ctx context.Context, ids []string) []batch.Result[verdict] {
	type reading struct {
		values map[string]sidecar.Value
		err    error
	}
	rows := make(chan reading, 1)
	go func() {
		keys := make([]string, len(ids))
		for i, id := range ids {
			keys[i] = keyPrefix + id
		}
		values, err := c.state.GetMany(ctx, keys)
		rows <- reading{values, err}
	}()
	mine, err := c.claim(ctx, ids)
	read := <-rows
	if err := errors.Join(err, read.err); err != nil {
		return batch.Fail[verdict](len(ids), err)
	}
	results := make([]batch.Result[verdict], len(ids))
	for i, id := range ids {
		results[i].Answer.mine = mine == nil || mine[id]
		if row := read.values[keyPrefix+id]; !row.Missing() {
			results[i].Answer.booked = row.Data
		}
	}
	return results
}

// claim writes the claims and returns which of them are this process's; nil for all.
func (c *claims) claim(ctx context.Context, ids []string) (map[string]bool, error) {
	writes := make([]sidecar.Write, len(ids))
	for i, id := range ids {
		writes[i] = sidecar.Write{Key: claimKey(id), Data: []byte(`"` + c.me + `"`), TTL: claimTTL}
	}
	err := c.state.Put(ctx, writes...)
	if err == nil {
		return nil, nil //nolint:nilnil // all of them
	}
	if !errors.Is(err, sidecar.ErrConflict) {
		return nil, err
	}
	if len(ids) == 1 {
		return map[string]bool{}, nil
	}
	// Which of them were refused is not said. Those that were written name this process.
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = claimKey(id)
	}
	values, err := c.state.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	mine := make(map[string]bool, len(ids))
	for i, id := range ids {
		mine[id] = string(values[keys[i]].Data) == `"`+c.me+`"`
	}
	return mine, nil
}

func (c *claims) drop(ctx context.Context, id string) {
	_, _ = c.giving.Do(ctx, id) // a claim that stays runs out by itself
}

func (c *claims) dropMany(ctx context.Context, ids []string) []batch.Result[struct{}] {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = claimKey(id)
	}
	if err := c.state.Transact(ctx, nil, keys); err != nil {
		return batch.Fail[struct{}](len(ids), err)
	}
	return make([]batch.Result[struct{}], len(ids))
}

func claimKey(id string) string { return "claim/" + id }
