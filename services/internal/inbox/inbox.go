// Package inbox lets an event have its effect once, however often it is delivered. What has an effect gets a
// mark, in the transaction that stores the effect; what is marked is passed over. Two replicas that are given
// the same event at once are kept apart by a claim: the mark's key, written by whoever is first, for a
// short time. Marks expire.
//
// The vessel and inventory services do without: they keep for each consignment what became of its hold, in the
// write that changes it, so that handling an event again changes nothing (docs/adr/0008-duplicate-events.md).
//
// Keys: "inbox/<id>".
package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"seaport.example/services/internal/sidecar"
)

const (
	// keep is how long a mark is kept: longer than any broker keeps an event.
	keep = 30 * 24 * time.Hour
	// claimTTL is how long a claim lasts, enough what must be left of it to begin a commit under it: more than a
	// commit takes, than finding out what became of it, and than clocks differ.
	claimTTL = 15 * time.Second
	enough   = 6 * time.Second
	// patience is how long somebody waits for another's claim, within one delivery of an event. The deliveries
	// there are (resiliency.yaml) together must outlast a claim: else the event of a process that died under
	// it would be given up.
	patience = 4 * time.Second
)

// State is what an [Inbox] needs of a state store.
type State interface {
	GetMany(ctx context.Context, keys []string) (map[string]sidecar.Value, error)
	Put(ctx context.Context, writes ...sidecar.Write) error
}

var _ State = (*sidecar.State)(nil)

// Inbox is what was handled. Use [New].
type Inbox struct {
	state State
	now   func() time.Time
	log   *slog.Logger
}

// New returns the inbox in a state store.
func New(state State, now func() time.Time, log *slog.Logger) *Inbox {
	return &Inbox{state: state, now: now, log: log}
}

// mark is what a key holds: whose claim it is, or that the effect is stored.
type mark struct {
	Done  bool   `json:"done,omitempty"`
	By    string `json:"by,omitempty"`
	Until int64  `json:"until,omitempty"` // Unix milliseconds
}

// left returns how long a claim lasts.
func (m mark) left(now time.Time) time.Duration { return time.UnixMilli(m.Until).Sub(now) }

// Handled returns which of the ids are marked.
func (i *Inbox) Handled(ctx context.Context, ids []string) (map[string]bool, error) {
	read, err := i.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	handled := make(map[string]bool, len(ids))
	for id, entry := range read {
		handled[id] = entry.mark.Done
	}
	return handled, nil
}

// Claims is who may handle what. Everything that was asked for and is in neither is another's at present: it
// is worth another try.
type Claims struct {
	Mine    map[string]bool // nobody else handles these while the claim lasts
	Handled map[string]bool // these have their effect already

	by    string
	until time.Time
	now   func() time.Time
	etags map[string]string // of what is mine
}

// InTime says whether a transaction may still begin under the claims.
func (c *Claims) InTime() bool { return c.until.Sub(c.now()) >= enough }

// Marks returns what belongs into the transaction that stores the effect of ids that are mine.
func (c *Claims) Marks(ids ...string) []sidecar.Item {
	items := make([]sidecar.Item, len(ids))
	for n, id := range ids {
		items[n] = sidecar.Item{Key: keyOf(id), Data: []byte(`{"done":true}`), ETag: c.etags[id], TTL: keep}
	}
	return items
}

// Claim claims what nobody has claimed or handled. When all of it is another's it waits for a while what
// comes of that.
func (i *Inbox) Claim(ctx context.Context, ids []string) (*Claims, error) {
	claims := &Claims{by: uuid.NewString(), now: i.now}
	var failed error
	for deadline := i.now().Add(patience); ; {
		read, err := i.read(ctx, ids)
		if err != nil {
			return nil, errors.Join(failed, err)
		}
		now := i.now()
		free := claims.sort(read, now)
		switch {
		case len(claims.Mine) > 0, len(free) == 0 && len(claims.Handled) > 0:
			return claims, nil
		case failed != nil:
			return nil, failed
		case len(free) > 0:
			claims.until = now.Add(claimTTL)
			if err := i.write(ctx, mark{By: claims.by, Until: claims.until.UnixMilli()}, free); err != nil && !errors.Is(err, sidecar.ErrConflict) {
				failed = err // of several some may be written, and so may one whose answer was lost
			}
			continue
		case now.After(deadline):
			return claims, nil
		}
		select {
		case <-time.After(20*time.Millisecond + rand.N(80*time.Millisecond)): //nolint:gosec // spreads load, guards nothing
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// sort notes what the marks say and returns those that anybody may claim.
func (c *Claims) sort(read map[string]entry, now time.Time) (free map[string]entry) {
	c.Mine, c.Handled, free = make(map[string]bool), make(map[string]bool), make(map[string]entry)
	c.etags = make(map[string]string)
	for id, entry := range read {
		switch m := entry.mark; {
		case m.Done:
			c.Handled[id] = true
		case m.By == c.by:
			c.Mine[id], c.etags[id] = true, entry.etag
		case m.left(now) <= 0: // nobody's, or left by somebody who died
			free[id] = entry
		}
	}
	return free
}

// Release gives back what is mine and has no effect, nor will have. If that fails, the claim runs out.
func (i *Inbox) Release(ctx context.Context, claims *Claims) {
	if len(claims.Mine) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	var ids []string
	for id := range claims.Mine {
		ids = append(ids, id)
	}
	read, err := i.read(ctx, ids)
	if err == nil {
		for id, entry := range read {
			if entry.mark.By != claims.by {
				delete(read, id)
			}
		}
		err = i.write(ctx, mark{Until: 1}, read)
	}
	if err != nil {
		i.log.Info("what was claimed stays so until that runs out", "error", err)
	}
}

// entry is a mark as it was read.
type entry struct {
	mark mark
	etag string
}

func (i *Inbox) read(ctx context.Context, ids []string) (map[string]entry, error) {
	keys := make([]string, len(ids))
	for n, id := range ids {
		keys[n] = keyOf(id)
	}
	values, err := i.state.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	read := make(map[string]entry, len(ids))
	for _, id := range ids {
		e := entry{etag: values[keyOf(id)].ETag}
		if value := values[keyOf(id)]; !value.Missing() {
			if err := json.Unmarshal(value.Data, &e.mark); err != nil {
				return nil, fmt.Errorf("decode %q: %w", keyOf(id), err)
			}
		}
		read[id] = e
	}
	return read, nil
}

// write writes a mark to keys that still are as they were read.
func (i *Inbox) write(ctx context.Context, m mark, as map[string]entry) error {
	data, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode a mark: %w", err)
	}
	var writes []sidecar.Write
	for id, entry := range as {
		writes = append(writes, sidecar.Write{Key: keyOf(id), Data: data, ETag: entry.etag, TTL: time.Hour})
	}
	return i.state.Put(ctx, writes...)
}

func keyOf(id string) string { return "inbox/" + id }
