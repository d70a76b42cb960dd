package e2e

import (
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// A hub sees hazards, late readings in any order, an outage with its backlog, a
// gateway and itself killed, and three versions of site and rules. Then its log is
// evaluated again by a program that finds yet another site and other rules on disk:
// the verdicts are the same byte for byte. Change one bit of one that was kept, and
// they are not.
func TestReplayGivesTheSameVerdicts(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	files := newInputs(t)
	hub := harness.NewHub(t, files.hubYAML())
	link := harness.NewLink(t, hub.MQTT)
	gw := harness.NewGateway(t, hub.Enrol(t, "g", "gw"), link.Addr, troubles(), "")
	gw.Restart(t)
	sender := harness.NewSender(t, hub.Enrol(t, "g", "late"), hub.MQTT,
		harness.SenderDevice{Name: "kitchen", Placement: "kitchen_gas", Metric: "gas.ch4", Interval: 5 * time.Second},
		harness.SenderDevice{Name: "joint", Placement: "meter_box", Metric: "temperature", Interval: 5 * time.Second})
	start := time.Now().Add(-10 * time.Minute).UnixMilli()
	story := func(minute int64, between func()) { shuffled(t, rng, sender, start+minute*60_000, between) }
	undisturbed := func() {}

	story(0, undisturbed)
	raisedFor(t, hub, "gas_leak", "g/late/kitchen")
	raisedFor(t, hub, "gas_leak", "g/gw/first")
	files.change(t, hub)
	story(3, undisturbed)
	raisedFor(t, hub, "", "g/late/joint") // overheat or fire: what it begins as is the rules' affair

	link.Cut()
	raisedFor(t, hub, "unsupervised", "g/gw/first")
	gw.Crash()
	gw.Restart(t)
	story(6, func() {
		hub.Crash()
		hub.Restart(t)
		sender.Connect(t)
	})
	files.change(t, hub)
	link.Mend(t)
	harness.Eventually(t, "gateway runs", gw.Running)
	harness.Eventually(t, "the backlog is there", gw.Drained)
	raisedFor(t, hub, "gas_leak", "g/gw/during")

	story(9, func() {
		evaluated(t, hub)
		hub.Stop(t)
		hub.Restart(t)
		sender.Connect(t)
	})
	harness.Eventually(t, "the hub has all", sender.Committed)
	gw.Stop(t)
	hub.Stop(t)
	files.write(t)

	said, err := replay(t, hub)
	if err != nil || !strings.Contains(said, "all agree, byte for byte") {
		t.Fatalf("replay: %v\n%s", err, said)
	}
	t.Log(strings.TrimSpace(said))
	enough(t, hub)

	flipOneBit(t, hub)
	if said, err := replay(t, hub); err == nil || !strings.Contains(said, "differs") {
		t.Errorf("one bit of a kept verdict was changed, and the replay says: %v\n%s", err, said)
	}
}

// troubles are a gateway's devices: leaks before and during the outage, a charger in
// a corridor, a fire, and two devices that measure nothing special.
func troubles() string {
	now := time.Now().UTC().Format(time.RFC3339)
	leak := "{gas: {volume: 3, leak: 100, air_changes: 60, after: %s, for: 5s}, start: " + now + "}"
	var b strings.Builder
	for _, d := range [][3]string{
		{"first", "kitchen_gas", fmt.Sprintf(leak, "2s")},
		{"during", "kitchen_gas", fmt.Sprintf(leak, "15s")},
		{"quiet", "kitchen_gas", "{gas: {}}"},
		{"socket", "corridor_socket", "{charger: {power: 240, battery: lead_acid, depth: 0.8}, start: " + now + "}"},
		{"stairs", "stair_smoke", "{fire: {growth: fast}, start: " + now + "}"},
		{"box", "meter_box", "{box: {amps: 8, residual: 12}}"},
	} {
		fmt.Fprintf(&b, "  - {id: %s, kind: simulated, interval: 200ms, placement: %s, simulate: %s}\n", d[0], d[1], d[2])
	}
	return b.String()
}

// shuffled sends two minutes of two devices from a time on, in which gas leaks and is
// gone, a sensor is in fault, and a joint is hot: reading by reading, out of order by
// up to 20 s, and the beginning of the leak last. It calls between when the leak has
// been found and the readings that change when it began are still to come.
func shuffled(t *testing.T, rng *rand.Rand, s *harness.Sender, from int64, between func()) {
	type arrival struct {
		at     int64
		device int
		point  telemetry.Point
	}
	var list []arrival
	add := func(device int, second int64, value float64, late int64, q telemetry.Quality) {
		p := telemetry.Point{Time: from + second*1000, Value: value, Quality: q}
		list = append(list, arrival{second*1000 + late, device, p})
	}
	for second := range int64(120) {
		gas, quality, late := 1.0, telemetry.Good, rng.Int64N(20_000)
		switch {
		case second >= 10 && second < 14: // they come when the rule holds already
			gas, late = 30, 15_000
		case second >= 14 && second < 30:
			gas, late = 40, 0
		case second >= 95 && second < 105:
			quality = telemetry.Open
		}
		add(0, second, gas, late, quality)
		add(1, second, 50+40*float64(second/40), rng.Int64N(20_000), telemetry.Good)
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return int(a.at - b.at) })
	for i, a := range list {
		s.Send(a.device, a.point)
		if i%20 == 19 { // so that late readings come in records of their own
			harness.Eventually(t, "the hub takes readings", s.Committed)
		}
		if i+1 < len(list) && a.at < 20_000 && list[i+1].at >= 20_000 {
			harness.Eventually(t, "the hub takes readings", s.Committed)
			between()
		}
	}
}

// evaluated waits until the rules have read all that is in the log now.
func evaluated(t *testing.T, hub *harness.Hub) {
	t.Helper()
	end := hub.Metric(t, "weishao_log_position")
	harness.Eventually(t, "the rules have read the log", func() error {
		if at := hub.Metric(t, "weishao_rules_position"); at < end {
			return fmt.Errorf("%.0f of %.0f", at, end)
		}
		return nil
	})
}

// raisedFor waits for an incident about a device.
func raisedFor(t *testing.T, hub *harness.Hub, hazard, device string) {
	t.Helper()
	harness.Eventually(t, "an incident "+hazard+" of "+device, func() error {
		list, err := hub.API.Incidents(hazard)
		if err != nil {
			return err
		}
		place := strings.ReplaceAll(device, "g/", "p-")
		for _, i := range list {
			if slices.Contains(i.Devices, device) || slices.Contains(i.Places, strings.ReplaceAll(place, "/", "-")) {
				return nil
			}
		}
		return fmt.Errorf("none among %+v", list)
	})
}

// inputsOnDisk are a site file and a folder of rules that change.
type inputsOnDisk struct {
	dir     string
	version int
}

func newInputs(t *testing.T) *inputsOnDisk {
	f := &inputsOnDisk{dir: t.TempDir()}
	f.write(t)
	return f
}

func (f *inputsOnDisk) hubYAML() string {
	return fmt.Sprintf("site: %s/site.yaml\nrules: [%s/rules]\n", f.dir, f.dir)
}

// write puts the next version on disk: the places of one dwelling become those of
// two and of one again, and the rules want less gas and more heat each time.
func (f *inputsOnDisk) write(t *testing.T) {
	t.Helper()
	f.version++
	var b strings.Builder
	fmt.Fprintf(&b, "name: {zh: 北新街, en: Version %d}\ntimezone: Asia/Shanghai\ncommunities:\n  - id: c\n    name: {zh: 北, en: C}\n    grids:\n"+
		"      - id: g1\n        name: {zh: 格, en: G}\n        buildings:\n          - id: b\n            name: {zh: 楼, en: B}\n            dwellings:\n", f.version)
	devices := [][2]string{{"gw-first", "kitchen_gas"}, {"gw-during", "kitchen_gas"}, {"gw-quiet", "kitchen_gas"}, {"gw-socket", "corridor_socket"},
		{"gw-stairs", "stair_smoke"}, {"gw-box", "meter_box"}, {"late-kitchen", "kitchen_gas"}, {"late-joint", "meter_box"}}
	for i, d := range devices {
		if i%(f.version%2+1) == 0 { // two in each dwelling, or one
			fmt.Fprintf(&b, "              - id: d%d\n                name: {zh: 户, en: D}\n                places:\n", i)
		}
		fmt.Fprintf(&b, "                  - {id: p-%s, name: {zh: 处, en: P}}\n", d[0])
	}
	b.WriteString("devices:\n")
	for _, d := range devices {
		node, name, _ := strings.Cut(d[0], "-")
		fmt.Fprintf(&b, "  - {id: g/%s/%s, place: p-%s, placement: %s}\n", node, name, d[0], d[1])
	}
	harness.WriteFile(t, f.dir, "site.yaml", b.String())
	for _, file := range rules.Shipped() {
		text := strings.NewReplacer("20 %LEL", fmt.Sprintf("%d %%LEL", 20-f.version), "> 70 °C", fmt.Sprintf("> %d °C", 70+f.version)).Replace(string(file.Data))
		harness.WriteFile(t, f.dir, filepath.Join("rules", filepath.Base(file.Name)), text)
	}
}

// change puts the next version into effect.
func (f *inputsOnDisk) change(t *testing.T, hub *harness.Hub) {
	t.Helper()
	f.write(t)
	before := strings.Count(hub.Output(), "reloaded: in effect")
	if err := hub.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "reloaded", func() error {
		if strings.Count(hub.Output(), "reloaded: in effect") == before {
			return fmt.Errorf("not in\n%s", hub.Output())
		}
		return nil
	})
}

// replay is `weishao rules replay`, with all that it says.
func replay(t *testing.T, hub *harness.Hub) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(harness.Programs(t), "weishao"), "rules", "replay", "--config", hub.Config).CombinedOutput()
	return string(out), err
}

func openIncidents(t *testing.T, hub *harness.Hub) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(hub.Dir, "data", "incidents.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// enough checks that the hub's log and its verdicts are worth a comparison.
func enough(t *testing.T, hub *harness.Hub) {
	t.Helper()
	log, err := eventlog.OpenDir(t.Context(), hub.LogDir(), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	entries := map[string]int{}
	for rec, err := range log.ReadTo(t.Context(), 1, log.Last()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range rec.Entries {
			switch e.(type) {
			case *record.Site:
				entries["site"]++
			case *record.Rules:
				entries["rules"]++
			case *record.Drained:
				entries["drained"]++
			}
		}
	}
	if entries["site"] != 3 || entries["rules"] != 3 || entries["drained"] == 0 {
		t.Errorf("the log has %v, want 3 versions of site and of rules, and a backlog", entries)
	}
	var raised, cleared, revised, places int
	row := openIncidents(t, hub).QueryRow(`SELECT sum(v.event = 'raise'), sum(v.event = 'clear'), sum(v.event = 'revised'), count(DISTINCT v.place)
		FROM (SELECT body ->> 'event' event, body ->> 'place' place FROM verdicts) v`)
	if err := row.Scan(&raised, &cleared, &revised, &places); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d verdicts raised, %d cleared, %d revised, of %d places", raised, cleared, revised, places)
	if raised < 8 || cleared < 4 || revised < 4 || places < 5 {
		t.Error("that is not worth a comparison")
	}
}

// flipOneBit changes the verdict in the middle of those that the hub kept.
func flipOneBit(t *testing.T, hub *harness.Hub) {
	t.Helper()
	db := openIncidents(t, hub)
	var pos, idx int64
	var body []byte
	if err := db.QueryRow("SELECT pos, idx, body FROM verdicts ORDER BY pos, idx LIMIT 1 OFFSET (SELECT count(*)/2 FROM verdicts)").Scan(&pos, &idx, &body); err != nil {
		t.Fatal(err)
	}
	body[len(body)/2] ^= 1
	if _, err := db.Exec("UPDATE verdicts SET body = ? WHERE pos = ? AND idx = ?", body, pos, idx); err != nil {
		t.Fatal(err)
	}
}
