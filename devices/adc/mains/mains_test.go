package mains

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/adc/adctest"
)

// pulses is the current of a rectifier with a capacitor: two half-sine pulses a cycle,
// each of a part width of the half cycle. Its RMS is peak·√(width/2), so that its crest
// factor is √(2/width).
func pulses(hz, peak, width float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		phase := math.Mod(at.Seconds()*hz+1, 1) * 2 // of half cycles
		sign := 1.0
		if phase >= 1 {
			phase, sign = phase-1, -1
		}
		x := (phase - 0.4) / width // late in neither half
		if x < 0 || x > 1 {
			return 0
		}
		return sign * peak * math.Sin(math.Pi*x)
	}
}

func sine(hz, peak float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 { return peak * math.Sin(2*math.Pi*hz*at.Seconds()) }
}

// converters of the table in the package doc.
var converters = []struct {
	name   string
	rate   float64
	smooth bool
	step   float64
	damped float64
}{
	{"ads1115", 860, true, 125e-6, 860},
	{"ads1015", 3300, true, 2e-3, 3300},
	{"mcp3208", 4000, false, 3.3 / 4096, 0},
}

func measure(t *testing.T, in *adctest.Input, wave func(time.Duration) float64, late time.Duration, seed uint64) Wave {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	start := time.Duration(r.Int64N(int64(20 * time.Millisecond)))
	in.Wave = func(at time.Duration) float64 { return 1.65 + wave(at+start) }
	in.Late = func() time.Duration { return time.Duration(r.Int64N(int64(late))) }
	s, err := in.Burst(t.Context(), Length(50, 10))
	if err != nil {
		t.Fatal(err)
	}
	w, err := Measure(s, 50, 10)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The errors that the package doc states, worst of 40 bursts at any phase.
func TestErrors(t *testing.T) {
	const peak = 0.2 // V: 2 A of a 30 A transformer
	for _, c := range []struct {
		name   string
		wave   func(hz float64) func(time.Duration) float64
		rms    float64
		within [3][2]float64 // % from, to, by converter
	}{
		{"sine", func(hz float64) func(time.Duration) float64 { return sine(hz, peak) }, peak / math.Sqrt2, [3][2]float64{{-0.5, 0.5}, {-0.5, 0.5}, {-0.5, 0.5}}},
		{"crest 2.5", charger(2.5, peak), peak / 2.5, [3][2]float64{{-7, -1.5}, {-1.5, 1.5}, {-1.5, 1.5}}},
		{"crest 3", charger(3, peak), peak / 3, [3][2]float64{{-12, -5}, {-2.5, 1}, {-2, 1.5}}},
		{"crest 3.4", charger(3.4, peak), peak / 3.4, [3][2]float64{{-18, -8}, {-3.5, 1.5}, {-3, 2.5}}},
	} {
		for i, conv := range converters {
			t.Run(c.name+" "+conv.name, func(t *testing.T) {
				late := 600 * time.Microsecond
				low, high := 1e9, -1e9
				for seed := range uint64(40) {
					hz := []float64{50, 49.8, 50.2, 49.5, 50.5}[seed%5]
					in := adctest.Input{Rate: conv.rate, Smooth: conv.smooth, Step: conv.step}
					w := measure(t, &in, c.wave(hz), late, seed)
					e := 100 * (w.RMS/Damping(50, conv.damped)/c.rms - 1)
					low, high = min(low, e), max(high, e)
				}
				t.Logf("error %.2f to %.2f %%", low, high)
				if low < c.within[i][0] || high > c.within[i][1] {
					t.Errorf("error %.2f to %.2f %%, stated %v", low, high, c.within[i])
				}
			})
		}
	}
}

func charger(crest, peak float64) func(float64) func(time.Duration) float64 {
	return func(hz float64) func(time.Duration) float64 { return pulses(hz, peak, 2/(crest*crest)) }
}

// The test's own waveform has the RMS that it claims.
func TestPulses(t *testing.T) {
	for _, crest := range []float64{2.5, 3, 3.4} {
		f := charger(crest, 1)(50)
		var squares float64
		const n = 100_000
		for i := range n {
			v := f(20 * time.Millisecond * time.Duration(i) / n)
			squares += v * v / n
		}
		if got := 1 / math.Sqrt(squares); math.Abs(got-crest) > 0.01 {
			t.Errorf("crest factor %g, want %g", got, crest)
		}
	}
}

func TestNoSignal(t *testing.T) {
	in := adctest.Input{Rate: 860}
	in.Set(1.65)
	s, _ := in.Burst(t.Context(), Length(50, 10))
	w, err := Measure(s, 50, 10)
	if err != nil || w.RMS != 0 || math.Abs(w.Mean-1.65) > 1e-9 {
		t.Errorf("got %+v, %v", w, err)
	}
}

func TestTooLittle(t *testing.T) {
	in := adctest.Input{Rate: 860}
	s, _ := in.Burst(t.Context(), 150*time.Millisecond)
	if _, err := Measure(s, 50, 10); err != ErrShort {
		t.Errorf("a burst that ends early: %v", err)
	}
	in.Rate = 128
	s, _ = in.Burst(t.Context(), time.Second)
	if _, err := Measure(s, 50, 10); err != ErrShort {
		t.Errorf("too few samples: %v", err)
	}
	if _, err := Measure(nil, 50, 10); err != ErrShort {
		t.Errorf("none: %v", err)
	}
}

func FuzzMeasure(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, cycles uint8) {
		var s []adc.Sample
		at := time.Duration(0)
		for _, x := range b {
			at += time.Duration(x) * 20 * time.Microsecond
			s = append(s, adc.Sample{At: at, Volts: float64(x) / 100})
		}
		w, err := Measure(s, 50, int(cycles%12)+1)
		if err == nil && (math.IsNaN(w.RMS) || w.RMS > w.High-w.Low || w.Mean < w.Low-1e-9 || w.Mean > w.High+1e-9) {
			t.Error(fmt.Sprint(w, s))
		}
	})
}
