package importing

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	opsv1 "seaport.example/proto/seaport/ops/v1"
	"seaport.example/tests/audit"
	"seaport.example/tests/freight"
	"seaport.example/tests/platform"
)

const manyLines = 100_000

// BenchmarkImport imports 100,000 lines by the command line, beside the floor of `seaport bench`: pings through the
// same sidecars, by one caller and by 64. Memory is what each process had at most.
func BenchmarkImport(b *testing.B) {
	p := platform.Start(b, "--no-seed")
	c := p.Client(b)
	for b.Loop() {
		freight.Vessel(b, c, manyLines, 1_000_000_000)
		depot := freight.Depot(b, c, manyLines)
		file := write(b, "orders.csv", table(manyLines, freight.Customer(), depot))
		one, many := pings(b, c, 1), pings(b, c, 64)
		operator := p.As(b, platform.Operator)

		began := time.Now()
		outcome := operator.Begin(b, "", "consignment", "import", file).Wait(b)
		took := time.Since(began)
		if outcome.Exit != 0 {
			b.Fatalf("exit %d: %s%s", outcome.Exit, outcome.Stdout, outcome.Stderr)
		}
		audit.Wait(b, p, c, time.Minute) // what the import leaves to do is done, and right
		one, many = (one+pings(b, c, 1))/2, (many+pings(b, c, 64))/2

		rate := manyLines / took.Seconds()
		b.ReportMetric(rate, "lines/s")
		b.ReportMetric(one, "pings/s")
		b.ReportMetric(many, "pings64/s")
		b.ReportMetric(rate/one, "lines:pings")
		b.ReportMetric(rate/many, "lines:pings64")
		b.ReportMetric(float64(p.Memory(b, "consignment"))/1e6, "consignment-MB")
		b.ReportMetric(float64(p.Memory(b, "gateway"))/1e6, "gateway-MB")
		b.ReportMetric(float64(outcome.Memory)/1e6, "command-MB")
	}
}

// pings returns how many pings a second so many callers get answered, each one after the other.
func pings(b *testing.B, c *platform.Client, callers int) float64 {
	b.Helper()
	const duration = 3 * time.Second
	ctx, cancel := context.WithTimeout(b.Context(), duration)
	defer cancel()
	var answered atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for {
				if _, err := c.Ping(ctx, &opsv1.PingRequest{AppId: "consignment"}); err != nil {
					return
				}
				answered.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(answered.Load()) / duration.Seconds()
}
