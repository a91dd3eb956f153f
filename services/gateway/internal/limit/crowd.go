package limit

import "sync"

// Crowd says how many of something that lasts a key may have at once. Use [NewCrowd].
type Crowd struct {
	most int

	mu     sync.Mutex
	inside map[string]int
}

// NewCrowd returns a crowd that lets in so many of each key.
func NewCrowd(most int) *Crowd { return &Crowd{most: most, inside: make(map[string]int)} }

// Enter lets one more in, until Leave, and says whether it did.
func (c *Crowd) Enter(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inside[key] >= c.most {
		return false
	}
	c.inside[key]++
	return true
}

// Leave makes room for another.
func (c *Crowd) Leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inside[key]--; c.inside[key] == 0 {
		delete(c.inside, key)
	}
}
