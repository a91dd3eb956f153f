package holds_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seaport.example/services/internal/ledger"
	"seaport.example/services/internal/sidecar"
	"seaport.example/services/internal/sidecar/sidecartest"
)

// turn is one call of Apply, by the replica that will crash or the one that lives.
type turn struct {
	lives bool
	steps []ledger.Step
	wait  time.Duration
}

// story uses every step of the ledger, by both replicas, with and without time to settle.
func story() []turn {
	return []turn{
		{steps: []ledger.Step{hold("a", 3), hold("b", 2)}},
		{steps: []ledger.Step{confirm("a", 3)}, wait: settled},
		{lives: true, steps: []ledger.Step{hold("c", 1), confirm("b", 2)}},
		{steps: []ledger.Step{release("a"), confirm("c", 1)}},
		{lives: true, steps: []ledger.Step{release("b")}, wait: settled},
		{steps: []ledger.Step{hold("d", 4), release("c"), confirm("a", 3)}},
		{steps: []ledger.Step{confirm("d", 4), hold("e", 1)}, wait: settled},
		{steps: []ledger.Step{abandon("e"), release("f")}},
		{steps: []ledger.Step{hold("u", whole("u")), giveBack("v.1")}},
		{lives: true, steps: []ledger.Step{giveBack("u.1"), confirmLot("v")}},
		{steps: []ledger.Step{confirmLot("u"), giveBack("v.2")}, wait: settled},
		{lives: true, steps: []ledger.Step{giveBack("u.1"), hold("u", whole("u"))}},
		{steps: []ledger.Step{giveBack("u.2"), giveBack("v.1")}, wait: settled},
		{steps: []ledger.Step{giveBack("u.2"), hold("w", 1)}},
	}
}

// TestCrashBetweenWrites has one of two replicas die at each of its writes in turn, before it or
// with its answer lost. The events come again, as they do, to the other one; it sweeps. The books
// must be right all along, and in the end say what the story says.
func TestCrashBetweenWrites(t *testing.T) {
	t.Parallel()
	var writes int64
	synctest.Test(t, func(t *testing.T) { writes = tell(t, -1, false) })
	if writes < 8 {
		t.Fatalf("the story has only %d writes to crash at", writes)
	}
	for at := range writes {
		for _, stored := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, carried out: %v", at, stored), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { tell(t, at, stored) })
			})
		}
	}
}

// tell tells the story with a crash at a write, or none, and returns how many writes the replica
// that may crash made.
func tell(t *testing.T, at int64, stored bool) int64 {
	fake := sidecartest.New()
	launch(t, fake)
	dying, living := fake.Sidecar(t), fake.Sidecar(t)
	writes := crash(fake, dying, at, stored)
	mortal, survivor := keep(dying), keep(living)
	ctx := t.Context()

	for i, turn := range story() {
		k := mortal
		if turn.lives {
			k = survivor
		}
		_, _, err := k.Apply(ctx, "x", turn.steps)
		if err != nil && turn.lives {
			t.Fatalf("turn %d: %v", i, err)
		}
		time.Sleep(turn.wait)
		synctest.Wait()
		read(t, fake).check(t, fmt.Sprintf("after turn %d", i))
	}
	for _, again := range story() { // the same events, delivered to the one that is left
		for _, step := range again.steps {
			if !step.Final() {
				continue
			}
			refused := step.Do == ledger.ConfirmLot && step.ID == "v"
			if _, errs, err := survivor.Apply(ctx, "x", []ledger.Step{step}); err != nil || (errs[0] != nil) != refused {
				t.Fatalf("%+v again: %v, %v; want it refused: %v", step, errs, err, refused)
			}
			read(t, fake).check(t, fmt.Sprintf("after %+v again", step))
		}
	}
	time.Sleep(ttl + time.Second)
	sweep := keep(fake.Sidecar(t)) // who sweeps need not have seen anything
	for range 2 {
		if err := sweep.Sweep(ctx, []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	s := read(t, fake)
	s.check(t, "in the end")
	if s.used != amount(4+parts["u"]["u.3"]) || len(s.entries) != 0 {
		t.Errorf("used is %+v, want what d and the last part of u have; entries %v, want none", s.used, s.entries)
	}
	for _, id := range []string{"a", "b", "c", "f", "v", "u.1", "u.2", "v.1", "v.2"} {
		if !s.released[id] {
			t.Errorf("no row says that %s is released", id)
		}
	}
	for id, containers := range map[string]int64{"d": 4, "u": whole("u")} {
		if s.confirmed[id] != amount(containers) || s.released[id] {
			t.Errorf("%s: confirmed %+v, released %v", id, s.confirmed[id], s.released[id])
		}
	}
	return writes.Load()
}

// crash has a replica's sidecar be gone from one of its writes on.
func crash(fake *sidecartest.Fake, of *sidecar.Sidecar, at int64, stored bool) (writes *atomic.Int64) {
	writes = new(atomic.Int64)
	var dead atomic.Bool
	isWrite := func(call sidecartest.Call) bool {
		return call.Op == sidecartest.Put || call.Op == sidecartest.Transact
	}
	fake.Inject(sidecartest.Fault{
		Sidecar: of,
		Before: func(ctx context.Context, call sidecartest.Call) error {
			if isWrite(call) && !dead.Load() {
				if n := writes.Add(1) - 1; n == at {
					dead.Store(true)
					if stored {
						return nil
					}
				}
			}
			if dead.Load() {
				return sidecartest.Away(ctx, call)
			}
			return nil
		},
		After: func(ctx context.Context, call sidecartest.Call) error {
			if dead.Load() {
				return sidecartest.Away(ctx, call)
			}
			return nil
		},
	})
	return writes
}
