package importing

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const (
	brokenLines = 30_000
	breaks      = 10
)

// An import that is broken off again and again, by kills of whatever takes part in it, and is gone on with
// (--resume) when it was the command itself: every line is booked once, and what is held is what is booked.
func TestImportBrokenOff(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=30s", "--env", "SEAPORT_LEASE=6s")
	c := p.Client(t)
	freight.Vessel(t, c, 2*brokenLines, 1_000_000_000)
	depot := freight.Depot(t, c, 2*brokenLines)
	customer := freight.Customer()
	file := write(t, "orders.csv", table(brokenLines, customer, depot))
	operator := p.As(t, platform.Operator)

	command := operator.Begin(t, "", "consignment", "import", file, "--output", "json")
	ended := make(chan platform.Outcome, 1)
	wait := func(r *platform.Running) { go func() { ended <- r.Wait(t) }() }
	wait(command)
	victims := []string{"seaport", "consignment", "consignment.daprd", "gateway", "gateway.daprd", "vessel", "inventory", "nats", "seaport", "consignment.daprd"}
	rand.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	for n, victim := range victims[:breaks] {
		platform.Wait(t, 2*time.Minute, func() error {
			if far := progress(file); far < (n+1)*brokenLines/(breaks+2) && len(ended) == 0 {
				return fmt.Errorf("it has come to line %d only", far)
			}
			return nil
		})
		if len(ended) > 0 {
			t.Logf("it was over before break %d", n)
			break
		}
		t.Logf("at line %d: %s", progress(file), victim)
		if victim != "seaport" {
			p.WaitRestarted(t, victim, p.Kill(t, victim))
			continue
		}
		command.Kill()
		if o := <-ended; o.Exit == 0 {
			t.Log("it was over just then")
			ended <- o
			break
		}
		command = operator.Begin(t, "", "consignment", "import", file, "--resume", "--output", "json")
		wait(command)
	}
	outcome := <-ended
	if s := parse(t, outcome); outcome.Exit != 0 || s != (summary{brokenLines, brokenLines, 0}) {
		t.Errorf("exit %d, %+v: %s", outcome.Exit, s, outcome.Stderr)
	}
	if found := each(t, c, customer); len(found) != brokenLines {
		t.Errorf("%d of %d lines are booked", len(found), brokenLines)
	}
	audit.Wait(t, p, c, 2*time.Minute)
}

// progress returns how many lines the journal of an import says have a result.
func progress(file string) int {
	var journal struct {
		Lines int `json:"lines"`
	}
	data, err := os.ReadFile(file + ".import.json")
	if err != nil || json.Unmarshal(data, &journal) != nil {
		return 0
	}
	return journal.Lines
}
