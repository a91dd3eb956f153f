// Package vessel is the fleet and the room on it.
package vessel

import (
	"regexp"
	"time"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/normalize"
)

// Vessel is a ship and what is promised of the room on it.
type Vessel struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Capacity   int32     `json:"capacity"`   // containers
	MaxWeight  int32     `json:"max_weight"` // kilograms
	Available  bool      `json:"available"`
	OwnerID    string    `json:"owner_id,omitempty"`
	CreateTime time.Time `json:"create_time"`
	Request    string    `json:"request,omitempty"` // the request that created it

	Room ledger.Ledger `json:"room"`
}

// Exists says whether this is a vessel at all: the zero Vessel is not.
func (v *Vessel) Exists() bool { return v.ID != "" }

// Ledger returns what is promised.
func (v *Vessel) Ledger() *ledger.Ledger { return &v.Room }

// Limit returns what the vessel takes in all.
func (v *Vessel) Limit() ledger.Amount {
	return ledger.Amount{Containers: int64(v.Capacity), Weight: int64(v.MaxWeight)}
}

// Free returns the room that is left.
func (v *Vessel) Free() ledger.Amount { return v.Room.Free(v.Limit()) }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// CheckID returns an error for an id no vessel can have.
func CheckID(field, id string) *failure.Error {
	if !idPattern.MatchString(id) {
		return failure.Invalid(field, "must be 1 to 64 letters, digits, \"-\", \"_\" or \".\"")
	}
	return nil
}

// Check returns what is wrong with a vessel that is to join the fleet.
func (v *Vessel) Check() error {
	var wrong []*failure.Error
	if err := CheckID("id", v.ID); err != nil {
		wrong = append(wrong, err)
	}
	if err := failure.Text("name", v.Name, 200); err != nil {
		wrong = append(wrong, err)
	}
	if v.Capacity <= 0 {
		wrong = append(wrong, failure.Invalid("capacity", "must be above zero containers"))
	}
	if v.MaxWeight <= 0 {
		wrong = append(wrong, failure.Invalid("max_weight", "must be above zero kilograms"))
	}
	if err := failure.Longest("owner_id", v.OwnerID, 128); err != nil {
		wrong = append(wrong, err)
	}
	if err := failure.Longest("request_id", v.Request, 128); err != nil {
		wrong = append(wrong, err)
	}
	return failure.All(wrong...)
}

// sameRequest says that a vessel was created by the request that now comes again.
func (v *Vessel) sameRequest(again *Vessel) bool {
	return v.Request != "" && normalize.Name(v.Request) == again.Request && v.Name == again.Name &&
		v.Capacity == again.Capacity && v.MaxWeight == again.MaxWeight &&
		v.Available == again.Available && normalize.Name(v.OwnerID) == normalize.Name(again.OwnerID)
}
