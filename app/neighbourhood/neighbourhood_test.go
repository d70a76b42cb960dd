package neighbourhood

import (
	"slices"
	"testing"
	"time"

	"weishao.dev/weishao/site"
)

func load(t *testing.T) *site.Site {
	t.Helper()
	s, err := site.Load(SiteFile().Name, SiteFile().Data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheNeighbourhoodIsWhatTheDesignAsksFor(t *testing.T) {
	s := load(t)
	if n := len(s.Devices); n < 55 || n > 65 {
		t.Errorf("%d devices, want about 60", n)
	}
	if len(s.Nodes) != 2 {
		t.Errorf("%d gateways, want 2", len(s.Nodes))
	}
	buildings, onRoster := 0, map[string]bool{}
	for _, l := range s.Levels {
		if l.Kind == site.Building {
			buildings++
		}
	}
	for _, shift := range s.Duty["grid-1"].Shifts {
		onRoster[shift.Person] = true
	}
	if buildings != 3 || len(onRoster) != 4 {
		t.Errorf("%d buildings and %d wardens, want 3 and 4", buildings, len(onRoster))
	}
	roles := map[string]int{}
	for _, p := range s.People {
		roles[p.Role]++
	}
	if roles["officer"] == 0 || roles["operator"] == 0 || roles["warden"] != 5 {
		t.Errorf("roles %v, want an officer, an operator, four wardens and the grid's leader", roles)
	}
	placements := map[string]bool{}
	for _, d := range s.Devices {
		placements[d.Placement] = true
	}
	for _, p := range []string{"kitchen_gas", "corridor_socket", "meter_box", "stair_smoke", "bike_shed"} {
		if !placements[p] {
			t.Errorf("there is no %s", p)
		}
	}
}

// At any hour of the week somebody is on duty, and the grid's leader comes after.
func TestTheRosterHasNoGap(t *testing.T) {
	s := load(t)
	place := s.Devices[LeakDevice].Place
	from := time.Date(2026, 11, 23, 0, 0, 0, 0, s.Location)
	for h := range 7 * 24 {
		at := from.Add(time.Duration(h)*time.Hour + 30*time.Minute)
		if chain, gap := s.Chain(place, at); gap || len(chain) < 2 || chain[0] == "zhou" || !slices.Contains(chain, "zhou") {
			t.Errorf("%v: %v, gap %v", at, chain, gap)
		}
	}
}

func TestDevicesAnnounceTheirSite(t *testing.T) {
	s := load(t)
	gateways, err := Gateways(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, g := range gateways {
		for _, d := range g.Devices {
			info, known := d.Info(), s.Devices[g.ID()+"/"+d.Info().ID]
			if known == nil {
				t.Errorf("%s is not in the site", info.ID)
				continue
			}
			seen++
			if info.Placement != known.Placement || info.Interval != known.Interval || len(info.Metrics) == 0 {
				t.Errorf("%s announces %+v, the site has %s every %v", info.ID, info, known.Placement, known.Interval)
			}
		}
	}
	if seen != len(s.Devices) {
		t.Errorf("%d devices are simulated, the site has %d", seen, len(s.Devices))
	}
}
