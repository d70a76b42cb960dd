package access

import "testing"

// What was read from the database before a revocation must not be put into the
// cache after it.
func TestCacheForgetsWhatIsStale(t *testing.T) {
	var c cache
	d := digestOf("x")
	_, _, generation := c.get(d)
	c.empty()
	c.put(d, cached{user: User{ID: "wang"}}, generation)
	if e, ok, _ := c.get(d); ok {
		t.Errorf("a stale entry is in the cache: %+v", e)
	}
	_, _, generation = c.get(d)
	c.put(d, cached{user: User{ID: "wang"}}, generation)
	if _, ok, _ := c.get(d); !ok {
		t.Error("a fresh entry is not in the cache")
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	for i := range 2*maxCached + 1 {
		c.put(digest{byte(i), byte(i >> 8), byte(i >> 16)}, cached{}, 0)
		if len(c.entries) > maxCached {
			t.Fatalf("%d entries, want at most %d", len(c.entries), maxCached)
		}
	}
}
