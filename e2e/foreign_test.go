package e2e

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
)

// foreignSite knows a node that names its metrics in its own way. It is to be heard
// once a minute: within this test only its certificate of death can say that it is gone.
const foreignSite = `name: {zh: 北新社区, en: Beixin}
communities:
  - id: beixin
    name: {zh: 北新社区, en: Beixin}
    grids:
      - id: g1
        name: {zh: 一格, en: Grid 1}
        buildings:
          - id: b1
            name: {zh: 1号楼, en: Building 1}
            dwellings:
              - id: b1-101
                name: {zh: 101室, en: Flat 101}
                places:
                  - {id: b1-101-kitchen, name: {zh: 厨房, en: Kitchen}}
              - id: b1-102
                name: {zh: 102室, en: Flat 102}
                places:
                  - {id: b1-102-room, name: {zh: 客厅, en: Living room}}
nodes:
  - id: beixin/tahu
    interval: 60s
    metrics:
      Sensors/CH4 level: {metric: gas.ch4, scale: 0.002} # ppm, of 50,000 that are 100 %LEL
      Temp_F: {metric: temperature, scale: 0.5555555555555556, offset: -17.77777777777778}
devices:
  - {id: beixin/tahu/kitchen, place: b1-101-kitchen, placement: kitchen_gas}
  - {id: beixin/tahu/room, place: b1-102-room, placement: room_smoke}
`

// foreigner is a hub and a node that is not ours, with a device in a kitchen, one in a
// room, and one that the site does not know.
type foreigner struct {
	t    *testing.T
	hub  *harness.Hub
	node *harness.Foreign
	c    harness.Credentials
}

func newForeigner(t *testing.T) *foreigner {
	t.Helper()
	dir := t.TempDir()
	f := &foreigner{t: t, hub: harness.NewHub(t, "site: "+harness.WriteFile(t, dir, "site.yaml", foreignSite)+"\n")}
	f.c = f.hub.Enrol(t, "beixin", "tahu")
	f.start()
	return f
}

func (f *foreigner) start() {
	f.t.Helper()
	f.node = harness.NewForeign(f.t, f.c, f.hub.MQTT)
	f.node.Do(f.t, "set", "kitchen", harness.Double("Sensors/CH4 level", 100), harness.Double("Temp_F", 68))
	f.node.Do(f.t, "set", "room", harness.Double("Temp_F", 77))
	f.node.Do(f.t, "set", "attic", harness.Double("gas.lpg", 0.5), harness.Double("Wind", 3))
	harness.Eventually(f.t, "the foreign node's devices are listed", func() error {
		for _, want := range []struct {
			device, place, placement string
			inSite                   bool
			metric                   string
			value                    float64
		}{
			{"kitchen", "b1-101-kitchen", "kitchen_gas", true, "gas.ch4", 0.2},
			{"kitchen", "b1-101-kitchen", "kitchen_gas", true, "temperature", 20},
			{"room", "b1-102-room", "room_smoke", true, "temperature", 25},
			{"attic", "beixin/tahu/attic", "kitchen_gas", false, "gas.lpg", 0.5},
		} {
			d, err := f.hub.API.Device("beixin/tahu/" + want.device)
			if err != nil {
				return err
			}
			v, ok := d.Last(want.metric)
			if d.Place != want.place || d.Placement != want.placement || d.InSite != want.inSite || !d.Online || !ok || math.Abs(v.Value-want.value) > 1e-9 {
				return fmt.Errorf("got %+v, want %+v", d, want)
			}
		}
		return nil
	})
}

// incident waits for the one incident of a hazard at a place.
func (f *foreigner) incident(hazard, place string) harness.Incident {
	f.t.Helper()
	var found harness.Incident
	harness.Eventually(f.t, hazard+" at "+place, func() error {
		list, err := f.hub.API.Incidents(hazard)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(x harness.Incident) bool { return slices.Contains(x.Places, place) && x.Cleared == "" })
		if i < 0 {
			return fmt.Errorf("the incidents are %+v", list)
		}
		found = list[i]
		return nil
	})
	return found
}

// becomes waits for a place's state and answers how long it took.
func (f *foreigner) becomes(place, state string) time.Duration {
	f.t.Helper()
	began := time.Now()
	harness.Eventually(f.t, place+" becomes "+state, func() error {
		p, err := f.hub.API.Place(place)
		if err == nil && p.State != state {
			err = fmt.Errorf("it is %+v", p)
		}
		return err
	})
	return time.Since(began)
}

// A node of another's making, with metrics named and measured in its own way, gets its
// devices listed and its hazards to people.
func TestAForeignNodeWorks(t *testing.T) {
	f := newForeigner(t)

	f.node.Do(t, "set", "kitchen", harness.Double("Sensors/CH4 level", 12500), harness.Double("Temp_F", 68)) // 25 %LEL
	if i := f.incident("gas_leak", "b1-101-kitchen"); i.Rule != "gas-leak" || !slices.Equal(i.Devices, []string{"beixin/tahu/kitchen"}) {
		t.Errorf("the leak in the kitchen is %+v", i)
	}
	// The device that nobody has heard of is watched all the same, and what is unknown
	// of it is told.
	f.node.Do(t, "set", "attic", harness.Double("gas.lpg", 30), harness.Double("Wind", 3))
	f.incident("gas_leak", "beixin/tahu/attic")
	if d, err := f.hub.API.Device("beixin/tahu/attic"); err != nil || d.Bad["unknown_metric"] == 0 || len(d.Bad) != 1 {
		t.Errorf("of the attic: %+v, %v; want unknown metrics and nothing else bad", d, err)
	}
	if d, err := f.hub.API.Device("beixin/tahu/kitchen"); err != nil || len(d.Bad) != 0 {
		t.Errorf("bad input of the kitchen: %+v, %v", d.Bad, err)
	}
}

// It is asked for its certificates of birth, and answers, when data of a device comes
// that was never born, and when a message is missing.
func TestAForeignNodeIsAskedForRebirth(t *testing.T) {
	f := newForeigner(t)
	f.node.Do(t, "blurt", "cellar", harness.Double("Temp_F", 50))
	harness.Eventually(t, "the cellar is listed", func() error {
		d, err := f.hub.API.Device("beixin/tahu/cellar")
		if v, _ := d.Last("temperature"); err == nil && math.Abs(v.Value-10) > 1e-9 {
			err = fmt.Errorf("got %+v, want 10 °C", d)
		}
		return err
	})
	asked := f.node.Told("rebirth")
	if asked == 0 {
		t.Error("the cellar was listed and nobody asked for its birth")
	}
	if bad := f.hub.Metric(t, `weishao_bad_input_total{kind="unannounced"}`); bad == 0 {
		t.Error("data before birth was not counted")
	}
	f.node.Do(t, "skip", "")
	harness.Eventually(t, "asked again", func() error {
		if n := f.node.Told("rebirth"); n == asked {
			return fmt.Errorf("asked %d times", n)
		}
		return nil
	})
}

// A certificate of death says at once what silence would say after minutes, whether
// the broker sends it for a node that was killed, or the node itself.
func TestAForeignNodesDeathIsKnownAtOnce(t *testing.T) {
	f := newForeigner(t)
	const atOnce = 10 * time.Second // far less than twice a minute, far more than it takes

	f.node.Do(t, "kill", "attic")
	if took := f.becomes("beixin/tahu/attic", "unsupervised"); took > atOnce {
		t.Errorf("a device's death was known after %v", took)
	}
	f.becomes("b1-102-room", "normal")
	f.node.Crash()
	took := f.becomes("b1-102-room", "unsupervised")
	t.Logf("killed: unsupervised after %v", took)
	if took > atOnce {
		t.Errorf("a killed node's death was known after %v", took)
	}
	if i := f.incident("unsupervised", "b1-102-room"); !slices.Contains(i.Places, "b1-101-kitchen") || i.Node != "beixin/tahu" {
		t.Errorf("a dead node is %+v, want one incident that lists its places", i)
	}

	f.start()
	f.becomes("b1-102-room", "normal")
	f.node.Do(t, "stop", "")
	took = f.becomes("b1-102-room", "unsupervised")
	t.Logf("stopped: unsupervised after %v", took)
	if took > atOnce {
		t.Errorf("a node's own goodbye was known after %v", took)
	}
	harness.Eventually(t, "the node ends", func() error {
		if !f.node.Ended() {
			return fmt.Errorf("it runs: %s", f.node.Output())
		}
		return nil
	})
}
