package web

import (
	"iter"
	"strings"
)

// Surface lists the patterns of a server's routes with their kind.
func Surface(s *Server) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, r := range s.surface() {
			if !yield(r.pattern, [...]string{"open", "api", "page"}[r.kind]) {
				return
			}
		}
	}
}

// Request is a request that a pattern matches.
func Request(pattern string) (method, target string) {
	method, target, ok := strings.Cut(pattern, " ")
	if !ok {
		method, target = "GET", pattern+"nowhere"
	}
	return method, strings.NewReplacer("{$}", "", "/devices/{id...}", "/devices/beixin/gw-1/b17-meter", "{id}", "a1gas", "{what}", "ack").Replace(target)
}
