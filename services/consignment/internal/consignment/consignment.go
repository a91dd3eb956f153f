// Package consignment books freight. It is the rules and the order of things; vessels, depots and
// storage are behind ports.
package consignment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"seaport.example/services/internal/failure"
)

// Status is where a consignment stands.
type Status string

// The statuses.
const (
	Booked    Status = "booked"
	Cancelled Status = "cancelled"
)

// Consignment is freight that travels together on one vessel.
type Consignment struct {
	ID           string      `json:"id"`
	Customer     string      `json:"customer"`
	Description  string      `json:"description"`
	Weight       int32       `json:"weight"` // kilograms
	Containers   []Container `json:"containers"`
	Vessel       string      `json:"vessel"`
	Status       Status      `json:"status"`
	StatusReason string      `json:"status_reason,omitempty"`
	CreateTime   time.Time   `json:"create_time"`
	UpdateTime   time.Time   `json:"update_time"`
	// Lot is the lot whose holds its room and containers are part of; empty: it has holds of its own.
	Lot string `json:"lot,omitempty"`
	// Fingerprint tells a retry of the same order from another order with the same request id.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Exists says whether this is a consignment at all: the zero Consignment is not.
func (c *Consignment) Exists() bool { return c.ID != "" }

// Container is one container of a consignment.
type Container struct {
	ID       string `json:"id"`
	Customer string `json:"customer,omitempty"`
	Origin   string `json:"origin"`
	User     string `json:"user,omitempty"`
}

// Pickup is a number of containers at one origin.
type Pickup struct {
	Origin     string
	Containers int
}

// Pickups adds up the containers by origin, in the order of first mention.
func (c *Consignment) Pickups() []Pickup {
	var all sums
	for _, container := range c.Containers {
		all.add(container.Origin)
	}
	return all.pickups
}

// Cancel changes the status, once.
func (c *Consignment) Cancel(reason string, at time.Time) {
	if c.Status != Cancelled {
		c.Status, c.StatusReason, c.UpdateTime = Cancelled, reason, at
	}
}

// Order is what a customer wants booked.
type Order struct {
	Customer    string
	Description string
	Weight      int32 // kilograms
	Containers  []Container
	Wished      string // a vessel's id; empty: the best fit
	RequestID   string // chosen by the customer; empty: none

	written *Order // as it was written, if that is not the normal form
}

// Limits of an order.
const (
	maxContainers  = 1000
	maxDescription = 1000
	maxName        = 128
	maxOrigin      = 200
	maxReason      = 500
)

// nobody owns a consignment that names no customer at all.
const nobody = "unknown"

// complete fills in whose order it is where it is not known who calls (SEAPORT_INSECURE).
func (o *Order) complete() {
	if o.Customer == "" && len(o.Containers) > 0 {
		o.Customer = o.Containers[0].User
		if o.Customer == "" {
			o.Customer = o.Containers[0].Customer
		}
	}
	if o.Customer == "" {
		o.Customer = nobody
	}
	o.normalize()
}

// Check returns what is wrong with an order: INVALID_ARGUMENT naming every field at fault, up to
// ten of them.
func (o *Order) Check() error {
	var wrong []*failure.Error
	note := func(err *failure.Error) {
		if err != nil && len(wrong) < 10 {
			wrong = append(wrong, err)
		}
	}
	note(failure.Longest("description", o.Description, maxDescription))
	if o.Weight <= 0 {
		note(failure.Invalid("weight", "must be above zero kilograms, not %d", o.Weight))
	}
	switch n := len(o.Containers); {
	case n == 0:
		note(failure.Invalid("containers", "must not be empty: a consignment fills at least one"))
	case n > maxContainers:
		note(failure.Invalid("containers", "at most %d in one consignment, not %d", maxContainers, n))
	default:
		o.checkContainers(note)
	}
	if o.Wished != "" {
		note(failure.Text("vessel_id", o.Wished, maxName))
	}
	note(failure.Text("customer_id", o.Customer, maxName))
	note(failure.Longest("request_id", o.RequestID, maxName))
	return failure.All(wrong...)
}

func (o *Order) checkContainers(note func(*failure.Error)) {
	seen := make(map[string]int, len(o.Containers))
	for i, c := range o.Containers {
		field := func(name string) string { return fmt.Sprintf("containers[%d].%s", i, name) }
		note(failure.Text(field("origin"), c.Origin, maxOrigin))
		if c.ID != "" {
			note(failure.Text(field("id"), c.ID, maxName))
			if first, again := seen[c.ID]; again {
				note(failure.Invalid(field("id"), "is that of containers[%d] already", first))
			}
			seen[c.ID] = i
		}
		if c.Customer != "" {
			note(failure.Text(field("customer_id"), c.Customer, maxName))
		}
		if c.User != "" {
			note(failure.Text(field("user_id"), c.User, maxName))
		}
	}
}

// booking returns what is to be booked for an order.
func (o *Order) booking(id string, now time.Time) Booking {
	c := Consignment{
		ID: id, Customer: o.Customer, Description: o.Description, Weight: o.Weight, Status: Booked,
		Containers: make([]Container, len(o.Containers)), CreateTime: now, UpdateTime: now,
	}
	for i, container := range o.Containers {
		if container.ID == "" {
			container.ID = fmt.Sprintf("%s-%d", id, i+1)
		}
		c.Containers[i] = container
	}
	if o.RequestID != "" {
		c.Fingerprint = o.fingerprint()
	}
	return Booking{Consignment: c, Wished: o.Wished}
}

// derivedID returns the id of the booking that a customer's request id stands for: a UUID of
// version 8 (RFC 9562, section 5.8), made from their hash.
func (o *Order) derivedID() string {
	sum := sha256.Sum256([]byte("consignment/1\x00" + o.Customer + "\x00" + o.RequestID))
	return uuid8(sum[:])
}

// uuid8 makes a UUID of version 8 of a hash.
func uuid8(sum []byte) string {
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (o *Order) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %q", o.Description, o.Weight, o.Wished)
	for _, c := range o.Containers {
		fmt.Fprintf(h, " %q %q %q %q", c.ID, c.Customer, c.Origin, c.User)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func pickupField(i int) string    { return fmt.Sprintf("pickups[%d].", i) }
func containerField(i int) string { return fmt.Sprintf("containers[%d]", i) }
