package importing

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const brokenLines = 60_000

// An import that is broken off again and again, by kills of whatever takes part in it, and is gone on with
// (--resume) whenever the command itself ends: every line is booked once, and what is held is what is booked.
func TestImportBrokenOff(t *testing.T) {
	p := platform.Start(t, "--no-seed", "--env", "SEAPORT_HOLD_TTL=30s", "--env", "SEAPORT_LEASE=6s")
	c := p.Client(t)
	freight.Vessel(t, c, 2*brokenLines, 1_000_000_000)
	depot := freight.Depot(t, c, 2*brokenLines)
	customer := freight.Customer()
	i := &insisting{t: t, caller: p.As(t, platform.Operator), file: write(t, "orders.csv", table(brokenLines, customer, depot))}
	over := i.start()

	victims := []string{"seaport", "consignment", "consignment.daprd", "gateway", "gateway.daprd", "vessel", "inventory", "nats", "seaport", "consignment.daprd"}
	rand.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	for n, victim := range victims {
		platform.Wait(t, 2*time.Minute, func() error {
			if far := progress(i.file); far < (n+1)*brokenLines/(len(victims)+2) && len(over) == 0 {
				return fmt.Errorf("it has come to line %d only", far)
			}
			return nil
		})
		if len(over) > 0 {
			t.Logf("it was over before break %d", n)
			break
		}
		t.Logf("at line %d: %s", progress(i.file), victim)
		if victim == "seaport" {
			i.kill()
		} else {
			p.WaitRestarted(t, victim, p.Kill(t, victim))
		}
	}
	outcome := <-over
	if s := parse(t, outcome); outcome.Exit != 0 || s != (summary{brokenLines, brokenLines, 0}) {
		t.Errorf("exit %d, %+v: %s", outcome.Exit, s, outcome.Stderr)
	}
	t.Logf("it took %d commands", i.commands)
	if found := each(t, c, customer); len(found) != brokenLines {
		t.Errorf("%d of %d lines are booked", len(found), brokenLines)
	}
	audit.Wait(t, p, c, 2*time.Minute)
}

// insisting is an import that is gone on with until it is over.
type insisting struct {
	t        *testing.T
	caller   platform.Caller
	file     string
	commands int

	mu      sync.Mutex
	running *platform.Running
}

// start begins it, and sends how it ended.
func (i *insisting) start() <-chan platform.Outcome {
	over := make(chan platform.Outcome, 1)
	begin := func(flags ...string) *platform.Running {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.commands++
		i.running = i.caller.Begin(i.t, "", append([]string{"consignment", "import", i.file, "--output", "json"}, flags...)...)
		return i.running
	}
	running := begin()
	go func() {
		for {
			outcome := running.Wait(i.t)
			if unreached := outcome.Exit == 3; outcome.Exit != -1 && !unreached || i.commands > 50 {
				over <- outcome
				return
			}
			running = begin("--resume")
		}
	}()
	return over
}

// kill kills the command that is running.
func (i *insisting) kill() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running.Kill()
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
