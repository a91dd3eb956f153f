package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"seaport.example/services/internal/sidecar"
)

// ownersID is the document, below the prefix "outbox/", that lists the owners.
const ownersID = "owners"

// living returns the owner under which to commit: one whose last beat is so recent that nobody
// can have taken it for dead before a commit that begins now is through.
func (o *Outbox) living(ctx context.Context) (string, error) {
	for {
		o.mu.Lock()
		owner, age := o.owner, time.Since(o.lastBeat)
		o.mu.Unlock()
		if owner != "" && age < o.cfg.Lease/2 {
			return owner, nil
		}
		select {
		case o.wake <- struct{}{}: // ask for a beat at once
		default:
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("outbox has no owner: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// keepAlive beats, and looks for owners whose beat stands still.
func (o *Outbox) keepAlive(ctx context.Context) {
	watch := make(map[string]sighting)
	ticks := time.NewTicker(o.cfg.Lease / 5)
	defer ticks.Stop()
	for {
		if err := o.beat(ctx); err != nil && ctx.Err() == nil {
			o.cfg.Log.Warn("outbox owner could not show that it lives; will be tried again", "error", err)
		}
		if err := o.takeOverDead(ctx, watch); err != nil && ctx.Err() == nil {
			o.cfg.Log.Warn("looking after other owners' events failed; will be tried again", "error", err)
		}
		select {
		case <-ticks.C:
		case <-o.wake:
		case <-ctx.Done():
			return
		}
	}
}

// beat shows that this owner lives. An owner that is no longer listed was taken for dead: it goes
// on under a new name.
func (o *Outbox) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, o.cfg.Lease/4)
	defer cancel()
	owner := o.current()
	began := time.Now()
	if owner != "" {
		listed, err := o.owners.Get(ctx, ownersID)
		if err != nil {
			return err
		}
		if _, ok := listed.Since[owner]; !ok {
			o.cfg.Log.Warn("outbox owner was taken for dead; going on under a new name", "owner", owner)
			owner = ""
		}
	}
	fresh := owner == ""
	if fresh {
		owner = uuid.NewString()
	}
	row, err := json.Marshal(began)
	if err != nil {
		return err
	}
	if err := o.cfg.State.Transact(ctx, []sidecar.Item{{Key: beatKey(owner), Data: row}}, nil); err != nil {
		return err
	}
	if fresh {
		if _, err := o.owners.Update(ctx, ownersID, func(doc *owners) error {
			if doc.Since == nil {
				doc.Since = make(map[string]time.Time)
			}
			doc.Since[owner] = began.UTC()
			return nil
		}); err != nil {
			return err
		}
	}
	o.mu.Lock()
	o.owner, o.lastBeat = owner, began
	o.mu.Unlock()
	return nil
}

// sighting is a beat and when this process first saw it.
type sighting struct {
	beat string
	at   time.Time
}

// takeOverDead publishes what dead owners left behind and strikes them off the list.
func (o *Outbox) takeOverDead(ctx context.Context, watch map[string]sighting) error {
	listed, err := o.owners.Get(ctx, ownersID)
	if err != nil {
		return err
	}
	for owner := range listed.Since {
		if owner == o.current() {
			continue
		}
		beat, err := o.cfg.State.Get(ctx, beatKey(owner))
		if err != nil {
			return err
		}
		seen, known := watch[owner]
		if !known || seen.beat != string(beat.Data) {
			watch[owner] = sighting{beat: string(beat.Data), at: time.Now()}
			continue
		}
		if time.Since(seen.at) < o.cfg.Lease {
			continue
		}
		if err := o.takeOver(ctx, owner); err != nil {
			return fmt.Errorf("take over %s: %w", owner, err)
		}
		delete(watch, owner)
	}
	return nil
}

// takeOver applies and publishes all that is in a dead owner's slots. Two replicas may do so at
// once: then the events are published twice, as they may be.
func (o *Outbox) takeOver(ctx context.Context, owner string) error {
	keys := make([]string, slots)
	for slot := range slots {
		keys[slot] = slotKey(owner, slot)
	}
	values, err := o.cfg.State.GetMany(ctx, keys)
	if err != nil {
		return err
	}
	left := 0
	for _, key := range keys {
		if values[key].Missing() {
			continue
		}
		entry := &stored{key: key}
		if err := json.Unmarshal(values[key].Data, entry); err != nil {
			return fmt.Errorf("decode %q: %w", key, err)
		}
		if err := o.cfg.Apply(ctx, entry.Events, true); err != nil {
			return err
		}
		left += len(entry.Events)
		o.publishUntilTaken(ctx, []*stored{entry})
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	o.cfg.Log.Info("took over a dead owner's outbox", "owner", owner, "events", left)
	return o.strike(ctx, owner)
}

// strike takes an owner off the list.
func (o *Outbox) strike(ctx context.Context, owner string) error {
	if _, err := o.owners.Update(ctx, ownersID, func(doc *owners) error {
		delete(doc.Since, owner)
		return nil
	}); err != nil {
		return err
	}
	return o.cfg.State.Transact(ctx, nil, []string{beatKey(owner)})
}

// leave strikes this owner off the list, when nothing of it is left.
func (o *Outbox) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	o.mu.Lock()
	owner := o.owner
	o.owner = ""
	o.mu.Unlock()
	if owner == "" {
		return
	}
	if err := o.strike(ctx, owner); err != nil {
		o.cfg.Log.Info("outbox owner not struck off; its lease will run out", "error", err)
	}
}

func (o *Outbox) current() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.owner
}

// Ready returns nil once commits can be stored.
func (o *Outbox) Ready(context.Context) error {
	if o.current() == "" {
		return errors.New("outbox has no owner yet")
	}
	return nil
}
