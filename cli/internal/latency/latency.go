// Package latency sums up how long calls took.
package latency

import (
	"math"
	"slices"
	"time"
)

// Spread is how a set of durations is spread. The zero value is that of an empty set.
type Spread struct {
	Min, P50, P90, P99, Max time.Duration
}

// SpreadOf returns the spread of the samples, exactly: a percentile is the smallest sample that
// at least that share of the samples does not exceed (nearest rank). It sorts the samples.
func SpreadOf(samples []time.Duration) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	slices.Sort(samples)
	return Spread{
		Min: samples[0],
		P50: rank(samples, 50),
		P90: rank(samples, 90),
		P99: rank(samples, 99),
		Max: samples[len(samples)-1],
	}
}

// rank returns the percentile of sorted samples.
func rank(sorted []time.Duration, percent int) time.Duration {
	nearest := int(math.Ceil(float64(percent*len(sorted)) / 100))
	return sorted[nearest-1]
}
