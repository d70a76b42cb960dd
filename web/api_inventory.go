package web

import (
	"net/http"
	"slices"
)

// paged cuts a list sorted by ID to the page that ?after= and ?limit= ask for.
// Inventory lists are whole by default: a community has some thousand devices.
func paged[T any](p *params, items []T, id func(T) string) list[T] {
	after, limit := p.get("after"), p.integer("limit", 1, 100_000, 100_000)
	if after != "" {
		i, found := slices.BinarySearchFunc(items, after, func(t T, want string) int {
			switch got := id(t); {
			case got < want:
				return -1
			case got > want:
				return 1
			}
			return 0
		})
		if found {
			i++
		}
		items = items[i:]
	}
	if len(items) > limit {
		return newList(items[:limit], id(items[limit-1]))
	}
	return newList(items, "")
}

func (s *Server) listDevices(w http.ResponseWriter, r *http.Request, _ User) error {
	all, err := s.Inventory.Devices(r.Context())
	if err != nil {
		return err
	}
	p := newParams(r.URL.Query())
	place, node := p.get("place"), p.get("node")
	items := make([]Device, 0, len(all))
	for _, d := range all {
		if (place == "" || d.Place == place) && (node == "" || d.Node == node) {
			d.Values, d.Bad = orEmpty(d.Values), orZero(d.Bad)
			items = append(items, d)
		}
	}
	return answer(w, p, paged(p, items, func(d Device) string { return d.ID }))
}

func (s *Server) listPlaces(w http.ResponseWriter, r *http.Request, _ User) error {
	all, err := s.Inventory.Places(r.Context())
	if err != nil {
		return err
	}
	p := newParams(r.URL.Query())
	state := p.oneOf("state", allPlaces)
	items := make([]Place, 0, len(all))
	for _, pl := range all {
		if state == "" || pl.State == state {
			pl.Path, pl.Devices = orEmpty(pl.Path), orEmpty(pl.Devices)
			items = append(items, pl)
		}
	}
	return answer(w, p, paged(p, items, func(pl Place) string { return pl.ID }))
}

func (s *Server) listNodes(w http.ResponseWriter, r *http.Request, _ User) error {
	items, err := s.Inventory.Nodes(r.Context())
	if err != nil {
		return err
	}
	items = slices.Clone(items)
	for i := range items {
		items[i].Bad = orZero(items[i].Bad)
	}
	p := newParams(r.URL.Query())
	return answer(w, p, paged(p, items, func(n Node) string { return n.ID }))
}

func (s *Server) listGaps(w http.ResponseWriter, r *http.Request, _ User) error {
	items, err := s.Inventory.Gaps(r.Context())
	if err != nil {
		return err
	}
	return answer(w, newParams(r.URL.Query()), newList(items, ""))
}

func (s *Server) listDuty(w http.ResponseWriter, r *http.Request, _ User) error {
	items, err := s.Duty.OnDuty(r.Context())
	if err != nil {
		return err
	}
	items = slices.Clone(items)
	for i := range items {
		items[i].OnDuty = orEmpty(items[i].OnDuty)
	}
	return answer(w, newParams(r.URL.Query()), newList(items, ""))
}

// answer writes v unless the parameters were wrong.
func answer(w http.ResponseWriter, p *params, v any) error {
	if err := p.err(); err != nil {
		return err
	}
	return writeJSON(w, v)
}

func orZero(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}
