package latency

import (
	"slices"
	"testing"
	"time"
)

func TestSpreadOf(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	slices.Reverse(hundred)
	tests := []struct {
		name    string
		samples []time.Duration
		want    Spread
	}{
		{"none", nil, Spread{}},
		{"one", []time.Duration{7}, Spread{7, 7, 7, 7, 7}},
		{"two", []time.Duration{9, 1}, Spread{1, 1, 9, 9, 9}},
		{"ten", []time.Duration{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, Spread{1, 5, 9, 10, 10}},
		{"hundred", hundred, Spread{1, 50, 90, 99, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := SpreadOf(tt.samples); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
