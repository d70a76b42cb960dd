package detect

import "math"

// The shape of a load's current tells kinds apart that power alone does not. A
// rectifier without correction takes pulses: power factor 0.4–0.66, harmonics above
// 80 %; most chargers have one (V, C), and small supplies. One with
// correction is any good supply or a charger. A motor lags, at 0.6–0.9, with few
// harmonics; heaters and filaments are at 1. A meter tells it of the whole circuit,
// so what was drawn before the load came is taken off.
const (
	shapeKnown    = 1.0  // the most that a power factor may be taken for
	shapeReactive = 0.98 // where it is worked out from reactive power: harmonics may be missing in that
	shapePulses   = 60.0 // % of harmonics that a rectifier without correction has at least
	shapeSmooth   = 30.0 // % that nothing else has more of
	shapeAlone    = 0.2  // of a load's power: the circuit draws less beside it, so that its harmonics are the load's

	oddsPulses = 3.0 // times, for a rectifier's current
	oddsMotor  = 0.2 // times, for a motor's, or a heater's
)

// shapeState is what is known of a load's current.
type shapeState struct {
	IdleN      float64 // var that the circuit draws with nothing on it
	Factor     float64 // power factor of the load itself; 0: unknown
	Distortion float64 // % of harmonics in its current; 0: unknown
}

// drawn is what the load draws, and whether it has come to rest after its start.
func (s *socketState) drawn(t int64) (watts float64, ok bool) {
	watts = s.Value - s.Idle
	return watts, s.On && s.OffSince == 0 && t-s.Since >= socketSurgeIn && watts >= socketOn
}

// nonActive takes what the circuit draws beside active power, in var. Harmonics
// stand at right angles to what lags on a circuit already.
func (s *socketState) nonActive(t int64, n, most float64) {
	if !s.On {
		s.IdleN += float64((n - s.IdleN) / 8)
		return
	}
	watts, ok := s.drawn(t)
	if !ok {
		return
	}
	square := float64(watts * watts)
	factor := min(watts/math.Sqrt(square+max(float64(n*n)-float64(s.IdleN*s.IdleN), 0)), most)
	if s.Factor == 0 {
		s.Factor = factor
	}
	s.Factor += float64((factor - s.Factor) / 4)
}

// distortion takes the harmonics of the circuit's current, in %.
func (s *socketState) distortion(t int64, percent float64) {
	if watts, ok := s.drawn(t); ok && s.Idle < shapeAlone*watts {
		s.Distortion = percent
	}
}

// shapeOdds is what the shape of the current is worth.
func (s *socketState) shapeOdds() float64 {
	factor := 1.0
	if s.Factor > 0 {
		factor = factorOdds(s.Factor)
	}
	if s.Distortion == 0 || s.Factor > 0.92 {
		return factor
	}
	pulses := share(s.Distortion-shapeSmooth, shapePulses-shapeSmooth)
	smooth := oddsMotor
	if s.Factor == 0 {
		smooth = 1 // a motor, a heater, or a charger with correction
	}
	return smooth + float64((oddsPulses-smooth)*pulses)
}

// factorOdds is what a power factor alone is worth, in straight lines.
func factorOdds(factor float64) float64 {
	points := [...][2]float64{{0.35, 1}, {0.42, oddsPulses}, {0.6, oddsPulses}, {0.7, 0.5}, {0.76, oddsMotor}, {0.87, oddsMotor}, {0.92, 1}, {0.985, 1}, {0.99, 0.8}, {0.998, oddsMotor}}
	last := points[0]
	for _, p := range points {
		if factor <= p[0] {
			if p == last {
				break
			}
			return last[1] + float64((p[1]-last[1])*((factor-last[0])/(p[0]-last[0])))
		}
		last = p
	}
	return last[1]
}
