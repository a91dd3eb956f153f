package process

import "time"

// backoff says how long to wait before the next start. A process that ran long enough is forgiven
// its earlier crashes.
type backoff struct {
	crashes int
}

const (
	shortestDelay = 200 * time.Millisecond
	longestDelay  = 10 * time.Second
	forgiveAfter  = 15 * time.Second
)

// next counts a crash after uptime and returns the delay: 0.2 s, doubled with each crash, at most 10 s.
func (b *backoff) next(uptime time.Duration) time.Duration {
	if uptime >= forgiveAfter {
		b.crashes = 0
	}
	b.crashes++
	delay := shortestDelay
	for range b.crashes - 1 {
		if delay *= 2; delay >= longestDelay {
			return longestDelay
		}
	}
	return delay
}
