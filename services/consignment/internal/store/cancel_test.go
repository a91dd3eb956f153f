package store_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"seaport.example/services/consignment/internal/consignment"
)

// Consignments whose events are large are cancelled together with others, and none fails for it.
func TestLargeConsignmentsAreCancelledTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := newMemory(), &broker{}
		r := start(t, m, b)
		const many = 100
		all := make([]*consignment.Consignment, many)
		for i := range all {
			c := booked(fmt.Sprintf("c%03d", i), "cust001")
			c.Containers = nil
			for n := range 1000 {
				c.Containers = append(c.Containers, consignment.Container{ID: fmt.Sprint(n), Origin: fmt.Sprint(strings.Repeat("x", 190), n)})
			}
			if err := r.Commit(t.Context(), inTime, alone(c)); err != nil {
				t.Fatal(err)
			}
			all[i] = c
		}
		errs := make([]error, many)
		var wg sync.WaitGroup
		for i, c := range all {
			wg.Go(func() { errs[i] = r.Cancel(t.Context(), c, "test") })
		}
		wg.Wait()
		for i, c := range all {
			if errs[i] != nil {
				t.Fatalf("%s: %v", c.ID, errs[i])
			}
			if stored, err := r.Get(t.Context(), c.ID); err != nil || stored.Status != consignment.Cancelled {
				t.Errorf("%s is %s, %v", c.ID, stored.Status, err)
			}
		}
	})
}
