package sim

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLeakIsTheFactsExample(t *testing.T) {
	r := Room{Volume: 8, AirChanges: 0.5}
	if got := r.Leak(0.1, time.Minute); math.Abs(got-0.42) > 0.01 {
		t.Errorf("after a minute: got %.3f %%LEL, want 0.42", got)
	}
	if got := r.Settled(0.1); math.Abs(got-50) > 1e-9 {
		t.Errorf("settled: got %g %%LEL, want 50", got)
	}
	if got := r.Leak(0.1, 48*time.Hour); math.Abs(got-50) > 1e-6 {
		t.Errorf("after two days: got %g %%LEL, want 50", got)
	}
}

// The closed form satisfies dc/dt = Q/V − n·c at any time.
func TestLeakSatisfiesItsEquation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Room{Volume: rapid.Float64Range(4, 60).Draw(t, "V"), AirChanges: rapid.Float64Range(0.1, 5).Draw(t, "n")}
		q := rapid.Float64Range(0.02, 0.3).Draw(t, "Q")
		at := time.Duration(rapid.Int64Range(int64(time.Minute), int64(10*time.Hour)).Draw(t, "t"))
		const h = time.Second
		c := r.Leak(q, at)
		if c > 300 {
			return // near pure gas the result is capped
		}
		got := (r.Leak(q, at+h) - r.Leak(q, at-h)) / (2 * h.Hours())
		want := q/r.Volume*100/5*100 - r.AirChanges*c
		if math.Abs(got-want) > 1e-3*q/r.Volume*2000+1e-4 {
			t.Fatalf("dc/dt: got %g, want %g %%LEL/h", got, want)
		}
	})
}

func TestChargerRunsFromBulkThroughTaperToFloat(t *testing.T) {
	for _, c := range []Charger{LeadAcid(240, 0.5, 0.6), Lithium(520, 1, 0.97)} {
		last, falling := 0.0, false
		for at := c.Ramp; at < c.Length()+time.Hour; at += 10 * time.Second {
			p := c.Watts(at)
			if p < last-1e-9 {
				falling = true
			} else if falling && p > last+1e-9 {
				t.Fatalf("power rises again at %v", at)
			}
			if p > c.Power+1e-9 {
				t.Fatalf("%.1f W at %v is more than the charger's %.0f", p, at, c.Power)
			}
			last = p
		}
		if last != c.Float {
			t.Errorf("ends at %g W, want its float of %g", last, c.Float)
		}
	}
}

func TestBurstReachesItsPeakAndGoes(t *testing.T) {
	b := Burst{Peak: 12, Rise: 15 * time.Second, Decay: 3 * time.Minute}
	top := 0.0
	for s := range 1200 {
		top = max(top, b.At(time.Duration(s)*time.Second))
	}
	if math.Abs(top-12) > 0.01 {
		t.Errorf("peak: got %g, want 12", top)
	}
	if end := b.At(20 * time.Minute); end > 0.05 {
		t.Errorf("after 20 min: got %g, want next to nothing", end)
	}
}

// Any moment can be asked for again and in any order.
func TestSimulationIsAFunctionOfTime(t *testing.T) {
	h := House{Seed: 7}
	s := Sensor{Seed: 3, Noise: 2, Relative: 0.01, Step: 1}
	at := func(i int) float64 {
		d := time.Duration(i) * 10 * time.Second
		return s.Read(d, h.Watts(d))
	}
	var forward []float64
	for i := range 1000 {
		forward = append(forward, at(i))
	}
	for i := 999; i >= 0; i-- {
		if got := at(i); got != forward[i] {
			t.Fatalf("reading %d: got %g backwards, %g forwards", i, got, forward[i])
		}
	}
}

func TestNormalIsNormal(t *testing.T) {
	var sum, squares float64
	const n = 20000
	for i := range int64(n) {
		x := Normal(42, i)
		sum += x
		squares += x * x
	}
	if m, v := sum/n, squares/n; math.Abs(m) > 0.03 || math.Abs(v-1) > 0.05 {
		t.Errorf("mean %g, variance %g; want 0 and 1", m, v)
	}
}

func TestHouseLooksLikeOne(t *testing.T) {
	for seed := range uint64(5) {
		h := House{Seed: seed}
		var energy, top float64
		for m := range 1440 {
			w := h.Watts(time.Duration(m) * time.Minute)
			energy += w / 60 / 1000
			top = max(top, w)
		}
		if energy < 1 || energy > 30 || top < 1000 {
			t.Errorf("house %d: %.1f kWh a day, %.0f W at most", seed, energy, top)
		}
	}
}

// Every kind of appliance that a socket may carry comes up, draws something within
// two days, and has a power factor and harmonics that there can be; any moment of a
// day gives the same answer again.
func TestSocketDays(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(600) {
		d := DrawSocketDay(seed, seed%10 == 0)
		if (d.Charger != nil) != (seed%10 == 0) {
			t.Fatalf("day %d: %s", seed, d.Kind)
		}
		for at := time.Duration(0); at < 48*time.Hour; at += 97 * time.Second {
			w := d.Watts(at)
			f, h := d.Factor(w), d.Distortion(w)
			if w < 0 || w > 3000 || f < 0 || f > 1 || h < 0 || h > 250 || w != d.Watts(at) {
				t.Fatalf("day %d, %s, after %v: %g W at %g with %g %% of harmonics", seed, d.Kind, at, w, f, h)
			}
			seen[d.Kind] = seen[d.Kind] || w > 0
		}
	}
	for _, k := range socketKinds() {
		if !seen[k.name] {
			t.Errorf("no %s that draws anything", k.name)
		}
	}
	if len(seen) != len(socketKinds())+1 {
		t.Errorf("%d kinds came up, want %d and the charger", len(seen), len(socketKinds()))
	}
}
