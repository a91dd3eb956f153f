// Package audit compares what Seaport says with what is in its stores: every consignment listed
// once, every booking confirmed by vessel and depots, every total the sum of its parts.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/platform"
)

// Wait waits until the books are closed: everything agrees and no hold is pending. It returns
// every consignment by its id, and fails the test with all that disagrees after limit.
func Wait(t testing.TB, p *platform.Platform, c *platform.Client, limit time.Duration) map[string]*consignmentv1.Consignment {
	t.Helper()
	return wait(t, p, c, limit, false)
}

// WaitHandled is [Wait] but for holds of bookings that never came about: those may still be
// waiting for their expiry.
func WaitHandled(t testing.TB, p *platform.Platform, c *platform.Client, limit time.Duration) map[string]*consignmentv1.Consignment {
	t.Helper()
	return wait(t, p, c, limit, true)
}

func wait(t testing.TB, p *platform.Platform, c *platform.Client, limit time.Duration, pending bool) map[string]*consignmentv1.Consignment {
	t.Helper()
	var found map[string]*consignmentv1.Consignment
	platform.Wait(t, limit, func() error {
		var err error
		found, err = check(t.Context(), p, c, pending)
		return err
	})
	return found
}

func check(ctx context.Context, p *platform.Platform, c *platform.Client, pending bool) (map[string]*consignmentv1.Consignment, error) {
	listed, err := List(ctx, c, "")
	if err != nil {
		return nil, err
	}
	consignments, err := once(listed)
	if err != nil {
		return nil, err
	}
	b := &books{consignments: consignments, pending: pending}
	if err := b.compareLists(ctx, c); err != nil {
		return nil, err
	}
	if err := b.compareRows(p); err != nil {
		return nil, err
	}
	if err := b.compareFleet(ctx, p, c); err != nil {
		return nil, err
	}
	if err := b.compareDepots(ctx, p, c); err != nil {
		return nil, err
	}
	return consignments, b.verdict()
}

// books is one comparison.
type books struct {
	consignments map[string]*consignmentv1.Consignment
	lots         map[string]string // the lot of each consignment that is of one
	pending      bool              // holds that are not confirmed are no problem
	problems     []error
}

func (b *books) note(format string, args ...any) {
	b.problems = append(b.problems, fmt.Errorf(format, args...))
}

// verdict joins the problems, of many the first ones.
func (b *books) verdict() error {
	const most = 12
	if n := len(b.problems); n > most {
		b.problems = append(b.problems[:most], fmt.Errorf("and %d more", n-most))
	}
	return errors.Join(b.problems...)
}

// List returns all consignments of a customer ("" for all), in the order of the list.
func List(ctx context.Context, c *platform.Client, customer string) ([]*consignmentv1.Consignment, error) {
	var all []*consignmentv1.Consignment
	for token := ""; ; {
		page, err := c.ListConsignments(ctx, &consignmentv1.ListConsignmentsRequest{CustomerId: customer, PageSize: 200, PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("listing consignments of %q: %w", customer, err)
		}
		all = append(all, page.GetConsignments()...)
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

// once indexes what is listed; twice in a list is an error.
func once(listed []*consignmentv1.Consignment) (map[string]*consignmentv1.Consignment, error) {
	found := make(map[string]*consignmentv1.Consignment, len(listed))
	var problems []error
	for _, c := range listed {
		if found[c.GetId()] != nil {
			problems = append(problems, fmt.Errorf("consignment %s is listed twice", c.GetId()))
		}
		found[c.GetId()] = c
	}
	return found, errors.Join(problems...)
}

// compareLists holds the lists of the customers against the list of all.
func (b *books) compareLists(ctx context.Context, c *platform.Client) error {
	customers := make(map[string]int)
	for _, consignment := range b.consignments {
		customers[consignment.GetCustomerId()]++
	}
	for _, customer := range slices.Sorted(maps.Keys(customers)) {
		listed, err := List(ctx, c, customer)
		if err != nil {
			return err
		}
		own, err := once(listed)
		if err != nil {
			return fmt.Errorf("list of %s: %w", customer, err)
		}
		if len(own) != customers[customer] {
			b.note("%s has %d consignments in the list of all and %d in the own list", customer, customers[customer], len(own))
		}
		for id, consignment := range own {
			if consignment.GetCustomerId() != customer {
				b.note("consignment %s of %s is in the list of %s", id, consignment.GetCustomerId(), customer)
			}
			if b.consignments[id] == nil {
				b.note("consignment %s is in the list of %s and not in that of all", id, customer)
			}
		}
	}
	return nil
}

// compareRows holds the lists against the rows of the store.
func (b *books) compareRows(p *platform.Platform) error {
	rows, err := p.ReadRows("consignment", "consignment/")
	if err != nil {
		return err
	}
	b.lots = make(map[string]string)
	for id, row := range rows {
		if b.consignments[id] == nil {
			b.note("consignment %s is stored and not listed", id)
		}
		var stored struct {
			Lot string `json:"lot"`
		}
		if err := json.Unmarshal(row, &stored); err != nil {
			return fmt.Errorf("decoding consignment %s: %w", id, err)
		}
		if stored.Lot != "" {
			b.lots[id] = stored.Lot
		}
	}
	for id := range b.consignments {
		if rows[id] == nil {
			b.note("consignment %s is listed and not stored", id)
		}
	}
	return nil
}
