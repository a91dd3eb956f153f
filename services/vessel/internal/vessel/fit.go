package vessel

import (
	"cmp"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
)

// room is the room left on a vessel, as far as is known.
type room struct {
	free      ledger.Amount
	available bool
	inFlight  map[string]ledger.Entry // by consignment; never changed
}

func roomOf(v *Vessel) room {
	return room{free: v.Free(), available: v.Available, inFlight: v.Room.Entries}
}

// bestFit returns the vessel with the least room left that still takes the amount; "" for none.
func bestFit(fleet map[string]room, amount ledger.Amount) string {
	best := ""
	for id, r := range fleet {
		if r.available && r.free.Fits(amount) && (best == "" || tighter(id, r.free, best, fleet[best].free)) {
			best = id
		}
	}
	return best
}

// tighter orders vessels by the room left: containers, then weight, then id.
func tighter(id string, free ledger.Amount, otherID string, other ledger.Amount) bool {
	return cmp.Or(
		cmp.Compare(free.Containers, other.Containers),
		cmp.Compare(free.Weight, other.Weight),
		cmp.Compare(id, otherID),
	) < 0
}

// holds says that the vessel has just the room wanted for the consignment already.
func (r room) holds(w Wanted) bool {
	entry, there := r.inFlight[w.Consignment]
	return there && entry.Phase != ledger.Released && entry.Amount == w.Amount
}

// holders returns the vessel on which each consignment in flight has room.
func holders(fleet map[string]room) map[string]string {
	vessels := make(map[string]string)
	for id, r := range fleet {
		for consignment := range r.inFlight {
			vessels[consignment] = id
		}
	}
	return vessels
}

// noneFits says what is short on every vessel of the fleet.
func noneFits(fleet map[string]room, amount ledger.Amount) error {
	var most ledger.Amount
	vessels := 0
	for _, r := range fleet {
		if r.available {
			vessels++
			most.Containers = max(most.Containers, r.free.Containers)
			most.Weight = max(most.Weight, r.free.Weight)
		}
	}
	if vessels == 0 {
		return failure.Short(failure.ShortOfCapacity, "containers", "no vessel takes freight at present")
	}
	var short []*failure.Error
	if amount.Containers > most.Containers {
		short = append(short, failure.Short(failure.ShortOfCapacity, "containers",
			"no vessel has room for %d containers; the most any has left is %d", amount.Containers, most.Containers))
	}
	if amount.Weight > most.Weight {
		short = append(short, failure.Short(failure.ShortOfWeight, "weight",
			"no vessel takes %d kg more; the most any has left is %d kg", amount.Weight, most.Weight))
	}
	if len(short) == 0 {
		short = append(short, failure.Short(failure.ShortOfCapacity, "containers",
			"no vessel has room for %d containers and %d kg together", amount.Containers, amount.Weight))
	}
	return failure.All(short...)
}

// onWished words a shortage on the vessel that was wished for.
func onWished(id string, free, amount ledger.Amount) error {
	var short []*failure.Error
	if amount.Containers > free.Containers {
		short = append(short, failure.Short(failure.ShortOfCapacity, "containers",
			"vessel %s has room for %d containers, %d wanted", id, max(free.Containers, 0), amount.Containers))
	}
	if amount.Weight > free.Weight {
		short = append(short, failure.Short(failure.ShortOfWeight, "weight",
			"vessel %s takes %d kg more, %d kg wanted", id, max(free.Weight, 0), amount.Weight))
	}
	return failure.All(short...)
}
