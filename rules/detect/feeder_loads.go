package detect

import "math"

// load is one open edge of the feeder.
type load struct {
	Since  int64   // Unix ms; 0: the place is free
	Ended  int64   // 0: on
	Power  float64 // W of the edge
	Before float64 // var of the feeder before the edge
	Non    float64 // var of the edge
	NonN   float64 // readings that told Non; 0: none yet
	Sealed bool    // another edge came since: Non is final
	Climb  float64 // W by which the feeder drifted up on plateaus since
	Rough  float64 // W: least unrest of a plateau since; 0: none was long enough
	Low    int64   // since when the feeder draws less than this load needs; 0: it does not
	Energy float64 // Wh
}

// seal ends the time in which a load's power factor is read.
func (s *feederState) seal() {
	for i := range s.Loads {
		s.Loads[i].Sealed = true
	}
}

// up opens a load, or reopens one that paused.
func (s *feederState) up(t int64, d, non float64) {
	s.seal()
	place, oldest := -1, -1
	for i := range s.Loads {
		l := &s.Loads[i]
		switch {
		case l.Since == 0:
			place = i
		case l.Ended != 0 && t-l.Ended <= feederBack && math.Abs(l.Power-d) <= max(15, 0.12*d):
			l.Ended, l.Low = 0, 0
			return
		case l.Ended != 0 && t-l.Ended > feederBack:
			*l = load{}
			place = i
		case oldest < 0 || l.Power < s.Loads[oldest].Power:
			oldest = i
		}
	}
	if place < 0 {
		place = max(oldest, 0) // the smallest makes room
	}
	s.Loads[place] = load{Since: t, Power: d, Before: non}
}

// down closes the open load that fits the edge best; the younger of two that
// fit alike.
func (s *feederState) down(t int64, d float64) {
	s.seal()
	best, off := -1, 1.0
	for i := range s.Loads {
		l := &s.Loads[i]
		if l.Since == 0 || l.Ended != 0 {
			continue
		}
		miss := min(math.Abs(l.Power-d), math.Abs(l.Power+l.Climb-d)) / max(20, 0.15*d)
		if miss < off || miss < off+0.1 && best >= 0 && miss < 1 && l.Since > s.Loads[best].Since {
			best, off = i, miss
		}
	}
	if best >= 0 {
		s.Loads[best].Ended = t
	}
}

// balance closes loads that the plateau cannot hold together with the dwelling's
// floor: first the one that is nearest to what is too much.
func (s *feederState) balance(t int64) {
	for {
		sum, n := 0.0, 0
		for i := range s.Loads {
			if l := &s.Loads[i]; l.Since != 0 && l.Ended == 0 {
				sum, n = sum+l.Power, n+1
			}
		}
		excess := sum - (s.Level - s.Floor)
		if n == 0 || excess < max(40, 0.1*sum) {
			return
		}
		best, off := -1, math.Inf(1)
		for i := range s.Loads {
			l := &s.Loads[i]
			if l.Since == 0 || l.Ended != 0 {
				continue
			}
			if miss := math.Abs(l.Power - excess); miss < off {
				best, off = i, miss
			}
		}
		s.Loads[best].Ended = t
	}
}

// review closes loads that cannot be on and finds the one most like a charger.
func (s *feederState) review(t int64, dt float64) {
	s.Best, s.BestScore = -1, 0
	for i := range s.Loads {
		l := &s.Loads[i]
		if l.Since == 0 || l.Ended != 0 {
			continue
		}
		l.Energy += float64(l.Power*dt) / 3600_000
		switch {
		case s.Value >= s.Floor+float64(0.75*l.Power) || s.Value >= 0.97*l.Power:
			l.Low = 0
		case l.Low == 0:
			l.Low = t
		case t-l.Low >= feederLowFor:
			l.Ended = t
			continue
		}
		if (t-l.Since)/1000 > feederLong {
			l.Ended = t
			continue
		}
		if score := l.score(t); score > s.BestScore {
			s.Best, s.BestScore = int64(i), score
		}
	}
}

// score is how likely the load is a charger, 0 to 1.
func (l *load) score(t int64) float64 {
	if l.Power < feederLeast || l.Power > feederMost {
		return 0
	}
	if l.NonN == 0 {
		return 0
	}
	held := float64(t - l.Since)
	factor := l.Power / math.Sqrt(float64(l.Power*l.Power)+float64(l.Non*l.Non))
	return float64(l.byFactor(factor)*share(held, feederFull)) * l.calm()
}

// calm says whether the load works evenly: whether, while it was on, there was a
// plateau as quiet as one with a charger may be. A screen or a computer leaves
// none.
func (l *load) calm() float64 {
	if l.Rough == 0 {
		return 0.5
	}
	return share(float64(0.03*l.Power)+3-l.Rough, float64(0.015*l.Power)+1)
}

// byFactor weighs a load by the power factor of its edge.
func (l *load) byFactor(factor float64) float64 {
	switch {
	case l.Non < 0 || factor < 0.35:
		return 0.1
	case factor < 0.45:
		return 0.1 + float64(8*(factor-0.35)*share(l.Power-30, 80))
	case factor <= 0.68:
		return 0.9 * share(l.Power-30, 80) // lamps are smaller
	case factor <= 0.76:
		return 0.1 + float64(10*(0.76-factor)*share(l.Power-30, 80))
	case factor < 0.92 || factor > 0.99:
		return 0.1
	}
	return 0.15 + float64(0.65*share(l.Power-200, 100))
}
