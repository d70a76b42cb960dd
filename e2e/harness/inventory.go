package harness

import "fmt"

// Device is what tests read of one.
type Device struct {
	ID        string           `json:"id"`
	Place     string           `json:"place"`
	Placement string           `json:"placement"`
	InSite    bool             `json:"in_site"`
	Online    bool             `json:"online"`
	Values    []Value          `json:"values"`
	Bad       map[string]int64 `json:"bad"`
}

// Value is the newest reading of a device's metric.
type Value struct {
	Metric  string  `json:"metric"`
	Unit    string  `json:"unit"`
	Value   float64 `json:"value"`
	Quality string  `json:"quality"`
}

// Last is the newest value of a metric.
func (d Device) Last(metric string) (Value, bool) {
	for _, v := range d.Values {
		if v.Metric == metric {
			return v, true
		}
	}
	return Value{}, false
}

// Place is what tests read of one.
type Place struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Reason string `json:"reason"`
}

// Node is what tests read of a gateway.
type Node struct {
	ID     string           `json:"id"`
	Online bool             `json:"online"`
	Ours   bool             `json:"ours"`
	Bad    map[string]int64 `json:"bad"`
}

// Device finds a device by its full ID.
func (a API) Device(id string) (Device, error) {
	return find(a, "devices", id, func(d Device) string { return d.ID })
}

// Place finds a place.
func (a API) Place(id string) (Place, error) {
	return find(a, "places", id, func(p Place) string { return p.ID })
}

// Node finds a gateway, "group/node".
func (a API) Node(id string) (Node, error) {
	return find(a, "gateways", id, func(n Node) string { return n.ID })
}

func find[T any](a API, list, id string, of func(T) string) (T, error) {
	var all struct{ Items []T }
	var none T
	if err := a.Get("/api/v1/"+list, &all); err != nil {
		return none, err
	}
	var there []string
	for _, x := range all.Items {
		if of(x) == id {
			return x, nil
		}
		there = append(there, of(x))
	}
	return none, fmt.Errorf("%s is not among the %s %q", id, list, there)
}
