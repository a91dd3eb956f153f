// Package bench measures a running Seaport: what a booking costs beside the floor, the cheapest
// call that takes the same way through the gateway and two sidecars. Both are measured by turns in
// short slices, so that both see the same machine in the same condition.
package bench

import (
	"errors"
	"fmt"
	"time"
)

// maxCallers keeps a slip of the finger from taking the machine down.
const maxCallers = 10_000

// Plan says what to measure.
type Plan struct {
	App      string        // the service that is pinged, by its app id
	Callers  []int         // how many call at once: one row of the report each
	Duration time.Duration // of pings, and again of bookings, for each row; or 0
	Count    int           // of pings, and again of bookings, for each row, when Duration is 0
	Warmup   time.Duration // of each kind before each row, not measured; may be 0
}

// Check says what is wrong with the plan, naming the flag at fault.
func (p Plan) Check() error {
	switch {
	case p.App == "":
		return errors.New("--app: must not be empty")
	case len(p.Callers) == 0:
		return errors.New("--callers: must name at least one number")
	case p.Duration < 0 || p.Duration == 0 && p.Count <= 0:
		return errors.New("--duration: must be above zero, for instance 5s")
	case p.Warmup < 0:
		return errors.New("--warmup: must not be negative")
	}
	for _, n := range p.Callers {
		if n < 1 || n > maxCallers {
			return fmt.Errorf("--callers: %d is not between 1 and %d", n, maxCallers)
		}
		if p.Duration == 0 && p.Count < n {
			return fmt.Errorf("--count: %d calls are too few for %d callers", p.Count, n)
		}
	}
	return nil
}

// quota is how long, or how many calls, one slice goes on.
type quota struct {
	length time.Duration // or 0
	calls  int           // when length is 0
}

const (
	// shortestSlice is how long a slice is meant to be: short beside what disturbs a machine.
	shortestSlice = 500 * time.Millisecond
	// callsInSlice is how many calls, one after the other, a slice is meant to have room for:
	// its first and its last, which find the platform idle, must not make the figures.
	callsInSlice = 10
)

// slices divides a row. Pings and bookings each get all of the slices. Usual is how long a call
// takes, as far as it is known.
func (p Plan) slices(callers int, usual time.Duration) []quota {
	if p.Duration > 0 {
		length := max(shortestSlice, callsInSlice*usual)
		n := max(1, int((p.Duration+length/2)/length))
		parts := make([]quota, n)
		for i := range parts {
			parts[i].length = p.Duration / time.Duration(n)
		}
		return parts
	}
	n := min(10, max(1, p.Count/(callers*callsInSlice)))
	parts := make([]quota, n)
	for i := range parts {
		parts[i].calls = p.Count / n
		if i < p.Count%n {
			parts[i].calls++
		}
	}
	return parts
}
