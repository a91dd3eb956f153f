package watching

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	consignmentv1 "seaport.example/proto/seaport/consignment/v1"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

// overCLI watches by the command line, which goes on by itself when the watch breaks off.
func overCLI(t *testing.T, caller platform.Caller) func(ctx context.Context, last string, told func(event)) error {
	return func(ctx context.Context, _ string, told func(event)) error {
		command := caller.Begin(t, "", "consignment", "watch")
		for seen := 0; ; {
			lines := strings.SplitAfter(command.Printed(), "\n")
			for ; seen < len(lines)-1; seen++ { // what follows the last newline is not complete
				fields := strings.Fields(lines[seen])
				switch {
				case seen == 0:
					told(event{what: "started"})
				case len(fields) < 5:
					return fmt.Errorf("it prints %q", lines[seen])
				default:
					told(event{what: fields[1], change: &consignmentv1.ConsignmentChange{Consignment: &consignmentv1.Consignment{Id: fields[2]}}})
				}
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond): // it is another process that prints
			}
		}
	}
}

// The command prints what happens, says how to go on, and goes on.
func TestWatchCommand(t *testing.T) {
	p := platform.Shared(t, "--no-seed")
	operator := p.Client(t)
	vessel, depot := freight.Vessel(t, operator, 10, 1_000), freight.Depot(t, operator, 10)
	customer := p.Register(t)
	book := func() string {
		order := freight.Order(vessel, 10, depot)
		order.CustomerId = customer.UserID
		return freight.Book(t, operator, order).GetId()
	}
	printed := func(command *platform.Running, what, id string) {
		t.Helper()
		platform.Wait(t, time.Minute, func() error {
			for line := range strings.Lines(command.Printed()) {
				if fields := strings.Fields(line); len(fields) > 3 && fields[1] == what && fields[2] == id && fields[3] == customer.UserID {
					return nil
				}
			}
			return fmt.Errorf("no line says that %s is %s:\n%s", id, what, command.Printed())
		})
	}
	command := customer.Begin(t, "", "consignment", "watch")
	platform.Wait(t, time.Minute, func() error {
		if command.Printed() == "" {
			return fmt.Errorf("it has not begun")
		}
		return nil
	})
	first := book()
	printed(command, "booked", first)
	outcome := command.Interrupt(t)
	_, from, found := strings.Cut(outcome.Stderr, "--from ")
	if outcome.Exit != 130 || !found {
		t.Fatalf("interrupted: exit %d, %q; want 130 and how to go on", outcome.Exit, outcome.Stderr)
	}

	missed := book()
	if _, err := operator.CancelConsignment(t.Context(), &consignmentv1.CancelConsignmentRequest{Id: first}); err != nil {
		t.Fatal(err)
	}
	command = customer.Begin(t, "", "consignment", "watch", "--from", strings.Fields(from)[0])
	printed(command, "booked", missed)
	printed(command, "cancelled", first)
	if strings.Count(command.Printed(), first) != 1 {
		t.Errorf("it repeats what it told before:\n%s", command.Printed())
	}
	command.Interrupt(t)

	other := p.Register(t)
	if o := other.CLI(t, "", "consignment", "watch", "--from", strings.Fields(from)[0]); o.Exit != 1 || !strings.Contains(o.Stderr, "last_event_id") {
		t.Errorf("another customer goes on from there: exit %d, %q", o.Exit, o.Stderr)
	}
}
