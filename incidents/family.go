package incidents

import (
	"slices"

	"weishao.dev/weishao/rules"
)

// Families of hazards. One zone has at most one live incident of each.
const (
	familyFire = "fire"
	familyCO   = "co"
)

// fireRank orders the fire family: an incident takes the highest hazard that any
// of its verdicts names. Zero is not of the family.
func fireRank(h rules.Hazard) int {
	switch h {
	case rules.CO:
		return 1
	case rules.Overheat:
		return 2
	case rules.Smoke:
		return 3
	case rules.Fire:
		return 4
	}
	return 0
}

// severityRank orders severities, most urgent highest. An unknown severity ranks
// as major: better one page too many.
func severityRank(s rules.Severity) int {
	switch s {
	case rules.Critical:
		return 4
	case rules.Minor:
		return 2
	case rules.Advisory:
		return 1
	}
	return 3
}

// keyOf is the key under which a verdict opens an incident, and joins lists all
// keys whose live incident it joins instead, in order.
//
//   - Smoke, fire and overheat share the key zone|fire.
//   - CO opens zone|co of its own, joins zone|fire where that is live, and is
//     taken over by it: a fire verdict joins a live zone|co and makes it zone|fire.
//   - Electrical hazards and gas leaks have the zone and their own name.
//   - What is about a gateway has the gateway: all its places go silent together.
//   - Unsupervised without a gateway has the place: each recovers by itself.
func keyOf(v rules.Verdict) (key string, joins []string) {
	zone := v.Zone
	if zone == "" {
		zone = v.Place
	}
	fire, co := zone+"|"+familyFire, zone+"|"+familyCO
	switch {
	case selfResolving(v.Hazard) && v.Node != "":
		key = "node:" + v.Node + "|" + string(v.Hazard)
	case v.Hazard == rules.Unsupervised:
		key = "place:" + v.Place + "|" + string(v.Hazard)
	case v.Hazard == rules.CO:
		return co, []string{fire, co}
	case fireRank(v.Hazard) > 0:
		return fire, []string{fire, co}
	default:
		key = zone + "|" + string(v.Hazard)
	}
	return key, []string{key}
}

// selfResolving: about the watching itself, so the watching can tell when it is
// over. A hazard never resolves itself.
func selfResolving(h rules.Hazard) bool {
	return h == rules.Unsupervised || h == rules.FaultHazard
}

// placesOf lists all places a verdict names, in its order, each once.
func placesOf(v rules.Verdict) []string {
	var list []string
	for _, p := range append([]string{v.Place}, v.Places...) {
		if p != "" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// higher reports whether v lifts the incident: a higher severity, or a hazard
// further up the fire family.
func higher(inc *Incident, v rules.Verdict) (severity, hazard bool) {
	return severityRank(v.Severity) > severityRank(inc.Severity), fireRank(v.Hazard) > fireRank(inc.Hazard)
}
