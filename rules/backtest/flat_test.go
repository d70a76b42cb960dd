package backtest

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/internal/sim"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// flat is a simulated dwelling of four rooms. What is let off in one room drifts into
// the others: air is exchanged through doors, so that another room follows a share of
// it with a time constant. Smoke, heat and CO are measured by devices of their own in
// the kitchen, smoke and heat in the bedroom; elsewhere one device measures both.
type flat struct {
	seed    int64
	sources []source
	share   [4][4]float64 // of the smoke of the first that the second would come to
	lag     [4][4]time.Duration
	air     [4]air          // that drifted in
	meters  [7][]sim.Sensor // by device and metric
}

const (
	kitchen = iota
	living
	bedroom
	bathroom
)

var flatRooms = [4]string{"kitchen", "living", "bedroom", "bathroom"}

// flatDevices are the flat's devices and what they measure.
var flatDevices = []struct {
	name, placement string
	room            int
	metrics         []string
}{
	{"kitchen-smoke", "kitchen_smoke", kitchen, []string{"smoke"}},
	{"kitchen-heat", "kitchen_heat", kitchen, []string{"temperature"}},
	{"kitchen-co", "room_co", kitchen, []string{"co"}},
	{"living", "room_smoke", living, []string{"smoke", "temperature"}},
	{"bedroom-smoke", "room_smoke", bedroom, []string{"smoke"}},
	{"bedroom-heat", "room_heat", bedroom, []string{"temperature"}},
	{"bathroom", "room_smoke", bathroom, []string{"smoke", "temperature"}},
}

var flatMetrics = []string{"smoke", "temperature", "co"}

// source is what is let off in a room: of smoke, warmth and CO, by time since its begin.
type source struct {
	room            int
	at              time.Duration
	smoke, heat, co func(time.Duration) float64
}

type air struct{ smoke, heat, co float64 }

func fume(room int, at time.Duration, f sim.Fume, co float64) source {
	return source{room, at, f.Obscuration, f.Heat, func(t time.Duration) float64 {
		if f.Smoke == 0 {
			return 0
		}
		return co * f.Obscuration(t) / f.Smoke
	}}
}

func (f *flat) random(n int64, lo, hi float64) float64 { return sim.Between(uint64(f.seed), n, lo, hi) }

func (f *flat) hour(n int64, lo, hi float64) time.Duration {
	return time.Duration(f.random(n, lo, hi) * float64(time.Hour))
}

// newFlat has doors that stand open, for two rooms in three, or are shut.
func newFlat(seed int64) *flat {
	f := &flat{seed: seed}
	for from := range 4 {
		for to := range 4 {
			n := int64(100 + 10*from + to)
			if f.random(n, 0, 3) < 2 {
				f.share[from][to], f.lag[from][to] = f.random(n+200, 0.3, 0.9), time.Duration(f.random(n+400, 1, 10)*float64(time.Minute))
			} else {
				f.share[from][to], f.lag[from][to] = f.random(n+200, 0.02, 0.2), time.Duration(f.random(n+400, 20, 60)*float64(time.Minute))
			}
		}
	}
	for i, d := range flatDevices {
		n := uint64(seed)*100 + uint64(i)
		meters := []sim.Sensor{
			{Seed: n, Noise: 0.015, Offset: sim.Between(n, 1, 0, 0.1), Drift: 0.01, Max: 20},
			{Seed: n + 1e6, Noise: 0.15, Step: 0.1},
			{Seed: n + 2e6, Noise: 1, Step: 1, Max: 5000},
		}
		for _, m := range d.metrics {
			f.meters[i] = append(f.meters[i], meters[slices.Index(flatMetrics, m)])
		}
	}
	return f
}

// live has three meals, one of them quick, a shower and incense, one after the other;
// if heated, a heater blows warm air under the bedroom's ceiling in the evening.
func (f *flat) live(heated bool) {
	fast := sim.Cooking()
	fast.Rise = 45 * time.Second
	f.sources = []source{
		fume(kitchen, f.hour(1, 6, 8), sim.Cooking(), 15), fume(kitchen, f.hour(2, 11, 13), sim.Cooking(), 15), fume(kitchen, f.hour(3, 17, 19), fast, 15),
		fume(bathroom, f.hour(4, 20.5, 22), sim.Steam(), 0), fume(living, f.hour(5, 14, 15.5), sim.Incense(), 5),
	}
	if heated {
		f.sources = append(f.sources, fume(bedroom, f.hour(6, 18, 20), sim.Fume{Warmth: 6, Rise: 90 * time.Second, Until: 2 * time.Hour, Decay: 20 * time.Minute}, 0))
	}
}

// at is the air of each room; it is asked in steps of time. Half of the warmth that
// goes with smoke is left on the way, to walls and things.
func (f *flat) at(t, step time.Duration) (now [4]air) {
	var own [4]air
	for _, s := range f.sources {
		if d := t - s.at; d >= 0 {
			a := &own[s.room]
			a.smoke, a.heat, a.co = a.smoke+s.smoke(d), a.heat+s.heat(d), a.co+s.co(d)
		}
	}
	for to := range 4 {
		var toward air
		keep := 1.0
		for from := range 4 {
			if from == to {
				continue
			}
			k := f.share[from][to]
			toward.smoke, toward.heat, toward.co = max(toward.smoke, k*own[from].smoke), max(toward.heat, k/2*own[from].heat), max(toward.co, k*own[from].co)
			if toward.smoke == k*own[from].smoke {
				keep = math.Exp(-step.Seconds() / f.lag[from][to].Seconds())
			}
		}
		a := &f.air[to]
		a.smoke, a.heat, a.co = keep*a.smoke+(1-keep)*toward.smoke, keep*a.heat+(1-keep)*toward.heat, keep*a.co+(1-keep)*toward.co
		now[to] = air{a.smoke + own[to].smoke, a.heat + own[to].heat, a.co + own[to].co}
	}
	return now
}

// site is the flat, with its devices.
func (f *flat) site() *record.File {
	var places, devices []string
	for _, r := range flatRooms {
		places = append(places, fmt.Sprintf("{id: %s}", r))
	}
	for _, d := range flatDevices {
		devices = append(devices, fmt.Sprintf("{id: g/n/%s, place: %s, placement: %s}", d.name, flatRooms[d.room], d.placement))
	}
	text := fmt.Sprintf("communities: [{id: c, grids: [{id: g, buildings: [{id: b, dwellings: [{id: flat, places: [%s]}]}]}]}]\ndevices: [%s]\n", strings.Join(places, ", "), strings.Join(devices, ", "))
	return &record.File{Name: "flat.yaml", Data: []byte(text)}
}

// readings is what the flat's devices read between two times of day, every step.
func (f *flat) readings(from, until, step time.Duration) iter.Seq2[telemetry.Reading, error] {
	return func(yield func(telemetry.Reading, error) bool) {
		for at := from; at < until; at += step {
			now := f.at(at, step)
			for i, d := range flatDevices {
				a := now[d.room]
				for j, m := range d.metrics {
					v := [...]float64{a.smoke, sim.RoomTemperature(24, at) + a.heat, a.co}[slices.Index(flatMetrics, m)]
					p := telemetry.Point{Metric: m, Time: t0 + at.Milliseconds(), Value: f.meters[i][j].Read(at, v)}
					if !yield(telemetry.Reading{Device: "g/n/" + d.name, Point: p}, nil) {
						return
					}
				}
			}
		}
	}
}

// raises evaluates the flat with the shipped rules and gives what they raise.
func (f *flat) raises(t testing.TB, from, until, step time.Duration) (list []rules.Verdict) {
	t.Helper()
	_, err := Run(f.readings(from, until, step), Options{Site: f.site(), Interval: step.Milliseconds()}, func(v rules.Verdict) {
		if v.Event == rules.Raise {
			list = append(list, v)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

const fireFreeDays = 40

// fireFree is what the rules raise on a fire-free day of a dwelling: meals, steam and
// incense that drift through it, a heater on every second, meters with noise and
// offsets; a reading every 10 s, on one day in ten every 2 s.
func fireFree(t testing.TB, day int64) []rules.Verdict {
	f, step := newFlat(day), 10*time.Second
	if day%10 == 0 {
		step = 2 * time.Second
	}
	f.live(day%2 == 1)
	return f.raises(t, 0, 24*time.Hour, step)
}

// On fire-free days nothing at all is raised.
func TestFireFreeDwellings(t *testing.T) {
	for day := range int64(fireFreeDays) {
		for _, v := range fireFree(t, day) {
			t.Errorf("day %d: %s (%s) at %s after %s", day, v.Rule, v.Severity, v.Place, time.Duration(v.Time-t0)*time.Millisecond)
		}
	}
}

// Simulated fires in each room of ten flats, a reading every 10 s: a flame is a fire
// within a minute or so; what smoulders is smoke at once and critical in two rooms
// before it is dense in one. In the end every room is flagged.
func TestFiresInADwelling(t *testing.T) {
	for _, c := range []struct {
		name              string
		fire              sim.Fire
		flagged, critical time.Duration // first flag in all flats, critical in half of them
	}{
		{"fast", sim.Fire{Alpha: 0.0469}, 30 * time.Second, 30 * time.Second},
		{"slow", sim.Fire{Alpha: 0.0029}, 70 * time.Second, 70 * time.Second},
		{"smouldering", sim.Fire{Smoulder: 0.01}, 11 * time.Minute, 20 * time.Minute},
	} {
		for room := range bathroom {
			var critical []time.Duration
			for seed := range int64(10) {
				f := newFlat(seed)
				const ignition = 3 * time.Hour
				f.sources = []source{{room, ignition, c.fire.Smoke, c.fire.Rise, c.fire.CO}}
				first, worst, rooms := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64), map[string]bool{}
				for _, v := range f.raises(t, ignition-time.Hour, ignition+2*time.Hour, 10*time.Second) {
					at := time.Duration(v.Time-t0)*time.Millisecond - ignition
					first, rooms[v.Place] = min(first, at), true
					if v.Severity == rules.Critical {
						worst = min(worst, at)
					}
				}
				critical = append(critical, worst)
				if first < 0 || first > c.flagged || len(rooms) != len(flatRooms) {
					t.Errorf("%s fire in the %s of flat %d: flagged after %v in %d rooms, want within %v, and in all", c.name, flatRooms[room], seed, first, len(rooms), c.flagged)
				}
			}
			slices.Sort(critical)
			t.Logf("%s fire in the %s: critical after %v to %v, half within %v", c.name, flatRooms[room], critical[0], critical[9], critical[5])
			if critical[5] > c.critical {
				t.Errorf("%s fire in the %s: critical after %v in half of the flats, want within %v", c.name, flatRooms[room], critical[5], c.critical)
			}
		}
	}
}

// A pan that burns, to 0.6 dB/m within minutes, is smoke wherever it happens. Where the
// doors stand open it is critical, since the meters cannot tell that somebody stands
// beside it: in half of the flats.
func TestBurntPans(t *testing.T) {
	const flats = 40
	pan := sim.Fume{Smoke: 0.6, Warmth: 6, Rise: time.Minute, Until: 5 * time.Minute, Decay: 5 * time.Minute}
	severe := 0
	for seed := range int64(flats) {
		f := newFlat(seed)
		f.sources = []source{fume(kitchen, 3*time.Hour, pan, 20)}
		seen := map[rules.Severity]bool{}
		for _, v := range f.raises(t, 2*time.Hour, 5*time.Hour, 10*time.Second) {
			seen[v.Severity] = true
		}
		if !seen[rules.Major] {
			t.Errorf("the pan in flat %d burns unseen", seed)
		}
		if seen[rules.Critical] {
			severe++
		}
	}
	if t.Logf("critical in %d of %d flats", severe, flats); severe > flats*6/10 {
		t.Errorf("critical in %d of %d flats", severe, flats)
	}
}
