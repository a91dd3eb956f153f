package inventory

import (
	"context"
	"errors"

	"seaport.example/services/internal/failure"
	"seaport.example/services/internal/ledger"
)

// Lot is consignments that were booked together and share one hold at each depot, whose key is the lot's id.
type Lot struct {
	ID           string
	Pickups      []Pickup // of all of them
	Consignments []string
}

// Freed is a consignment whose containers are given back. They are part of the lot's, if there is one.
type Freed struct {
	Consignment string
	Cancelled   bool     // it never gets the containers again; else it was not booked
	Lot         string   // of a cancelled one; empty: it has holds of its own
	Pickups     []Pickup // how many containers is of interest only with Lot
}

// step is what is to be done with a depot's ledger.
func (f Freed) step(amount ledger.Amount) ledger.Step {
	switch {
	case !f.Cancelled:
		return ledger.Step{Do: ledger.Abandon, ID: f.Consignment}
	case f.Lot == "":
		return ledger.Step{Do: ledger.Release, ID: f.Consignment}
	}
	return ledger.Step{Do: ledger.Return, ID: f.Consignment, Lot: f.Lot, Amount: amount}
}

// Release gives back the containers of consignments, one write a depot, one error a consignment.
func (d *Depots) Release(ctx context.Context, freed []Freed) []error {
	pickups := make([][]Pickup, len(freed))
	for i, f := range freed {
		pickups[i] = f.Pickups
	}
	errs := d.each(ctx, pickups, func(i int, amount ledger.Amount) ledger.Step { return freed[i].step(amount) })
	for i, err := range errs {
		if isNotFound(err) { // nothing can be held there
			errs[i] = nil
		}
	}
	return errs
}

// Confirm makes the holds of booked consignments final, one error a consignment. A hold that
// expired is taken again; where others have the containers by now, the consignment is cancelled.
func (d *Depots) Confirm(ctx context.Context, booked []Wanted) []error {
	errs := d.each(ctx, pickupsOf(booked, func(int) bool { return true }), func(i int, amount ledger.Amount) ledger.Step {
		return ledger.Step{Do: ledger.Confirm, ID: booked[i].Consignment, Amount: amount}
	})
	for i, err := range errs {
		errs[i] = d.cancelRefused(ctx, err, booked[i].Consignment, []string{booked[i].Consignment})
	}
	return errs
}

// ConfirmLots is Confirm for lots, one error a lot: where others have the containers of a depot by now,
// all consignments of the lot are cancelled. A repeat is refused again at that depot, and so goes
// on cancelling; what the lot has at other depots the cancelled consignments return part by part.
func (d *Depots) ConfirmLots(ctx context.Context, booked []Lot) []error {
	pickups := make([][]Pickup, len(booked))
	for i, lot := range booked {
		pickups[i] = lot.Pickups
	}
	errs := d.each(ctx, pickups, func(i int, amount ledger.Amount) ledger.Step {
		return ledger.Step{Do: ledger.ConfirmLot, ID: booked[i].ID, Amount: amount}
	})
	for i, err := range errs {
		errs[i] = d.cancelRefused(ctx, err, booked[i].ID, booked[i].Consignments)
	}
	return errs
}

// cancelRefused cancels consignments when err says that the confirmation of their hold was refused. It returns
// what is left to be told: another err, or that of cancelling.
func (d *Depots) cancelRefused(ctx context.Context, err error, hold string, consignments []string) error {
	refused, ok := errors.AsType[*failure.Error](err)
	if !ok || !refused.IsShort() && !refused.IsNotFound() {
		return err
	}
	d.Log.Warn("a hold expired and its containers are gone: cancelling", "hold", hold, "consignments", len(consignments), "error", refused)
	return d.Consignments.Cancel(ctx, consignments, "its containers were given to others before the booking was confirmed")
}
