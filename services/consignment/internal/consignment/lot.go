package consignment

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"time"
)

// Lot is bookings that share their holds: one, as a rule; many, when they are imported together. It
// gets room on one vessel, and containers at every origin, for all of its bookings or none.
type Lot struct {
	// ID is the key of its holds: the consignment's own id, where a booking has holds to itself.
	ID       string
	Bookings []*Booking

	Vessel  string    // that has room for it
	Expires time.Time // the first of its holds
}

// Booking is a consignment on its way to be stored.
type Booking struct {
	Consignment

	Wished string // a vessel's id; empty: the best fit
}

// Wished is the vessel that all of its bookings wish for; empty: the best fit.
func (l *Lot) Wished() string { return l.Bookings[0].Wished }

// Shared says that its consignments share their holds, and are announced together.
func (l *Lot) Shared() bool { return l.ID != l.Bookings[0].ID }

// Weight is that of all its bookings, in kilograms.
func (l *Lot) Weight() int32 {
	var sum int32
	for _, b := range l.Bookings {
		sum += b.Consignment.Weight
	}
	return sum
}

// Containers counts those of all its bookings.
func (l *Lot) Containers() int32 {
	var sum int32
	for _, b := range l.Bookings {
		sum += int32(len(b.Consignment.Containers)) //nolint:gosec // bounded by an order's containers
	}
	return sum
}

// Pickups adds up the containers of all its bookings by origin, in the order of first mention.
func (l *Lot) Pickups() []Pickup {
	var all sums
	for _, b := range l.Bookings {
		for _, container := range b.Consignment.Containers {
			all.add(container.Origin)
		}
	}
	return all.pickups
}

// size is about how many bytes it takes to store it.
func (l *Lot) size() int {
	const perBooking, perContainer = 1 << 10, 128 // besides texts
	sum := 0
	for _, b := range l.Bookings {
		sum += perBooking + len(b.Description)
		for _, c := range b.Consignment.Containers {
			sum += perContainer + len(c.ID) + len(c.Customer) + len(c.User) + 2*len(c.Origin) // once more in the event
		}
	}
	return sum
}

// sums counts containers by origin.
type sums struct {
	pickups []Pickup
	at      map[string]int
}

func (s *sums) add(origin string) {
	i, ok := s.at[origin]
	if !ok {
		if s.at == nil {
			s.at = make(map[string]int)
		}
		i = len(s.pickups)
		s.at[origin] = i
		s.pickups = append(s.pickups, Pickup{Origin: origin})
	}
	s.pickups[i].Containers++
}

// placed tells the bookings of a lot with room what they share.
func (l *Lot) placed() {
	for _, b := range l.Bookings {
		b.Vessel = l.Vessel
		if l.Shared() {
			b.Lot = l.ID
		}
	}
}

// Bounds of a lot.
const (
	maxLot     = 500  // bookings
	maxOrigins = 1000 // containers that may each be from another place
	lotParts   = 8    // that a lot which was refused is tried in
)

// alone gives each booking holds of its own.
func alone(bookings []*Booking) []*Lot {
	lots := make([]*Lot, len(bookings))
	for i, b := range bookings {
		lots[i] = &Lot{ID: b.ID, Bookings: []*Booking{b}}
	}
	return lots
}

// together puts bookings that wish for the same vessel into lots, in their order.
func together(bookings []*Booking) []*Lot {
	open := make(map[string]*Lot) // by wished vessel: the lot that takes more
	weights := make(map[*Lot]int64)
	containers := make(map[*Lot]int)
	var lots []*Lot
	for _, b := range bookings {
		l := open[b.Wished]
		if l == nil || len(l.Bookings) == maxLot || weights[l]+int64(b.Weight) > math.MaxInt32 ||
			containers[l]+len(b.Containers) > maxOrigins {
			l = &Lot{}
			open[b.Wished] = l
			lots = append(lots, l)
		}
		l.Bookings = append(l.Bookings, b)
		weights[l] += int64(b.Weight)
		containers[l] += len(b.Containers)
	}
	for _, l := range lots {
		l.ID = lotID(l.Bookings)
	}
	return lots
}

// parts returns a lot that was refused as smaller ones; none, when it is one booking already.
func (l *Lot) parts() []*Lot {
	n := len(l.Bookings)
	if n == 1 {
		return nil
	}
	var parts []*Lot
	for some := range slices.Chunk(l.Bookings, (n+lotParts-1)/lotParts) {
		parts = append(parts, &Lot{ID: lotID(some), Bookings: some})
	}
	return parts
}

// lotID derives the id of a lot from its bookings: when the same are tried again, they find the holds of
// the first time.
func lotID(bookings []*Booking) string {
	h := sha256.New()
	fmt.Fprint(h, "lot/1")
	for _, b := range bookings {
		fmt.Fprintf(h, "\x00%s", b.ID)
	}
	return uuid8(h.Sum(nil))
}
