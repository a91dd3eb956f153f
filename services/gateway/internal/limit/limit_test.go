package limit_test

import (
	"strconv"
	"testing"
	"time"

	"seaport.example/services/gateway/internal/limit"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A bucket allows its burst, then one more after each interval, and tells how long to wait.
func TestTake(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		take []int           // how many each time
		at   []time.Duration // when
		want []time.Duration // to wait
	}{
		{"the burst", []int{1, 1, 1, 1}, []time.Duration{0, 0, 0, 0}, []time.Duration{0, 0, 0, time.Second}},
		{"one an interval", []int{3, 1, 1, 1}, []time.Duration{0, 999 * time.Millisecond, time.Second, time.Second}, []time.Duration{0, time.Millisecond, 0, time.Second}},
		{"no more than the burst is saved up", []int{1, 3, 1}, []time.Duration{0, time.Hour, time.Hour}, []time.Duration{0, 0, time.Second}},
		{"many at once", []int{2, 2}, []time.Duration{0, 0}, []time.Duration{0, time.Second}},
		{"more than the burst", []int{50, 1}, []time.Duration{0, 0}, []time.Duration{0, time.Second}},
		{"what is refused takes nothing", []int{2, 2, 2, 1}, []time.Duration{0, 0, 0, 0}, []time.Duration{0, time.Second, time.Second, 0}},
		{"a clock that is put back", []int{3, 1}, []time.Duration{time.Minute, 0}, []time.Duration{0, time.Minute + time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			table := limit.New(limit.Rate{Burst: 3, Every: time.Second}, 10)
			for i, n := range c.take {
				if wait := table.Take("key", n, noon.Add(c.at[i])); wait != c.want[i] {
					t.Errorf("take %d: %d of it: wait %s, want %s", i, n, wait, c.want[i])
				}
			}
			if wait := table.Take("another", 3, noon); wait != 0 {
				t.Errorf("another key waits %s", wait)
			}
		})
	}
}

// All takes from every bucket or from none.
func TestAll(t *testing.T) {
	t.Parallel()
	wide, narrow := limit.New(limit.Rate{Burst: 3, Every: time.Minute}, 10), limit.New(limit.Rate{Burst: 1, Every: time.Second}, 10)
	ask := func(key string) time.Duration {
		return limit.All(noon, limit.Claim{Table: wide, Key: "w"}, limit.Claim{Table: narrow, Key: key})
	}
	for i, c := range []struct {
		key  string
		want time.Duration
	}{{"a", 0}, {"a", time.Second}, {"a", time.Second}, {"b", 0}, {"c", 0}, {"d", time.Minute}} {
		if wait := ask(c.key); wait != c.want {
			t.Errorf("ask %d for %s: wait %s, want %s", i, c.key, wait, c.want)
		}
	}
	if wait := narrow.Take("d", 1, noon); wait != 0 {
		t.Errorf("the refused one took from the bucket behind: wait %s", wait)
	}
}

// A flood of keys neither makes a full table forget who asked too often, nor keeps others out.
func TestFullTable(t *testing.T) {
	t.Parallel()
	const most = 1000
	table := limit.New(limit.Rate{Burst: 5, Every: time.Hour}, most)
	for range 5 {
		table.Take("greedy", 1, noon)
	}
	for i := range 20 * most {
		if wait := table.Take(strconv.Itoa(i), 1, noon); wait != 0 {
			t.Fatalf("key %d is kept out for %s", i, wait)
		}
		if n := table.Len(); n > most {
			t.Fatalf("after key %d it knows %d", i, n)
		}
	}
	if table.Take("greedy", 1, noon) == 0 {
		t.Error("the flood let the greedy one in again")
	}
}

// Buckets that are full again are forgotten while others come: which of them is left to chance, but hardly any
// stays.
func TestIdleIsForgotten(t *testing.T) {
	t.Parallel()
	table := limit.New(limit.Rate{Burst: 1, Every: time.Second}, limit.DefaultKeys)
	for i := range 10_000 {
		table.Take(strconv.Itoa(i), 1, noon)
	}
	if n := table.Len(); n != 10_000 {
		t.Fatalf("it knows %d", n)
	}
	for i := range 10_000 {
		table.Take("later"+strconv.Itoa(i), 1, noon.Add(time.Minute))
	}
	if n := table.Len(); n > 10_100 {
		t.Errorf("it knows %d, and 10,000 of them are in use", n)
	}
}
