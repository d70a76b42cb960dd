package access

import "sync"

// maxCached bounds the cache: more people than a hub has.
const maxCached = 10_000

// cache remembers who a session or token is. Any change of users, sessions or
// tokens that takes something away empties it: such changes are rare, and a
// cache that is emptied whole cannot be wrong in part.
type cache struct {
	mu         sync.Mutex
	generation uint64
	entries    map[digest]cached
}

type cached struct {
	user    User
	expires int64 // Unix ms; 0 never
}

// get returns the entry, and the generation to hand to put if there is none.
func (c *cache) get(d digest) (e cached, ok bool, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok = c.entries[d]
	return e, ok, c.generation
}

// put adds what was read from the database, unless the cache was emptied since
// the reading began: then it may be stale already.
func (c *cache) put(d digest, e cached, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if c.entries == nil || len(c.entries) >= maxCached {
		c.entries = make(map[digest]cached)
	}
	c.entries[d] = e
}

// empty is called after the change is committed and before its caller is told.
func (c *cache) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.entries = nil
}
