package inventory

import (
	"context"
	"net/url"
	"strings"

	"seaport.example/services/internal/normalize"
)

// Key returns what an origin is stored under: its normal form ([normalize.Name]), and case does not matter. Some
// letters compose with a mark only when they are small, so the small letters are brought into normal form too.
func Key(origin string) string {
	return url.QueryEscape(normalize.Name(strings.ToLower(normalize.Name(strings.Join(strings.Fields(origin), " ")))))
}

// earlierKey returns what an origin was stored under before names had a normal form: case and spacing did
// not matter. Of a name in normal form it is almost always the same.
func earlierKey(origin string) string {
	return url.QueryEscape(strings.ToLower(strings.Join(strings.Fields(origin), " ")))
}

// spellings returns the keys under which the depot of an origin may be: one, unless it is written in another
// than the normal form.
func spellings(origin string) []string {
	key, earlier := Key(origin), earlierKey(origin)
	if key == earlier {
		return []string{key}
	}
	return []string{key, earlier}
}

// locate returns how to find the depot of each origin. A consignment that was booked before names had a normal form
// holds its containers in the depot under its own spelling, where there is one: they are confirmed and given
// back there. No such depot is opened any more, so an origin has the same depot every time.
func (d *Depots) locate(ctx context.Context, pickups [][]Pickup) (keyOf func(origin string) string, err error) {
	var earlier []string
	for _, all := range pickups {
		for _, p := range all {
			if keys := spellings(p.Origin); len(keys) > 1 {
				earlier = append(earlier, keys[1])
			}
		}
	}
	if len(earlier) == 0 {
		return Key, nil
	}
	there, err := d.Store.GetMany(ctx, earlier)
	if err != nil {
		return nil, err
	}
	return func(origin string) string {
		if _, ok := there[earlierKey(origin)]; ok {
			return earlierKey(origin)
		}
		return Key(origin)
	}, nil
}

// move brings the free stock of depots under earlier spellings to those under the normal one. What is
// promised stays where it is promised, and is moved when it is given back.
func (d *Depots) move(ctx context.Context, keys []string) error {
	for _, key := range keys {
		origin, err := url.QueryUnescape(key)
		if err != nil || Key(origin) == key {
			continue
		}
		if err := d.moveFrom(ctx, key, Key(origin)); err != nil {
			return err
		}
	}
	return nil
}

// moveFrom moves stock from one depot to another. It is taken from the one before it is in the other, which
// records how much it received: a move that broke off goes on, and no container is in two depots.
func (d *Depots) moveFrom(ctx context.Context, from, to string) error {
	there, err := d.Store.GetMany(ctx, []string{from, to})
	if err != nil {
		return err
	}
	old, target := there[from], there[to]
	if !old.Exists() || old.Free() <= 0 && old.Moved == target.Received[from] {
		return nil
	}
	if !target.Exists() {
		if err := d.Register.Add(ctx, to, d.Now().UTC()); err != nil {
			return err
		}
	}
	moved, err := d.Store.Update(ctx, from, func(doc *Depot) error {
		if free := doc.Free(); free > 0 {
			doc.Stock -= free
			doc.Moved += free
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = d.Store.Update(ctx, to, func(doc *Depot) error {
		if !doc.Exists() {
			doc.Origin, doc.CreateTime = normalize.Name(moved.Origin), moved.CreateTime
		}
		if more := moved.Moved - doc.Received[from]; more > 0 {
			if doc.Received == nil {
				doc.Received = make(map[string]int64)
			}
			doc.Stock += more
			doc.Received[from] = moved.Moved
		}
		return nil
	})
	if err == nil {
		d.Log.Info("containers moved to the depot with the normal spelling", "from", moved.Origin, "moved", moved.Moved)
	}
	return err
}

// unite adds to depots what is still promised in those whose stock they received.
func (d *Depots) unite(ctx context.Context, found map[string]Depot) error {
	var keys []string
	for _, depot := range found {
		for key := range depot.Received {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	earlier, err := d.Store.GetMany(ctx, keys)
	if err != nil {
		return err
	}
	now := d.Now()
	for key, depot := range found {
		for from := range depot.Received {
			old := earlier[from]
			old.Containers.Expire(now)
			depot.Stock += old.Stock
			depot.Containers.Used.Containers += old.Containers.Used.Containers
		}
		found[key] = depot
	}
	return nil
}
