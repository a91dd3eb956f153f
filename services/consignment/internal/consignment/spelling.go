package consignment

import (
	"context"
	"slices"

	"seaport.example/services/internal/normalize"
)

// normalize brings every name of an order into its normal form ([normalize.Name]).
func (o *Order) normalize() {
	written := *o
	changed := false
	name := func(s *string) {
		normal := normalize.Name(*s)
		changed = changed || normal != *s
		*s = normal
	}
	o.Containers = slices.Clone(o.Containers)
	name(&o.Customer)
	name(&o.Wished)
	name(&o.RequestID)
	for i := range o.Containers {
		c := &o.Containers[i]
		name(&c.ID)
		name(&c.Customer)
		name(&c.Origin)
		name(&c.User)
	}
	if changed {
		o.written = &written
	}
}

// is reports whether a fingerprint is the order's: of its normal form or, booked before names had one, as it
// is written.
func (o *Order) is(fingerprint string) bool {
	return fingerprint == o.fingerprint() || o.written != nil && fingerprint == o.written.fingerprint()
}

// earlier returns what was booked for an order before names had a normal form, when its customer and request
// id had another spelling; nil when nothing was.
func (b *Bookings) earlier(ctx context.Context, o *Order) (*Consignment, error) {
	if o.RequestID == "" || o.written == nil || o.written.derivedID() == o.derivedID() {
		return nil, nil //nolint:nilnil // nothing was booked, which is no error
	}
	c, err := b.Store.Get(ctx, o.written.derivedID())
	if err != nil || !c.Exists() {
		return nil, err
	}
	return &c, nil
}

// spelling returns the name under which a customer's consignments are listed: its normal form or, if there are
// none and others were booked before names had one, as it is written.
func (b *Bookings) spelling(ctx context.Context, customer string) (string, error) {
	normal := normalize.Name(customer)
	if normal == customer {
		return normal, nil
	}
	ids, _, err := b.Store.Page(ctx, normal, 1, "")
	if err == nil && len(ids) == 0 {
		return customer, nil
	}
	return normal, err
}
