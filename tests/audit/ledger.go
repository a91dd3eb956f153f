package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	inventoryv1 "seaport.example/proto/seaport/inventory/v1"
	vesselv1 "seaport.example/proto/seaport/vessel/v1"
	"seaport.example/tests/platform"
)

// amount is containers and kilograms.
type amount struct {
	Containers int64 `json:"containers"`
	Weight     int64 `json:"weight"`
}

func (a *amount) add(other amount) {
	a.Containers += other.Containers
	a.Weight += other.Weight
}

// ledger is what a vessel's or a depot's document says of the promises on it.
type ledger struct {
	Used    amount `json:"used"`
	Entries map[string]struct {
		amount

		Phase string `json:"phase"` // held, confirmed or released
	} `json:"entries"`
}

// thing is a vessel or a depot: its ledger, its rows and what the consignments want of it.
type thing struct {
	name      string
	ledger    ledger
	confirmed map[string]amount // by hold: a consignment or a lot
	released  map[string]bool   // by hold, or by the consignment that is part of one
	wanted    map[string]hold
	cancelled map[string]string // the lot of each cancelled consignment; "" for a hold of its own
	taken     amount            // by all consignments that are not cancelled
}

// hold is what is to be confirmed under one key: a consignment, or all those of a lot.
type hold struct {
	amount

	lot   bool
	alive int // its consignments that are not cancelled
}

// compareFleet holds the vessels against the consignments on them.
func (b *books) compareFleet(ctx context.Context, p *platform.Platform, c *platform.Client) error {
	documents, err := p.ReadRows("vessel", "vessel/")
	if err != nil {
		return err
	}
	shown, err := fleet(ctx, c)
	if err != nil {
		return err
	}
	things := make(map[string]*thing, len(documents))
	for id, document := range documents {
		var v struct {
			Capacity  int64  `json:"capacity"`
			MaxWeight int64  `json:"max_weight"`
			Room      ledger `json:"room"`
		}
		if err := json.Unmarshal(document, &v); err != nil {
			return fmt.Errorf("decoding vessel %s: %w", id, err)
		}
		things[id] = newThing("vessel "+id, v.Room)
		if v.Room.Used.Containers > v.Capacity || v.Room.Used.Weight > v.MaxWeight {
			b.note("vessel %s is oversold: %+v of %d containers and %d kg", id, v.Room.Used, v.Capacity, v.MaxWeight)
		}
		public := shown[id]
		if public == nil {
			b.note("vessel %s is stored and not listed", id)
			continue
		}
		free := amount{int64(public.GetFreeCapacity()), int64(public.GetFreeWeight())}
		if want := (amount{v.Capacity - v.Room.Used.Containers, v.MaxWeight - v.Room.Used.Weight}); free != want && !b.pending {
			b.note("vessel %s shows %+v free and stores %+v", id, free, want)
		}
		if n := public.GetPendingHolds(); n != 0 && !b.pending {
			b.note("vessel %s has %d pending holds", id, n)
		}
	}
	for id, consignment := range b.consignments {
		want := amount{int64(len(consignment.GetContainers())), int64(consignment.GetWeight())}
		b.claim(things, consignment.GetVesselId(), consignment, id, want)
	}
	return b.compareThings(p, "vessel", things)
}

// compareDepots holds the depots against the consignments that have containers from there.
func (b *books) compareDepots(ctx context.Context, p *platform.Platform, c *platform.Client) error {
	documents, err := p.ReadRows("inventory", "depot/")
	if err != nil {
		return err
	}
	shown, err := depots(ctx, c)
	if err != nil {
		return err
	}
	things := make(map[string]*thing, len(documents))
	for key, document := range documents {
		var d struct {
			Origin     string `json:"origin"`
			Stock      int64  `json:"stock"`
			Containers ledger `json:"containers"`
		}
		if err := json.Unmarshal(document, &d); err != nil {
			return fmt.Errorf("decoding depot %s: %w", key, err)
		}
		things[key] = newThing("depot "+d.Origin, d.Containers)
		if d.Containers.Used.Containers > d.Stock {
			b.note("depot %s is oversold: %d of %d containers", d.Origin, d.Containers.Used.Containers, d.Stock)
		}
		public := shown[d.Origin]
		if public == nil {
			b.note("depot %s is stored and not listed", d.Origin)
			continue
		}
		if want := d.Stock - d.Containers.Used.Containers; int64(public.GetFree()) != want && !b.pending {
			b.note("depot %s shows %d free and stores %d", d.Origin, public.GetFree(), want)
		}
		if n := public.GetPendingHolds(); n != 0 && !b.pending {
			b.note("depot %s has %d pending holds", d.Origin, n)
		}
	}
	for id, consignment := range b.consignments {
		pickups := make(map[string]amount)
		for _, container := range consignment.GetContainers() {
			key := depotKey(container.GetOrigin())
			pickups[key] = amount{Containers: pickups[key].Containers + 1}
		}
		for key, want := range pickups {
			b.claim(things, key, consignment, id, want)
		}
	}
	return b.compareThings(p, "inventory", things)
}

func depotKey(origin string) string {
	return url.QueryEscape(strings.ToLower(strings.Join(strings.Fields(origin), " ")))
}

func newThing(name string, l ledger) *thing {
	return &thing{
		name: name, ledger: l, confirmed: make(map[string]amount), released: make(map[string]bool),
		wanted: make(map[string]hold), cancelled: make(map[string]string),
	}
}

// claim notes what a consignment wants of a thing.
func (b *books) claim(things map[string]*thing, key string, c *consignmentv1.Consignment, id string, want amount) {
	t := things[key]
	if t == nil {
		b.note("consignment %s is on %s, which is not stored", id, key)
		return
	}
	lot := b.lots[id]
	cancelled := c.GetStatus() == consignmentv1.ConsignmentStatus_CONSIGNMENT_STATUS_CANCELLED
	if cancelled {
		t.cancelled[id] = lot
	} else {
		t.taken.add(want)
	}
	switch {
	case lot != "": // the hold of a lot is confirmed with all that was booked; parts of it are released
		h := t.wanted[lot]
		h.lot = true
		h.add(want)
		if !cancelled {
			h.alive++
		}
		t.wanted[lot] = h
	case !cancelled:
		t.wanted[id] = hold{amount: want, alive: 1}
	}
}

// compareThings holds ledgers and rows of an app's things against what is booked on them.
func (b *books) compareThings(p *platform.Platform, app string, things map[string]*thing) error {
	confirmed, err := p.ReadRows(app, "confirmed/")
	if err != nil {
		return err
	}
	released, err := p.ReadRows(app, "released/")
	if err != nil {
		return err
	}
	for row, data := range confirmed {
		key, id := cutLast(row)
		var a amount
		if err := json.Unmarshal(data, &a); err != nil || things[key] == nil {
			b.note("row %q of %s cannot be understood: %s (%v)", row, app, data, err)
			continue
		}
		things[key].confirmed[id] = a
	}
	for row := range released {
		key, id := cutLast(row)
		if things[key] == nil {
			b.note("row %q of %s is of nothing", row, app)
			continue
		}
		things[key].released[id] = true
	}
	for _, t := range things {
		b.compareThing(t)
	}
	return nil
}

func cutLast(row string) (key, id string) {
	i := strings.LastIndexByte(row, '/')
	return row[:max(i, 0)], row[i+1:]
}

func (b *books) compareThing(t *thing) {
	for key, want := range t.wanted {
		switch got, ok := t.confirmed[key]; {
		case want.lot && want.alive == 0 && t.released[key]: // it was refused, and all of it cancelled
		case !ok:
			b.note("%s: booking %s is not confirmed", t.name, key)
		case got != want.amount:
			b.note("%s: booking %s is confirmed with %+v, want %+v", t.name, key, got, want.amount)
		case t.released[key]:
			b.note("%s: booking %s is released", t.name, key)
		}
	}
	for id, lot := range t.cancelled {
		if !t.released[id] && (lot == "" || !t.released[lot]) {
			b.note("%s: cancelled consignment %s is not released", t.name, id)
		}
	}
	for id := range t.confirmed {
		if _, cancelled := t.cancelled[id]; !cancelled && t.wanted[id] == (hold{}) {
			b.note("%s: %s is confirmed and not a consignment", t.name, id)
		}
	}
	sum := t.taken
	for id, entry := range t.ledger.Entries {
		_, cancelled := t.cancelled[id]
		switch {
		case entry.Phase == "held" && b.pending && !cancelled && t.wanted[id] == (hold{}):
			sum.add(entry.amount)
		case entry.Phase == "held":
			b.note("%s: a hold of %s is left", t.name, id)
		}
	}
	if t.ledger.Used != sum {
		b.note("%s: %+v used, but the consignments there take %+v", t.name, t.ledger.Used, sum)
	}
}

func fleet(ctx context.Context, c *platform.Client) (map[string]*vesselv1.Vessel, error) {
	found := make(map[string]*vesselv1.Vessel)
	for token := ""; ; {
		page, err := c.ListVessels(ctx, &vesselv1.ListVesselsRequest{PageSize: 200, PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("listing vessels: %w", err)
		}
		for _, v := range page.GetVessels() {
			found[v.GetId()] = v
		}
		if token = page.GetNextPageToken(); token == "" {
			return found, nil
		}
	}
}

func depots(ctx context.Context, c *platform.Client) (map[string]*inventoryv1.Depot, error) {
	found := make(map[string]*inventoryv1.Depot)
	for token := ""; ; {
		page, err := c.ListDepots(ctx, &inventoryv1.ListDepotsRequest{PageSize: 200, PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("listing depots: %w", err)
		}
		for _, d := range page.GetDepots() {
			found[d.GetOrigin()] = d
		}
		if token = page.GetNextPageToken(); token == "" {
			return found, nil
		}
	}
}
