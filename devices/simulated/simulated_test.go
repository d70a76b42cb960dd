package simulated

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/internal/sim"
	"weishao.dev/weishao/telemetry"
)

// device makes a device of a configuration's text, the mapping "simulate".
func device(t *testing.T, simulate string) devices.Device {
	t.Helper()
	d, err := parse(simulate)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func parse(simulate string) (devices.Device, error) {
	var o Own
	if err := conf.Decode("gateway.yaml", []byte("simulate: "+simulate+"\n"), &o); err != nil {
		return nil, err
	}
	return o.Device(devices.Info{ID: "x", Interval: time.Second})
}

// run is what a device gives in the first d of its life.
func run(t *testing.T, dev devices.Device, d time.Duration) []telemetry.Point {
	t.Helper()
	var points []telemetry.Point
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if err := dev.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { points = append(points, p) }); err != nil {
			t.Error(err)
		}
	})
	return points
}

func series(points []telemetry.Point, metric string) []float64 {
	var out []float64
	for _, p := range points {
		if p.Metric == metric {
			out = append(out, p.Value)
		}
	}
	return out
}

const everything = `{gas: {leak: 0.1, burst: 12, after: 1m, for: 5m}, house: {}, charger: {after: 10s}, fire: {after: 30s}}`

func TestASeedGivesTheSameReadings(t *testing.T) {
	a, b := run(t, device(t, everything), 3*time.Minute), run(t, device(t, everything), 3*time.Minute)
	if !slices.Equal(a, b) {
		t.Error("two runs differ")
	}
	if other := run(t, device(t, strings.Replace(everything, "{gas", "{seed: 9, gas", 1)), 3*time.Minute); slices.Equal(a, other) {
		t.Error("another seed gives the same readings")
	}
}

// Whatever a configuration asks for, what comes out is a valid reading of a
// metric that was announced.
func TestEveryReadingIsValid(t *testing.T) {
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	rapid.Check(t, func(rt *rapid.T) {
		c := Config{Seed: rapid.Int64Range(1, 1<<40).Draw(rt, "seed"), Gas: &GasPart{}, Charger: &ChargerPart{}, House: &struct{}{}, Fire: &FirePart{}}
		pos := conf.Pos{Line: 1}
		c.Gas.Leak = conf.At[float64]{V: rapid.Float64Range(0, 100).Draw(rt, "leak"), Pos: pos}
		c.Gas.AirChanges = conf.At[float64]{V: rapid.Float64Range(0, 100).Draw(rt, "air"), Pos: pos}
		c.Gas.Burst = conf.At[float64]{V: rapid.Float64Range(0, 100).Draw(rt, "burst"), Pos: pos}
		c.Charger.Power = conf.At[float64]{V: rapid.Float64Range(30, 3000).Draw(rt, "power"), Pos: pos}
		c.Charger.Depth = conf.At[float64]{V: rapid.Float64Range(0.05, 1).Draw(rt, "depth"), Pos: pos}
		var errs conf.Errors
		m := Moment{Since: time.Duration(rapid.Int64Range(0, int64(72*time.Hour)).Draw(rt, "t"))}
		m.Now = time.Unix(1_795_392_000, 0).Add(m.Since)
		for _, ch := range c.channels(&errs) {
			metric, ok := catalogue.Lookup(ch.Metric)
			if !ok {
				rt.Fatalf("metric %q is not in the catalogue", ch.Metric)
			}
			v, q := ch.Read(m)
			if bad := metric.Check(v); bad != telemetry.BadNone || q != telemetry.Good {
				rt.Fatalf("%s = %g (%s, %s)", ch.Metric, v, q, bad)
			}
		}
		if len(errs) > 0 {
			rt.Fatal(errs)
		}
	})
}

// The models come through the sensors: a leak of 0.1 m³/h into 8 m³ rises by
// 0.42 %LEL a minute, a lead-acid charger holds its power, a burst is over in minutes.
func TestWhatTheSensorsSee(t *testing.T) {
	gas := series(run(t, device(t, `{gas: {leak: 0.1}}`), 11*time.Minute), "gas.ch4")
	if rise := (gas[600] - gas[60]) / 9; math.Abs(rise-0.42) > 0.04 {
		t.Errorf("the leak rises by %.2f %%LEL/min, want 0.42", rise)
	}
	points := run(t, device(t, `{charger: {power: 240, depth: 1, after: 5s}}`), 5*time.Minute)
	power, amps := series(points, "power"), series(points, "current")
	if power[2] > 1 || math.Abs(power[60]-240*0.9) > 5 || math.Abs(amps[60]-240*0.9/222/0.58) > 0.1 {
		t.Errorf("charger: %.1f W before, %.1f W and %.2f A after a minute", power[2], power[60], amps[60])
	}
	burst := series(run(t, device(t, `{gas: {burst: 12, after: 20s}}`), 8*time.Minute), "gas.ch4")
	if top := slices.Max(burst); top < 8 || top > 13 {
		t.Errorf("the burst peaks at %.1f %%LEL, want about 10 behind the sensor's lag", top)
	}
	if end := burst[len(burst)-1]; end > 1 {
		t.Errorf("%.1f %%LEL are left of the burst after 8 min", end)
	}
}

func TestChargerIsUnpluggedAndComesAgain(t *testing.T) {
	c := sim.Lithium(200, 0.2, 0.97)
	load := Charging(c, time.Minute, 24*time.Hour)
	at := func(d time.Duration) float64 { w, _ := load(Moment{Since: d}); return w }
	if at(0) != 0 || at(10*time.Minute) < 100 || at(6*time.Hour) != 0 || at(24*time.Hour+10*time.Minute) < 100 {
		t.Errorf("got %g, %g, %g, %g W", at(0), at(10*time.Minute), at(6*time.Hour), at(24*time.Hour+10*time.Minute))
	}
}

func TestFaultIsNotANumber(t *testing.T) {
	start := StartAt(time.Unix(0, 0))
	c := FaultBetween(Channel{"co", func(Moment) (float64, telemetry.Quality) { return 7, telemetry.Good }}, 2*time.Second, 4*time.Second, telemetry.Open)
	var got []telemetry.Point
	synctest.Test(t, func(t *testing.T) {
		start = StartAt(time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer cancel()
		_ = New(devices.Info{ID: "x", Interval: time.Second}, start, c).Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { got = append(got, p) })
	})
	for i, p := range got {
		if faulty := i == 2 || i == 3; p.Quality.Fault() != faulty || faulty && p.Value != 0 || !faulty && p.Value != 7 {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	if len(got) != 6 {
		t.Errorf("%d points, want 6", len(got))
	}
}

func TestMistakesInTheConfiguration(t *testing.T) {
	tests := []struct{ simulate, want string }{
		{`{}`, "nothing to simulate"},
		{`{gas: {volume: 0}}`, "volume 0 is not between"},
		{`{gas: {metric: co}}`, `unknown metric "co"`},
		{`{gas: {leek: 1}}`, "leek"},
		{`{charger: {battery: nuclear}}`, `unknown battery "nuclear"`},
		{`{charger: {after: 10}}`, "10"},
		{`{fire: {growth: huge}}`, `unknown growth "huge"`},
		{`{room: {}, box: {}}`, "each measure a temperature"},
	}
	for _, tt := range tests {
		_, err := parse(tt.simulate)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "gateway.yaml:1:") {
			t.Errorf("%s: got %v, want an error with its place and %q", tt.simulate, err, tt.want)
		}
	}
}

func TestPartsAnnounceTheirMetrics(t *testing.T) {
	tests := []struct {
		simulate string
		want     []string
	}{
		{`{gas: {metric: gas.lpg}}`, []string{"gas.lpg"}},
		{`{house: {}}`, []string{"power", "current", "voltage", "power_factor"}},
		{`{room: {}}`, []string{"smoke", "temperature"}},
		{`{box: {amps: 20}}`, []string{"temperature", "residual_current"}},
		{`{fire: {}, gas: {}}`, []string{"gas.ch4", "smoke", "temperature", "co"}},
	}
	for _, tt := range tests {
		if got := device(t, tt.simulate).Info().Metrics; !slices.Equal(got, tt.want) {
			t.Errorf("%s announces %v, want %v", tt.simulate, got, tt.want)
		}
	}
}

// A story with a start goes on where it is when the gateway is started again.
func TestStoryThatStartsAtATime(t *testing.T) {
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // synctest's clock begins here
	leak := func(start time.Time) []float64 {
		d := device(t, "{start: "+start.Format(time.RFC3339)+", gas: {volume: 8, leak: 2, after: 1m}}")
		return series(run(t, d, 10*time.Second), "gas.ch4")
	}
	if fresh := leak(day); fresh[len(fresh)-1] > 2 {
		t.Errorf("the leak has not begun, and there is %.1f %%LEL", fresh[len(fresh)-1])
	}
	if later := leak(day.Add(-10 * time.Minute)); later[0] < 20 {
		t.Errorf("9 minutes after the leak began there is %.1f %%LEL", later[0])
	}
}
