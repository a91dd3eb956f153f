package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"seaport.example/services/consignment/internal/consignment"
	"seaport.example/services/internal/seat"
	"seaport.example/services/internal/sidecar"
)

// claims decides which replica books an id that several may be asked for at once. Each announces
// what it is about to book under the key of its seat, then reads what the others announce, and
// whether the booking is there already. It goes on only with what nobody else announces; where two
// meet, both withdraw and try again. Of two that both go on, the one that read first would have read
// before the other wrote, and so would the other: there is no such order.
type claims struct {
	state State
	seat  *seat.Seat
	now   func() time.Time

	writing sync.Mutex // one announcement at a time, so that none overtakes a newer one

	mu   sync.Mutex
	mine map[string]int64 // what this replica announces, and until when (Unix milliseconds)
}

// claimTTL is how long an announcement counts whose booking came to no certain end. Every booking
// that began under it is through by then, or never will be.
const claimTTL = 20 * time.Second

// announced is the document of a seat.
type announced struct {
	Term  string           `json:"term,omitempty"` // of the seat when it was announced
	Until map[string]int64 `json:"until"`
}

func newClaims(state State, held *seat.Seat, now func() time.Time) *claims {
	return &claims{state: state, seat: held, now: now, mine: make(map[string]int64)}
}

// take announces ids and returns what is known of each: booked, this replica's to book, or another's.
func (c *claims) take(ctx context.Context, ids []string) ([]consignment.Claim, error) {
	held, err := c.seat.Current(ctx)
	if err != nil {
		return nil, err
	}
	uncertain := c.add(ids)
	answers, err := c.decide(ctx, held, ids, uncertain)
	if err != nil {
		c.withdraw(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return uncertain[id] }))
	}
	return answers, err
}

func (c *claims) decide(ctx context.Context, held seat.Held, ids []string, uncertain map[string]bool) ([]consignment.Claim, error) {
	if err := c.announce(ctx); err != nil {
		return nil, err
	}
	values, others, err := c.read(ctx, held, ids)
	if err != nil {
		return nil, err
	}
	answers := make([]consignment.Claim, len(ids))
	var back []string
	yielded := false
	for i, id := range ids {
		row := values[keyPrefix+id]
		switch {
		case !row.Missing():
			answers[i].Booked = new(consignment.Consignment)
			if err := json.Unmarshal(row.Data, answers[i].Booked); err != nil {
				return nil, fmt.Errorf("decode consignment %s: %w", id, err)
			}
			back = append(back, id)
		case uncertain[id]: // an attempt of this replica may still be stored: wait for it
		case others[id]:
			back, yielded = append(back, id), true
		default:
			answers[i].Mine = true
		}
	}
	c.withdraw(back)
	if yielded {
		// The other waits for this as this waits for the other: say at once that it is withdrawn.
		return answers, c.announce(ctx)
	}
	return answers, nil
}

// add announces ids, in memory, and returns those that an earlier attempt announced and that came
// to no certain end.
func (c *claims) add(ids []string) (uncertain map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	maps.DeleteFunc(c.mine, func(_ string, until int64) bool { return until < now.UnixMilli() })
	uncertain = make(map[string]bool)
	for _, id := range ids {
		if _, there := c.mine[id]; there {
			uncertain[id] = true
			continue
		}
		c.mine[id] = now.Add(claimTTL).UnixMilli()
	}
	return uncertain
}

func (c *claims) withdraw(ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.mine, id)
	}
}

// announce writes what this replica is about to book.
func (c *claims) announce(ctx context.Context) error {
	held, err := c.seat.Current(ctx)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	data, err := json.Marshal(announced{Term: held.Term, Until: c.mine})
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("encode claims: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.seat.Timeout())
	defer cancel()
	return c.state.Transact(ctx, []sidecar.Item{{Key: claimsKey(held.Number), Data: data}}, nil)
}

// read reads the bookings that are there and returns them with what the others announce.
func (c *claims) read(ctx context.Context, held seat.Held, ids []string) (values map[string]sidecar.Value, others map[string]bool, err error) {
	var keys, rows []string
	for n := range seat.Count {
		if n != held.Number {
			keys = append(keys, claimsKey(n))
		}
	}
	for _, id := range ids {
		rows = append(rows, keyPrefix+id)
	}
	if values, err = c.state.GetMany(ctx, append(keys, rows...)); err != nil {
		return nil, nil, err
	}
	others, alone, err := c.others(held, values)
	if err != nil || alone {
		return values, others, err
	}
	// A store may read the keys of one call at different times: a booking just before it is stored,
	// its claim just after that has ended. So the bookings are read once more, after the claims.
	again, err := c.state.GetMany(ctx, rows)
	maps.Copy(values, again)
	return values, others, err
}

// others returns what the other replicas announce, and whether there are none.
func (c *claims) others(held seat.Held, values map[string]sidecar.Value) (others map[string]bool, alone bool, err error) {
	now := c.now().UnixMilli()
	others, alone = make(map[string]bool), true
	for n := range seat.Count {
		value := values[claimsKey(n)]
		if n == held.Number || value.Missing() {
			continue
		}
		alone = false
		var doc announced
		if err := json.Unmarshal(value.Data, &doc); err != nil {
			return nil, false, fmt.Errorf("decode %q: %w", claimsKey(n), err)
		}
		for id, until := range doc.Until {
			if until >= now {
				others[id] = true
			}
		}
	}
	return others, alone, nil
}

// drop ends claims. Others find a booking that was stored, whatever is announced; one that was
// refused they may try at once.
func (c *claims) drop(ctx context.Context, booked, refused []string) {
	c.withdraw(booked)
	c.withdraw(refused)
	if len(refused) > 0 {
		_ = c.announce(ctx) // an announcement that stays runs out by itself
	}
}

// clear forgets what a replica announced that is gone. What is announced under the same number in another term
// is of a replica that lives.
func (c *claims) clear(ctx context.Context, gone seat.Held) error {
	key := claimsKey(gone.Number)
	value, err := c.state.Get(ctx, key)
	if err != nil || value.Missing() {
		return err
	}
	var doc announced
	if err := json.Unmarshal(value.Data, &doc); err != nil {
		return fmt.Errorf("decode %q: %w", key, err)
	}
	if doc.Term != "" && doc.Term != gone.Term {
		return nil
	}
	return c.state.Transact(ctx, nil, []string{key})
}

func claimsKey(number int) string { return "claims/" + strconv.Itoa(number) }
