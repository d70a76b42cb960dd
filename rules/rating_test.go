package rules

import (
	"testing"

	"weishao.dev/weishao/telemetry/record"
)

// What the site says of a circuit's rating counts for its rules, and a change of it
// holds from the next reading on.
func TestRatingOfTheSite(t *testing.T) {
	const rule = `
rules:
  - name: overload
    hazard: overload
    severity: minor
    when: current.load > 100 %
    clear: current.load < 90 %
    message: {zh: 过载, en: Overload}
`
	site := func(rating string) *record.Site {
		text := `
communities:
  - id: c
    grids:
      - id: grid
        buildings:
          - id: b
            places:
              - {id: p1, name: {zh: 一, en: One}}
devices:
  - {id: g/n/d, place: p1, placement: corridor_socket, interval: 10s` + rating + "}\n"
		return &record.Site{Version: rating, File: record.File{Name: "site.yaml", Data: []byte(text)}}
	}
	w := newWorld(t, rule)
	w.apply(t0, site(", rating: 16 A"))
	w.born("g/n/d", 0, "current")
	w.reads("g/n/d", "current", t0+10_000, 14)
	w.want()
	w.apply(w.now, site(""))
	w.reads("g/n/d", "current", t0+20_000, 14)
	w.want("raise overload at 20 since 20")
	w.apply(w.now, site(", rating: 20 A"))
	w.reads("g/n/d", "current", t0+30_000, 14)
	w.want("raise overload at 20 since 20", "clear overload at 30 since 20 until 30")
}
