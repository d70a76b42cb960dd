package detect

import (
	"math"
	"slices"
)

// A feeder whose meter has no power factor is judged by shape. Loads come and go,
// but while a charger is on the dwelling never falls below what it drew before
// plus the charger; and that floor climbs in a straight line, by some percent of
// the charger's power an hour, as the battery's voltage does. Lamps and heaters
// hold, motors fall after their start, screens and computers leave no line.
//
// So every five minutes a line is laid under the last three quarters of an hour
// to hour and a half (their lower convex hull), and asked:
//
//   - do readings lie on it, for minutes on end, do they scatter no more than the
//     meter's noise does, and are few just beside it? A line that readings lie on
//     by chance has as many beside it;
//   - does it climb, surely, and as a battery does?
//   - is there one step up since which the floor never fell back, and which
//     accounts for all that the line stands above what was before it?
//
// The score is the product of the answers, each between 0 and 1, and the load
// keeps the most it had until the floor falls back. What a score is worth was
// counted: see likelihood.
const (
	climbMinutes = 90     // minute means that are kept
	climbFloors  = 96     // five-minute minima that are kept: 8 h
	climbBin     = 5      // minutes of a minimum
	climbBefore  = 15     // minima (75 min) that tell what was before a step: a refrigerator's cycle
	climbHeld    = 8      // minima (40 min) that a step must have held
	climbRun     = 5      // minutes on the line on end that count
	climbLeast   = 55.0   // W of a charger
	climbMost    = 720.0  // W
	climbNoise   = 1.5    // W: no house is quieter
	climbGap     = 1800e3 // ms: after a longer silence it begins anew
	climbEven    = 0.3    // the score of which every second is a charger
)

// climbState is the plain state of a watched feeder with power alone.
type climbState struct {
	Known bool
	Last  int64   // Unix ms
	Value float64 // W, held since Last
	Sum   float64 // W·ms of the minute that Last is in

	Minute  [climbMinutes]float32 // ring of minute means, W
	Minutes int64                 // taken since it began
	Floor   [climbFloors]float32  // ring of the least of each five minutes, W
	Low     float32               // of the present five

	Noise float64 // least unrest between minutes seen lately, share of the power
	Step  float64 // W: least difference between minutes seen lately

	Load climbLoad
}

// climbLoad is the load most like a charger that is on. Score 0: there is none.
type climbLoad struct {
	Score  float64
	Since  int64   // Unix ms
	Before float64 // W of the dwelling before it
	Lift   float64 // W by which the line stands above that
	Climb  float64 // share of Lift an hour
	On     float64 // minutes on the line
}

func (s *climbState) observe(t int64, v float64) {
	if s.Known && t < s.Last {
		return
	}
	if s.Last == 0 || t-s.Last > climbGap {
		*s = climbState{Noise: s.Noise, Step: s.Step, Last: t}
	} else {
		s.hold(t)
	}
	s.Known, s.Value = true, v
}

// hold lets the last reading stand until t and closes the minutes that end in it.
func (s *climbState) hold(t int64) {
	for s.Last < t {
		end := min((s.Last/60_000+1)*60_000, t)
		s.Sum += float64(s.Value * float64(end-s.Last))
		if end%60_000 == 0 {
			s.minute(s.Sum / 60_000)
			s.Sum = 0
		}
		s.Last = end
	}
}

func (s *climbState) minute(v float64) {
	s.Minute[s.Minutes%climbMinutes] = float32(v)
	if s.Minutes%climbBin == 0 || float32(v) < s.Low {
		s.Low = float32(v)
	}
	s.Minutes++
	if s.Minutes%climbBin != 0 {
		return
	}
	s.Floor[(s.Minutes/climbBin-1)%climbFloors] = s.Low
	l := &s.Load
	if l.Score > 0 && max(s.floor(0), s.floor(1)) < l.Before+float64(0.6*l.Lift) {
		*l = climbLoad{}
	}
	s.judge()
}

// floor is the least power of five minutes, 0 being the newest.
func (s *climbState) floor(back int64) float64 {
	return float64(s.Floor[(s.Minutes/climbBin-1-back)%climbFloors])
}

// floors is how many of them there are.
func (s *climbState) floors() int64 { return min(s.Minutes/climbBin, climbFloors) }

// judge looks for a charger's line under the last minutes.
func (s *climbState) judge() {
	if s.floors() < climbHeld+climbBefore+1 {
		return
	}
	var all [climbMinutes]float64 // full: the floors above take longer
	for i := range all {
		all[i] = float64(s.Minute[(s.Minutes+int64(i))%climbMinutes])
	}
	level := s.unrest(all[climbMinutes-45:])
	var steps [climbFloors]step
	if !s.steps(&steps) {
		return
	}
	tol := max(climbNoise, 2.5*s.Noise*level, 0.6*s.Step)
	for _, window := range [...]int{45, 60, climbMinutes} {
		s.lines(all[climbMinutes-window:], tol, &steps)
	}
}

// unrest learns the meter's noise and steps from the quietest minutes lately, and
// gives the lower quartile of the power.
func (s *climbState) unrest(x []float64) float64 {
	var buf [climbMinutes]float64
	d := buf[:len(x)-1]
	for i := range d {
		d[i] = math.Abs(x[i+1] - x[i])
	}
	step := 0.0
	for _, v := range d {
		if v > 1e-3 && (step == 0 || v < step) {
			step = v
		}
	}
	half := len(d) / 2
	nth(d, half)
	noise := 0.0 // of the smaller half of normal differences the mean is 0.459 sigma
	for _, v := range d[:half] {
		noise += v / (0.459 * float64(half))
	}
	y := buf[:len(x)]
	copy(y, x)
	level := nth(y, len(y)/4)
	s.Noise = least(s.Noise, noise/max(level, 20))
	s.Step = least(s.Step, step)
	return level
}

// least follows the smallest value that is above 0, and forgets it within days.
func least(old, v float64) float64 {
	if v > 0 && (old == 0 || v < old) {
		return v
	}
	return old * 1.0005
}

// step is a place where the floor may have risen for good: what it never fell
// below since, what was least before it, within a refrigerator's cycle and within
// hours, and by how much it rose.
type step struct{ since, before, lowest, jump float64 }

// steps looks at every place far enough back; false when the floor does not stand a
// charger's power above what was before at any of them.
func (s *climbState) steps(list *[climbFloors]step) (some bool) {
	n := int(s.floors())
	var floor [climbFloors]float64 // the newest first
	for i := range n {
		floor[i] = s.floor(int64(i))
	}
	held := newTwoLeast()
	for _, v := range floor[:climbHeld] {
		held.add(v)
	}
	if held.second < slices.Min(floor[climbHeld:n])+float64(0.7*climbLeast) {
		return false // of most minutes: nothing is on that was not before
	}
	lowest, before := math.Inf(1), math.Inf(1)
	for k := n - climbBefore - 1; k > 0; k-- {
		p := &list[k]
		if before = min(before, floor[k+1]); k == n-climbBefore-1 || floor[k+1+climbBefore] == before {
			before = slices.Min(floor[k+1 : k+1+climbBefore]) // the least has gone out
		}
		p.before = before
		// A power cut is not what the dwelling draws.
		if v := floor[k+climbBefore]; v > 0.3*p.before {
			lowest = min(lowest, v)
		}
		p.lowest = min(p.before, lowest)
	}
	since := newTwoLeast()
	since.add(floor[0])
	for k := 2; k < n-climbBefore; k++ {
		since.add(floor[k-1])
		p := &list[k]
		p.jump = min(floor[k-1], floor[k-2]) - floor[k+1]
		if k >= climbHeld && p.jump >= 0.4*climbLeast && since.second >= p.lowest+float64(0.7*climbLeast) {
			p.since, some = since.second, true // the second lowest: one dip is no end
		}
	}
	return some
}

// twoLeast are the two lowest of the values that were added, infinite where there
// are fewer.
type twoLeast struct{ first, second float64 }

func newTwoLeast() twoLeast { return twoLeast{math.Inf(1), math.Inf(1)} }

func (l *twoLeast) add(v float64) {
	if v < l.first {
		l.first, l.second = v, l.first
	} else {
		l.second = min(l.second, v)
	}
}

// try fits a line to what lies on it and weighs it with every step that it can
// have begun with.
func (s *climbState) try(x []float64, l support, tol float64, steps *[climbFloors]step) {
	o := l.look(x, tol)
	for range 3 {
		if o.fit.N < 8 || o.fit.spread() <= 0 {
			return
		}
		l = support{At: o.fit.Y / o.fit.N, Slope: o.fit.slope(), From: o.fit.X / o.fit.N}
		o = l.look(x, tol)
	}
	if o.on <= 8 || l.Slope <= 0 || o.fit.N < 8 {
		return
	}
	variance := o.fit.about()
	straight := share(o.on-8, 20) * share(1-o.near/o.on, 1) * share(1-o.below/5, 1) *
		share(0.58-math.Sqrt(variance)/tol, 0.2) * // even between the tolerances is 0.58
		share(l.Slope/o.fit.error(math.Sqrt(variance+0.3))-2, 3)
	if straight <= s.Load.Score {
		return
	}
	for k := climbHeld; k < len(steps); k++ {
		p := &steps[k]
		if p.since == 0 {
			continue
		}
		s.weigh(l, o.on, straight, tol, l.at(float64(max(0, len(x)-climbBin*k))), int64(k), p)
	}
}

// weigh takes the line for the load if it is more like a charger than what was
// found so far. begun is the line where the load or the window began, W.
func (s *climbState) weigh(l support, on, straight, tol, begun float64, k int64, p *step) {
	for _, before := range [...]float64{p.before, p.lowest} {
		lift := begun - before
		if lift < climbLeast || lift > climbMost || p.since < before+float64(0.7*lift) {
			continue
		}
		if before < p.before && begun > p.before+float64(0.7*lift) {
			continue // nothing that was on before went off since
		}
		climb := 60 * l.Slope / lift
		score := straight * share(lift-60, 40) * share(lift/tol-10, 20) *
			share(1.15-math.Abs(p.jump/lift-1), 0.8) *
			share(climb-0.01, 0.01) * share(0.16-climb, 0.05)
		if score > s.Load.Score {
			s.Load = climbLoad{Score: score, Since: s.Last/60_000*60_000 - climbBin*60_000*k, Before: before, Lift: lift, Climb: climb, On: on}
		}
	}
}

// likelihood is the odds of the score as a share of one. On 200 simulated sessions
// and on eight months of a measured house every second load with a score of 0.3
// was a charger, and nine in ten with one of 0.5.
func (l *climbLoad) likelihood() float64 {
	x := l.Score / climbEven
	odds := float64(float64(x*x) * float64(x*x))
	return odds / (1 + odds)
}

func (s *climbState) gap() { s.Known = false }

// output is the likelihood, energy in Wh, power in W and stage of the load.
func (s *climbState) output(i int) (float64, bool) {
	l := &s.Load
	if l.Score == 0 {
		return 0, s.Known
	}
	switch i {
	case 0:
		return l.likelihood(), s.Known
	case 1:
		return max(0, float64(l.Lift*float64(s.Last-l.Since))/3600_000), s.Known
	case 2:
		return l.Lift, s.Known
	}
	return stageBulk, s.Known
}
