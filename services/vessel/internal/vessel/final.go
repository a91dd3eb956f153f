package vessel

import (
	"context"
	"slices"

	"seaport.example/services/internal/ledger"
)

// Lot is consignments that were booked together and share one hold, whose key is the lot's id.
type Lot struct {
	ID           string
	Amount       ledger.Amount // of all of them
	Consignments []string
}

// Freed is a consignment whose room is given back. It is part of the lot's, if there is one.
type Freed struct {
	Consignment string
	Cancelled   bool          // it never gets the room again; else it was not booked
	Lot         string        // of a cancelled one; empty: it has a hold of its own
	Part        ledger.Amount // with Lot: how much is given back
}

// step is what is to be done with the vessel's ledger.
func (f Freed) step() ledger.Step {
	switch {
	case !f.Cancelled:
		return ledger.Step{Do: ledger.Abandon, ID: f.Consignment}
	case f.Lot == "":
		return ledger.Step{Do: ledger.Release, ID: f.Consignment}
	}
	return ledger.Step{Do: ledger.Return, ID: f.Consignment, Lot: f.Lot, Amount: f.Part}
}

// Release gives back the room of consignments on a vessel, in one write.
func (f *Fleet) Release(ctx context.Context, id string, freed []Freed) error {
	steps := make([]ledger.Step, len(freed))
	for i, one := range freed {
		steps[i] = one.step()
	}
	stored, _, err := f.Vessels.Apply(ctx, id, steps)
	if err == nil {
		f.learn(stored)
	}
	return err
}

// Confirm makes the holds of booked consignments on a vessel final, one error a consignment. A
// hold that expired is taken again; where others have the room by now, the consignment is
// cancelled.
func (f *Fleet) Confirm(ctx context.Context, id string, booked []Wanted) []error {
	steps := make([]ledger.Step, len(booked))
	for i, b := range booked {
		steps[i] = ledger.Step{Do: ledger.Confirm, ID: b.Consignment, Amount: b.Amount}
	}
	return f.confirm(ctx, id, steps, func(i int) []string { return []string{booked[i].Consignment} })
}

// ConfirmLots is Confirm for lots, one error a lot: where others have the room by now, all
// consignments of the lot are cancelled. A repeat is refused again, and so goes on cancelling.
func (f *Fleet) ConfirmLots(ctx context.Context, id string, booked []Lot) []error {
	steps := make([]ledger.Step, len(booked))
	for i, b := range booked {
		steps[i] = ledger.Step{Do: ledger.ConfirmLot, ID: b.ID, Amount: b.Amount}
	}
	return f.confirm(ctx, id, steps, func(i int) []string { return booked[i].Consignments })
}

// confirm takes steps and cancels the consignments of those that are refused.
func (f *Fleet) confirm(ctx context.Context, id string, steps []ledger.Step, consignments func(i int) []string) []error {
	stored, errs, err := f.Vessels.Apply(ctx, id, steps)
	if err != nil {
		return slices.Repeat([]error{err}, len(steps))
	}
	f.learn(stored)
	for i, refused := range errs {
		if refused == nil {
			continue
		}
		ids := consignments(i)
		f.Log.Warn("a hold expired and its room is gone: cancelling",
			"hold", steps[i].ID, "consignments", len(ids), "vessel", id, "error", refused)
		errs[i] = f.Consignments.Cancel(ctx, ids, "its room on vessel "+id+" was given to others before the booking was confirmed")
	}
	return errs
}
