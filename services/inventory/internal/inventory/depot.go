// Package inventory is the depots and their empty containers.
package inventory

import (
	"slices"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/normalize"
)

// rememberedRequests is how many stock requests a depot remembers, so that a retry adds once.
const rememberedRequests = 64

// Depot is a place with empty containers and what is promised of them.
type Depot struct {
	Origin     string    `json:"origin"` // as first written
	Stock      int64     `json:"stock"`  // containers ever stocked
	CreateTime time.Time `json:"create_time"`
	Requests   []string  `json:"requests,omitempty"` // the last stock requests
	// Moved is how much of its stock went to the depot that has the normal spelling. Only a depot under an
	// earlier spelling has it; Stock does not count it any more.
	Moved int64 `json:"moved,omitempty"`
	// Received is how much came from each depot under an earlier spelling, by that one's key; Stock counts it.
	Received map[string]int64 `json:"received,omitempty"`

	Containers ledger.Ledger `json:"containers"`
}

// Exists says whether this is a depot at all: the zero Depot is not.
func (d *Depot) Exists() bool { return d.Origin != "" }

// Ledger returns what is promised.
func (d *Depot) Ledger() *ledger.Ledger { return &d.Containers }

// Limit returns what the depot has in all.
func (d *Depot) Limit() ledger.Amount {
	return ledger.Amount{Containers: d.Stock, Weight: ledger.NoWeight}
}

// Free returns how many containers are not promised.
func (d *Depot) Free() int64 { return d.Containers.Free(d.Limit()).Containers }

// maxStock bounds a depot, in containers.
const maxStock = 1_000_000_000

// add stocks containers, once a request.
func (d *Depot) add(containers int64, request string) error {
	if d.remembers(request) {
		return nil
	}
	if d.Stock+containers > maxStock {
		return failure.Invalid("containers", "a depot holds at most %d", maxStock)
	}
	d.Stock += containers
	if request != "" {
		d.Requests = append(d.Requests, request)
		d.Requests = d.Requests[max(0, len(d.Requests)-rememberedRequests):]
	}
	return nil
}

// remembers reports whether a stock request was added already, however it was spelled then.
func (d *Depot) remembers(request string) bool {
	return request != "" && slices.ContainsFunc(d.Requests, func(earlier string) bool { return normalize.Name(earlier) == request })
}

// maxOrigin is how many characters the name of a place has at most.
const maxOrigin = 200
