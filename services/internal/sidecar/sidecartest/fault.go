package sidecartest

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"seaport.example/services/internal/sidecar"
)

// Op is what a sidecar is asked to do.
type Op string

// The operations.
const (
	Get      Op = "get"
	GetMany  Op = "get many"
	Put      Op = "put"
	Transact Op = "transact"
	Publish  Op = "publish"
	Metadata Op = "metadata"
	Invoke   Op = "invoke"
	Bind     Op = "bind"
)

// Call is one operation. Its keys are those of the state; for Publish the topic, for Invoke the
// app-id, for Bind the binding.
type Call struct {
	Op   Op
	Keys []string
}

// Fault is what happens to calls before and after they are carried out. The zero values of the
// first four fields match every call.
type Fault struct {
	Op      Op               // the operation
	Key     string           // prefix of one of the call's keys
	Sidecar *sidecar.Sidecar // whose call it is
	Times   int              // how many calls it happens to; 0 means until it is removed

	// Before runs before the call; with an error the call is not carried out. It may block.
	Before func(ctx context.Context, call Call) error
	// After runs once the call is carried out; with an error its answer is lost.
	After func(ctx context.Context, call Call) error
	// Between runs, in a GetMany, after each key but the last: the keys are read in any order.
	Between func()
}

// Away is a Before or After that fails as a sidecar does which is not there.
func Away(context.Context, Call) error { return status.Error(codes.Unavailable, "the fake is away") }

// NotSent is a Before that fails as a call does that never left its process, for want of a connection.
func NotSent(context.Context, Call) error {
	return status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: connect: connection refused"`)
}

// Delay returns a Before or After that takes its time.
func Delay(d time.Duration) func(context.Context, Call) error {
	return func(ctx context.Context, _ Call) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

type fault struct {
	Fault
	left int
}

// Inject has a fault happen, before or after those injected earlier, and returns how to remove it.
func (f *Fake) Inject(what Fault) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	injected := &fault{Fault: what, left: what.Times}
	f.faults = append(f.faults, injected)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(other *fault) bool { return other == injected })
	}
}

// Count returns how often an operation was asked for.
func (f *Fake) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}

// do carries out a call with the faults that happen to it.
func (d *daprd) do(ctx context.Context, op Op, keys []string, carryOut func() error) error {
	return d.doBetween(ctx, op, keys, func(func()) error { return carryOut() })
}

// doBetween is do for a call that is carried out piece by piece.
func (d *daprd) doBetween(ctx context.Context, op Op, keys []string, carryOut func(between func()) error) error {
	call := Call{Op: op, Keys: keys}
	faults := d.happening(call)
	for _, f := range faults {
		if f.Before == nil {
			continue
		}
		if err := f.Before(ctx, call); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	if err := carryOut(func() {
		for _, f := range faults {
			if f.Between != nil {
				f.Between()
			}
		}
	}); err != nil {
		return err
	}
	for _, f := range faults {
		if f.After == nil {
			continue
		}
		if err := f.After(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

func (d *daprd) happening(call Call) (matching []*fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts[call.Op]++
	for _, f := range d.faults {
		if f.matches(d.of, call) && (f.Times == 0 || f.left > 0) {
			f.left--
			matching = append(matching, f)
		}
	}
	return matching
}

func (f *fault) matches(of *sidecar.Sidecar, call Call) bool {
	return (f.Op == "" || f.Op == call.Op) && (f.Sidecar == nil || f.Sidecar == of) &&
		(f.Key == "" || slices.ContainsFunc(call.Keys, func(key string) bool { return strings.HasPrefix(key, f.Key) }))
}
