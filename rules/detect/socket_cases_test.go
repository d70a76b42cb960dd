package detect

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"weishao.dev/weishao/internal/sim"
)

// socketRun feeds a corridor's socket with power every 5 s, and with the power
// factor where the load has one, and hands what it is after each reading to look.
func socketRun(length time.Duration, watts, factor func(time.Duration) float64, look func(at time.Duration, s *socketState)) {
	d := newCharging("corridor_socket", 0)
	s := d.(*chargingDetector).socket
	for at := time.Duration(0); at < length; at += 5 * time.Second {
		ms := at.Milliseconds() + 1
		d.Observe(chargePower, ms, watts(at))
		if factor != nil {
			d.Observe(chargeFactor, ms, factor(at))
		}
		look(at, s)
	}
}

// raised is when the likelihood first reaches 0.8; negative: never.
func raised(length time.Duration, watts, factor func(time.Duration) float64) time.Duration {
	at := time.Duration(-1)
	socketRun(length, watts, factor, func(t time.Duration, s *socketState) {
		if at < 0 && s.likelihood() >= 0.8 {
			at = t
		}
	})
	return at
}

func flat(watts float64, from time.Duration) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		if t < from {
			return 0
		}
		return watts
	}
}

// The shape of the current speaks for a charger or against it; what a circuit draws
// of its own does not count.
func TestTheShapeOfTheCurrentCounts(t *testing.T) {
	const start = 10 * time.Minute
	at := func(factor float64) float64 {
		likely := 0.0
		socketRun(start+5*time.Minute, flat(150, start), func(time.Duration) float64 { return factor }, func(_ time.Duration, s *socketState) { likely = s.likelihood() })
		return likely
	}
	alone := 0.0
	socketRun(start+5*time.Minute, flat(150, start), nil, func(_ time.Duration, s *socketState) { alone = s.likelihood() })
	if plain, corrected, motor, heater := at(0.56), at(0.96), at(0.8), at(1); plain < alone+0.05 || math.Abs(corrected-alone) > 0.01 || motor > 0.6 || heater > 0.6 || alone < 0.8 {
		t.Errorf("likelihood without power factor %.2f, at 0.56 %.2f, 0.96 %.2f, 0.8 %.2f, 1 %.2f", alone, plain, corrected, motor, heater)
	}

	// 30 W that lag by 150 var, and a corrected charger beside them.
	likely := 0.0
	watts := func(t time.Duration) float64 { return 30 + flat(150, start)(t) }
	socketRun(start+5*time.Minute, watts, func(t time.Duration) float64 {
		return sim.Factor(watts(t), math.Hypot(150, flat(150, start)(t)*math.Sqrt(1/(0.96*0.96)-1)))
	}, func(_ time.Duration, s *socketState) { likely = s.likelihood() })
	if math.Abs(likely-alone) > 0.01 {
		t.Errorf("a corrected charger beside a lagging load %.2f, alone %.2f", likely, alone)
	}
}

// What a meter tells of a load's current in other ways counts alike: reactive
// power, voltage and current, harmonics.
func TestTheShapeIsToldInManyWays(t *testing.T) {
	type reading struct {
		input int
		value float64
	}
	at := func(more ...reading) float64 {
		d := newCharging("corridor_socket", 0)
		for now := time.Duration(0); now < 15*time.Minute; now += 5 * time.Second {
			ms, w := now.Milliseconds()+1, flat(150, 10*time.Minute)(now)
			d.Observe(chargePower, ms, w)
			for _, r := range more {
				if w > 0 || r.input == chargeVoltage {
					d.Observe(r.input, ms, r.value)
				} else {
					d.Observe(r.input, ms, 0)
				}
			}
		}
		likely, _ := d.Output(0)
		return likely
	}
	alone := at()
	for _, c := range []struct {
		name  string
		sign  float64
		likes float64
	}{
		{"200 var", 1, at(reading{chargeReactive, 200})},
		{"110 var", -1, at(reading{chargeReactive, 110})},
		{"no var, as harmonics are no reactive power", 0, at(reading{chargeReactive, 0})},
		{"220 V and 1.2 A", 1, at(reading{chargeVoltage, 220}, reading{chargeCurrent, 1.2})},
		{"220 V and 0.85 A", -1, at(reading{chargeVoltage, 220}, reading{chargeCurrent, 0.85})},
		{"harmonics of 130 %", 1, at(reading{chargeDistortion, 130})},
		{"harmonics of 130 % at 0.75", 1, at(reading{chargeFactor, 0.75}, reading{chargeDistortion, 130})},
		{"harmonics of 10 %", 0, at(reading{chargeDistortion, 10})},
		{"harmonics of 10 % at 0.6", -1, at(reading{chargeFactor, 0.6}, reading{chargeDistortion, 10})},
	} {
		if diff := c.likes - alone; c.sign == 0 && math.Abs(diff) > 0.01 || c.sign != 0 && diff*c.sign < 0.05 {
			t.Errorf("%s: the likelihood is %.2f, and %.2f with power alone", c.name, c.likes, alone)
		}
	}
}

// The odds of a power factor have no jumps.
func TestFactorOddsAreSmooth(t *testing.T) {
	for f := 0.0; f < 1; f += 0.001 {
		if a, b := factorOdds(f), factorOdds(f+0.001); math.Abs(a-b) > 0.1 || a <= 0 {
			t.Fatalf("odds jump from %g to %g at a factor of %g", a, b, f)
		}
	}
}

// What was on when the watch began is a standing load unless it climbs or tapers;
// what is plugged in beside it is found, and the standing load may go off meanwhile.
func TestStandingLoads(t *testing.T) {
	if at := raised(24*time.Hour, flat(90, 0), nil); at >= 0 {
		t.Errorf("a load that was on at the beginning and never changes: raised after %v", at)
	}
	c := sim.Lithium(220, 0.6, 0.97)
	if at := raised(c.Length(), c.Watts, nil); at < 0 || at > c.Bulk {
		t.Errorf("a charger that was on at the beginning: raised after %v, want in its bulk of %v", at, c.Bulk)
	}
	const plugged, off = 3 * time.Hour, 4 * time.Hour
	watts := func(t time.Duration) float64 {
		w := c.Watts(t - plugged)
		if t < off {
			w += 100
		}
		return w
	}
	if at := raised(24*time.Hour, watts, nil); at < plugged || at > plugged+3*time.Minute {
		t.Errorf("a charger beside a standing load: raised after %v, plugged in at %v", at, plugged)
	}
	socketRun(plugged+c.Bulk, watts, nil, func(at time.Duration, s *socketState) {
		if at > plugged+time.Minute && math.Abs(s.Level-c.Watts(at-plugged)) > 25 && at != off {
			t.Fatalf("after %v its power is taken for %.0f W, want %.0f", at, s.Level, c.Watts(at-plugged))
		}
	})
}

// A second charger that comes while the first one charges, and stays longer, is one
// suspicion with it that ends when both are done.
func TestTwoChargers(t *testing.T) {
	a, b := sim.Lithium(180, 0.6, 0.6), sim.LeadAcid(240, 0.5, 0.6)
	const first, second = 10 * time.Minute, 90 * time.Minute
	socketRun(second+b.Length(), func(t time.Duration) float64 { return a.Watts(t-first) + b.Watts(t-second) }, nil, func(at time.Duration, s *socketState) {
		if likely := s.likelihood(); at > first+3*time.Minute && at < second+b.Bulk && likely < 0.7 {
			t.Fatalf("after %v the likelihood is %.2f", at, likely)
		}
	})
}

// A kettle before it puts a charger off for half an hour since the kettle, not more.
func TestChargerAfterAKettle(t *testing.T) {
	c := sim.LeadAcid(200, 0.8, 0.6)
	const kettle, plugged = 10 * time.Minute, 35 * time.Minute
	at := raised(3*time.Hour, func(t time.Duration) float64 {
		if t >= kettle && t < kettle+3*time.Minute {
			return 2000
		}
		return c.Watts(t - plugged)
	}, nil)
	if at < plugged || at > kettle+3*time.Minute+30*time.Minute+time.Minute {
		t.Errorf("raised after %v, plugged in at %v", at, plugged)
	}
}

// A compressor is none, whether a reading catches its surge or not, and though it
// creeps up in its first minute.
func TestCompressorsAreNotChargers(t *testing.T) {
	for _, surge := range []float64{0, 300, 700, 1100} {
		at := raised(12*time.Hour, func(t time.Duration) float64 {
			in := (t - 20*time.Minute) % (3 * time.Hour)
			switch {
			case t < 20*time.Minute || in > 110*time.Minute:
				return 0
			case in == 0 && surge > 0:
				return surge
			}
			return 124 + float64(58*math.Exp(-in.Minutes()/30)) - float64(14*math.Exp(-in.Minutes()/0.6))
		}, nil)
		if at >= 0 {
			t.Errorf("a compressor with a first reading of %g W: raised after %v", surge, at)
		}
	}
}

// A motor that surges and runs for less than ten minutes is none; a charger whose
// inrush a reading caught is found a little later.
func TestSurges(t *testing.T) {
	surge := func(watts float64, length time.Duration) func(time.Duration) float64 {
		return func(t time.Duration) float64 {
			switch in := t - 10*time.Minute; {
			case in < 0 || in >= length:
				return 0
			case in < 5*time.Second:
				return 2.5 * watts
			}
			return watts
		}
	}
	if at := raised(time.Hour, surge(200, 9*time.Minute), nil); at >= 0 {
		t.Errorf("a motor: raised after %v", at)
	}
	if at := raised(time.Hour, surge(200, time.Hour), nil); at < 0 || at > 26*time.Minute {
		t.Errorf("a charger with an inrush: raised after %v", at)
	}
}

// What comes again and again, as strong and as long, is taken for a charger less
// and less.
func TestALoadThatComesBack(t *testing.T) {
	likely := make([]float64, 6)
	socketRun(12*time.Hour, func(t time.Duration) float64 {
		if t%(2*time.Hour) < time.Hour {
			return 0
		}
		return 180
	}, nil, func(at time.Duration, s *socketState) {
		if at%(2*time.Hour) == 70*time.Minute {
			likely[at/(2*time.Hour)] = s.likelihood()
		}
	})
	if likely[0] < 0.8 || likely[2] < 0.8 || likely[3] > 0.75 || likely[5] > likely[3] {
		t.Errorf("likelihoods of the six turns: %.2f", likely)
	}
}

// A battery that follows another on the same charger is bulk again; a float is told
// from the end.
func TestStagesOfTwoBatteriesAndAFloat(t *testing.T) {
	one, two := sim.LeadAcid(200, 0.25, 0.6), sim.LeadAcid(170, 0.25, 0.6)
	const plugged = 10 * time.Minute
	swap := plugged + one.Bulk
	end := swap + two.Length()
	var stages []int64
	socketRun(end+2*time.Hour, func(t time.Duration) float64 {
		switch {
		case t < swap:
			return one.Watts(t - plugged)
		case t < swap+30*time.Second || t > end+time.Hour:
			return 0
		}
		return two.Watts(t - swap)
	}, nil, func(at time.Duration, s *socketState) {
		if n := len(stages); n == 0 || stages[n-1] != s.Stage {
			stages = append(stages, s.Stage)
		}
	})
	want := []int64{stageNone, stageBulk, stageTaper, stageBulk, stageTaper, stageFloat, stageDone}
	if len(stages) != len(want) {
		t.Fatalf("stages %v, want %v", stages, want)
	}
	for i := range want {
		if stages[i] != want[i] {
			t.Fatalf("stages %v, want %v", stages, want)
		}
	}
}

// A charger without dips stays one while its bulk lasts, though one that hardly
// climbs is less sure after hours; and when it is found depends neither on what the
// circuit draws of its own nor on when it is plugged in.
func TestAChargerStaysOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := sim.DrawCharger(rapid.Uint64().Draw(t, "charger"), 0.15)
		c.Dips = false
		plugged := time.Duration(rapid.Int64Range(1, 360).Draw(t, "plugged")) * 5 * time.Second
		idle := rapid.Float64Range(0, 30).Draw(t, "idle")
		found := func(idle float64, plugged time.Duration) time.Duration {
			at := time.Duration(-1)
			socketRun(plugged+c.Bulk, func(t time.Duration) float64 { return idle + c.Watts(t-plugged) }, nil, func(now time.Duration, s *socketState) {
				likely := s.likelihood()
				if at < 0 && likely >= 0.8 {
					at = now - plugged
				}
				if s.Flagged && likely < 0.6 {
					t.Fatalf("the likelihood falls to %g after %v", likely, now-plugged)
				}
			})
			return at
		}
		a, b := found(0, 10*time.Minute), found(idle, plugged)
		if a < 0 || a > 3*time.Minute || a-b > 5*time.Second || b-a > 5*time.Second {
			t.Fatalf("found after %v; after %v with %g W of its own and plugged in at %v", a, b, idle, plugged)
		}
	})
}
