package process

import (
	"slices"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name    string
		uptimes []time.Duration
		want    []time.Duration
	}{
		{"grows to its limit", make([]time.Duration, 8), []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 10_000 * ms, 10_000 * ms}},
		{"forgives after a long run", []time.Duration{0, 0, forgiveAfter, 0}, []time.Duration{200 * ms, 400 * ms, 200 * ms, 400 * ms}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var wait backoff
			var got []time.Duration
			for _, uptime := range test.uptimes {
				got = append(got, wait.next(uptime))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("delays = %v, want %v", got, test.want)
			}
		})
	}
}
