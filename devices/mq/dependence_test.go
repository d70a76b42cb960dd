package mq

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/climate"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func TestFactors(t *testing.T) {
	d := Dependence{Temperature: []float64{0, 10, 30}, Humidity: []float64{30, 80}, Factor: [][]float64{{1.4, 1.2, 1.0}, {1.2, 1.0, 0.6}}}
	for _, c := range []struct{ temp, rh, want float64 }{
		{0, 30, 1.4}, {10, 30, 1.2}, {30, 80, 0.6}, {30, 30, 1.0}, // the table's own
		{5, 30, 1.3}, {20, 80, 0.8}, {10, 55, 1.1}, {20, 55, 0.95}, // between
		{-40, 30, 1.4}, {90, 80, 0.6}, {0, 5, 1.4}, {0, 100, 1.2}, // beyond it nothing is known: its edge
	} {
		if got := d.At(climate.Air{Temperature: c.temp, Humidity: c.rh}); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%g °C, %g %%RH: got %g, want %g", c.temp, c.rh, got, c.want)
		}
	}
}

// Warmer and damper air never raises an element's resistance, and the tables are whole.
func TestTablesOfModels(t *testing.T) {
	for kind, m := range Models {
		d := m.Dependence
		if d == nil {
			continue
		}
		var errs conf.Errors
		c := Compensation{Temperature: d.Temperature, Humidity: d.Humidity, Factor: d.Factor, Source: d.Source}
		if c.dependence(&errs); len(errs) > 0 {
			t.Errorf("%s: %v", kind, errs)
		}
		for i, row := range d.Factor {
			for j, f := range row {
				if j > 0 && f > row[j-1] || i > 0 && f > d.Factor[i-1][j] {
					t.Errorf("%s: %g at %g °C and %g %%RH", kind, f, d.Temperature[j], d.Humidity[i])
				}
			}
		}
		if f := d.At(standard); f < 0.9 || f > 1.1 {
			t.Errorf("%s: %g in the air of the curves", kind, f)
		}
	}
}

// meter is a device that measures the air as a test says.
type meter struct{ air climate.Air }

func (*meter) Info() devices.Info {
	return devices.Info{ID: "room", Interval: time.Second, Metrics: []string{"temperature", "humidity"}}
}

func (m *meter) Run(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
	emit(telemetry.Point{Metric: "temperature", Value: m.air.Temperature})
	emit(telemetry.Point{Metric: "humidity", Value: m.air.Humidity})
	<-ctx.Done()
	return nil
}

const (
	mq2     = "adc: {kind: test}\nwarm_up: 0s\nclimate: room\ncalibration: {r0: 10000, temperature: 20, humidity: 60}\n"
	ownAir  = "compensation: {temperature: [0, 40], humidity: [20, 90], factor: [[2, 1], [1, 0.5]], source: our own}\n"
	noTable = "adc: {kind: test}\nclimate: room\ncalibration: {r0: 10000}\n"
)

// In dry and cold air an element reads low, and is corrected. Warm and damp air makes it
// read high, and that is left: whatever says how warm it is may make an alarm come
// sooner, never later.
func TestCompensation(t *testing.T) {
	read := func(t *testing.T, text string, air *climate.Air) telemetry.Point {
		in, rooms := &adctest.Input{}, climate.NewRooms()
		var own Own
		if err := conf.Decode("x.yaml", []byte(text), &own); err != nil {
			t.Fatal(err)
		}
		dev, err := own.Device(Models["mq2"], devices.Info{ID: "k"}, Parts{ADC: in.Open, Catalogue: catalogue, Rooms: rooms})
		if err != nil {
			t.Fatal(err)
		}
		if air != nil {
			go func() { _ = rooms.Watch(&meter{*air}).Run(t.Context(), telemetry.Clock{}, func(telemetry.Point) {}) }()
			synctest.Wait()
		}
		in.Set(2)
		points, err := run(t, dev, time.Second/2)
		if err != nil || len(points) != 1 {
			t.Fatalf("got %v, %v", points, err)
		}
		return points[0]
	}
	plain := math.Pow(15_000.0/10_000, -2.222) * 574.25 / 210 // %LEL of LPG: 10 kΩ at 5 V, 2 V over it
	for _, c := range []struct {
		name, text string
		air        *climate.Air
		want       float64
		q          telemetry.Quality
	}{
		{"as calibrated", mq2, &climate.Air{Temperature: 20, Humidity: 60}, plain, telemetry.Good},
		{"dry", mq2, &climate.Air{Temperature: 20, Humidity: 30}, plain * math.Pow(1.27/1.08, 2.222), telemetry.Good},
		{"dry and cold", mq2, &climate.Air{Temperature: 0, Humidity: 30}, plain * math.Pow(1.56/1.08, 2.222), telemetry.Good},
		{"warm and damp", mq2, &climate.Air{Temperature: 40, Humidity: 85}, plain, telemetry.Good},
		{"nobody knows", mq2, nil, plain, telemetry.Suspect},
		{"a table of one's own", mq2 + ownAir, &climate.Air{Temperature: 0, Humidity: 20}, plain * math.Pow(2/(1.5-0.75*4/7), 2.222), telemetry.Good},
		{"no climate", "adc: {kind: test}\nwarm_up: 0s\ncalibration: {r0: 10000}\n", nil, plain, telemetry.Good},
	} {
		synctest.Test(t, func(t *testing.T) {
			if p := read(t, c.text, c.air); math.Abs(p.Value-c.want) > 1e-6*c.want || p.Quality != c.q {
				t.Errorf("%s: got %v, want %g %v", c.name, p, c.want, c.q)
			}
		})
	}
}

// The air bears on the value; a broken element is one in any air.
func TestAirHidesNoFault(t *testing.T) {
	s := sensor(t, "mq4", "gas.ch4", 10_000)
	for _, c := range []struct {
		volts float64
		want  telemetry.Quality
	}{{0, telemetry.Open}, {s.volts(45), telemetry.Open}, {4.96, telemetry.Short}} {
		for _, air := range []float64{1, 3} {
			if v, q := s.Judge(c.volts, air); q != c.want || v != 0 {
				t.Errorf("%g V, air %g: got %g %v, want %v", c.volts, air, v, q, c.want)
			}
		}
	}
}

func TestCompensationOfAConfiguration(t *testing.T) {
	table := func(text string) string { return noTable + "compensation: {" + text + "}\n" }
	for text, want := range map[string]string{
		noTable + ownAir: "",
		noTable:          "x.yaml:2:10: no table of a MQ-4 is known",
		"adc: {kind: test}\ncalibration: {r0: 10000}\n" + ownAir:                                 "x.yaml:3:15: climate is missing",
		table("temperature: [0, 40], humidity: [20, 90], factor: [[2, 1], [1, 0.5]]"):            "x.yaml:4:15: source is missing",
		table("temperature: [40, 0], humidity: [20, 90], factor: [[2, 1], [1, 0.5]], source: x"): "x.yaml:4:15: temperature and humidity are lists of at least two numbers each, rising",
		table("temperature: [0, 0], humidity: [20, 90], factor: [[2, 1], [1, 0.5]], source: x"):  "x.yaml:4:15: temperature and humidity are lists",
		table("temperature: [0, 40], humidity: [20], factor: [[2, 1]], source: x"):               "x.yaml:4:15: temperature and humidity are lists",
		table("temperature: [0, 40], humidity: [20, 90], factor: [[2, 1], [1]], source: x"):      "x.yaml:4:15: factor has 2 rows: one for each of 2 humidities",
		table("temperature: [0, 40], humidity: [20, 90], factor: [[2, 1], [1, 0]], source: x"):   "x.yaml:4:15: factor 0 is not between 0.1 and 10",
		strings.Replace(noTable, "r0: 10000", "r0: 10000, humidity: 120", 1) + ownAir:            "x.yaml:3:36: humidity 120 is not between 0 and 100",
		strings.Replace(noTable, "r0: 10000", "r0: 10000, temperature: 72", 1) + ownAir:          "x.yaml:3:39: temperature 72 is not between -20 and 60",
	} {
		var own Own
		err := conf.Decode("x.yaml", []byte(text), &own)
		if err == nil {
			_, err = own.Device(Models["mq4"], devices.Info{ID: "k"}, Parts{ADC: (&adctest.Input{}).Open, Catalogue: catalogue, Rooms: climate.NewRooms()})
		}
		if (err != nil) != (want != "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// Whatever a table and the air are, a factor is one of the table's or between them.
func FuzzFactors(f *testing.F) {
	f.Add(20.0, 65.0)
	f.Fuzz(func(t *testing.T, temp, rh float64) {
		if math.IsNaN(temp) || math.IsNaN(rh) {
			return
		}
		all := slices.Concat(mq2Air.Factor...)
		if got := mq2Air.At(climate.Air{Temperature: temp, Humidity: rh}); !(got >= slices.Min(all)-1e-9 && got <= slices.Max(all)+1e-9) {
			t.Errorf("%g °C, %g %%RH: got %g", temp, rh, got)
		}
	})
}
