package edge

import (
	"os"
	"runtime/debug"
)

// memoryLimit is where the collector begins to work harder: boards have little memory,
// and a backlog that drains would let the heap double for nothing. It is soft: what is
// needed is taken all the same.
const memoryLimit = 20 << 20

// limitMemory sets the limit, unless GOMEMLIMIT in the environment does.
func limitMemory() {
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(memoryLimit)
	}
}
