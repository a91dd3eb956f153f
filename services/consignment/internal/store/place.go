package store

import (
	"time"

	"seaport.example/services/consignment/internal/consignment"
)

// place is an entry of the log as it is written down: that a consignment was booked, or that somebody
// tried to cancel it.
type place struct {
	chain   int
	number  int64
	id      string
	attempt time.Time // to cancel; zero for a booking
}

// open says whether it is not known yet what came of an attempt: it is stored, and no attempt is applied.
func (p place) open(c *consignment.Consignment) bool {
	return !p.attempt.IsZero() && c.Status != consignment.Cancelled
}

// as returns the consignment as it was right after this; nil for an attempt to cancel that came too late.
func (p place) as(c *consignment.Consignment) *consignment.Consignment {
	switch {
	case p.attempt.IsZero():
		return c.AsBooked()
	case c.UpdateTime.Equal(p.attempt):
		return c
	}
	return nil
}
