package detect

import "math"

// The gas detector tells a leak from a burst by what air does: in a room, gas
// from a leak climbs for minutes and then holds (dc/dt = Q/V − n·c), while a
// puff of cooking wine or hair spray reaches the sensor within seconds and
// decays for minutes. So it follows the present climb (since when the gas has
// been rising or holding without falling back) and claims a leak by the first
// of three, each a share of being met:
//
//   - holding: near its highest for 4 minutes, 3 %LEL or more above the baseline;
//   - climbing: for 90 s without slowing down, at a rate that a domestic leak can
//     have (1 m³/h into 8 m³ is 4.2 %LEL/min), 4 %LEL or more above the baseline;
//   - standing: from one reading to the next above 10 %LEL, and there for 10 s
//     (three readings when they are rare) without falling as a burst would. This is a
//     valve open next to the sensor, or a test gas.
//
// The baseline follows a drifting sensor at no more than 0.01 %LEL/min, stands
// still above 3 %LEL, and so never learns a ramp of 0.05 %LEL/min or more.
const (
	gasFreeze    = 3.0        // %LEL: above it the baseline stands still
	gasDrift     = 0.01       // %LEL/min: fastest rise of the baseline
	gasOnset     = 1.0        // %LEL above the baseline where a climb begins
	gasHoldAt    = 3.0        // %LEL above the baseline for "holding"
	gasHoldFor   = 240.0      // s
	gasClimbAt   = 4.0        // %LEL above the baseline for "climbing"
	gasClimbFor  = 90.0       // s
	gasRate      = 7.0 / 60   // %LEL/s: no domestic leak climbs faster (1.7 m³/h into 8 m³)
	gasStandAt   = 10.0       // %LEL for "standing"
	gasStandRise = 0.05       // %LEL/s: a stand may rise this fast
	gasDecay     = 480.0      // s: what falls with a longer time constant than this is steady
	gasSilence   = 180 * 1000 // ms: after a longer silence the climb is forgotten
	gasNoise     = 0.1        // %LEL: the least noise that is reckoned with
	gasSure      = 0.95       // likelihood of a claim that is met in full
	gasFade      = 300.0      // s: time constant with which a claim that is no longer met fades
	gasPane      = 15 * 1000  // ms: panes of gas.rise
	gasPanes     = 20         // of them: 5 minutes
	gasSpacing   = 2 * 1000   // ms: least distance of the readings kept for slopes over seconds
)

// gasState is the plain state of one gas channel.
type gasState struct {
	Known, Based bool
	Rounded      bool    // the gas went on rising after the jump of Step
	Last         int64   // Unix ms of the last reading
	Origin       int64   // Unix ms that the rings' times count from
	Value        float64 // last reading, %LEL
	Smooth       float64 // follows the readings with 5 s
	Base         float64 // what the sensor reads in clean air
	Noise        float64 // standard deviation of a reading, learnt in clean air
	Likelihood   float64
	Rise         float64 // %LEL/min over the last five minutes

	Climb     int64   // since when the gas has been climbing or holding; 0: it is not
	ClimbFrom float64 // smoothed gas then
	Top       float64 // highest smoothed gas since
	Near      int64   // since when it has been near its highest

	Step   int64   // when the gas jumped above 10 %LEL; 0: it did not, or stands there no longer
	StepTo float64 // where to
	Stood  line    // the readings since; x in seconds from Step

	RecentAt, RecentN int16
	PaneAt, PaneN     int16
	PaneStart         int64
	PaneSum           float64
	PaneCount         float64
	Recent            [32]sample
	Panes             [gasPanes]sample
}

// forget drops what was seen of a climb; the baseline stays.
func (s *gasState) forget() {
	s.Climb, s.Near, s.Step = 0, 0, 0
	s.RecentN, s.PaneN, s.PaneCount, s.PaneSum = 0, 0, 0, 0
	s.Likelihood, s.Rise = 0, 0
}

func (s *gasState) observe(t int64, v float64) {
	if s.Known && t < s.Last {
		return
	}
	dt, before := float64(t-s.Last)/1000, s.Value
	switch {
	case !s.Based:
		// A sensor that starts in gas must not call it clean air.
		s.Based, s.Base, s.Noise, s.Origin = true, min(v, gasOnset), gasNoise, t
		s.Smooth, dt, before = v, 0, 0
	case !s.Known || t-s.Last > gasSilence:
		s.forget()
		s.Smooth, dt, before = v, 0, 0
	default:
		s.Smooth = toward(s.Smooth, v, dt, 5)
	}
	if t-s.Origin > math.MaxInt32/2 { // after twelve days
		s.Origin, s.RecentN, s.PaneN = t, 0, 0
	}
	s.Known, s.Last, s.Value = true, t, v
	s.learn(v, before, dt)
	s.remember(t, v)
	s.follow(t, v)
	s.step(t, v, before)
	s.judge(t, dt)
}

// learn lets the baseline follow a drifting sensor, down within a minute and up
// hardly at all, and takes the sensor's noise while the air is clean.
func (s *gasState) learn(v, before, dt float64) {
	switch {
	case v < s.Base:
		s.Base = toward(s.Base, v, min(dt, 30), 60)
	case v < gasFreeze:
		s.Base = min(v, s.Base+float64(gasDrift/60*min(dt, 60)))
	}
	if s.Climb == 0 && v < s.Base+gasOnset && dt > 0 {
		// For normal noise the mean difference of two readings is 1.13 sigma.
		s.Noise = max(float64(s.Noise*0.98)+float64(0.02/1.13*math.Abs(v-before)), gasNoise)
	}
}

// remember keeps recent readings for slopes over seconds, and panes of 15 s for
// the slope over the last five minutes, taken when a pane is complete.
func (s *gasState) remember(t int64, v float64) {
	at := int32(t - s.Origin)
	n := int16(len(s.Recent))
	if s.RecentN == 0 || at-s.Recent[(s.RecentAt+n-1)%n].T >= gasSpacing {
		s.Recent[s.RecentAt] = sample{T: at, V: float32(v)}
		s.RecentAt, s.RecentN = (s.RecentAt+1)%n, min(s.RecentN+1, n)
	}
	start := t - t%gasPane
	if s.PaneCount > 0 && start != s.PaneStart {
		pane := int32(s.PaneStart - s.Origin)
		s.Panes[s.PaneAt] = sample{T: pane, V: float32(s.PaneSum / s.PaneCount)}
		s.PaneAt, s.PaneN = (s.PaneAt+1)%gasPanes, min(s.PaneN+1, gasPanes)
		s.PaneSum, s.PaneCount = 0, 0
		l := fitRing(s.Panes[:], int32(s.PaneAt), int32(s.PaneN), pane-gasPanes*gasPane)
		s.Rise = min(max(60*l.slope(), -100), 100)
	}
	s.PaneStart = start
	s.PaneSum += v
	s.PaneCount++
}

// follow keeps the present climb: a fall of a tenth and 0.3 %LEL below its
// highest ends it, and another may begin from there.
func (s *gasState) follow(t int64, v float64) {
	switch {
	case s.Smooth-s.Base < 0.7*gasOnset && v-s.Base < gasOnset:
		s.Climb, s.Near = 0, 0
	case s.Climb == 0 && v-s.Base < gasOnset:
	case s.Climb == 0, s.Smooth < float64(0.9*s.Top)-0.3,
		s.Smooth < s.ClimbFrom-s.Noise && s.Smooth-s.Base < gasHoldAt: // still the tail of something
		s.Climb, s.ClimbFrom, s.Top, s.Near = t, s.Smooth, s.Smooth, t
	default:
		s.Top = max(s.Top, s.Smooth)
		if s.Smooth < float64(0.93*s.Top)-0.1 {
			s.Near = t
		}
	}
}

// step keeps the line through the readings since a jump above 10 %LEL, for as
// long as they stay where it led. Going on upward is the rounded top of a burst
// that was sampled while it rose: then the stand begins anew and has to last
// longer.
func (s *gasState) step(t int64, v, before float64) {
	if v >= gasStandAt && before < 0.5*v {
		s.Step, s.StepTo, s.Rounded, s.Stood = t, v, false, line{}
		return
	}
	if s.Step == 0 {
		return
	}
	since := float64(t-s.Step) / 1000
	sigma := s.sigma(s.StepTo)
	switch {
	case v < float64(0.95*s.StepTo)-float64(3*sigma):
		s.Step = 0
		return
	case v > s.StepTo+float64(0.02*s.StepTo)+float64(2.5*sigma)+float64(gasStandRise*since):
		s.Step, s.StepTo, s.Rounded, s.Stood = t, v, true, line{}
		return
	}
	s.Stood.add(since, v)
}

// sigma is the noise to reckon with at a level.
func (s *gasState) sigma(level float64) float64 { return max(s.Noise, 0.01*level) }

// judge turns the climb into a likelihood.
func (s *gasState) judge(t int64, dt float64) {
	now := 0.0
	if s.Climb != 0 {
		now = gasSure * max(s.holding(t), s.climbing(t, dt), s.standing(t, dt))
	}
	if now < s.Likelihood && s.Smooth-s.Base > gasOnset {
		now = max(now, float64(s.Likelihood*decay(dt/gasFade)))
	}
	s.Likelihood = now
}

// holding is how far the claim "near its highest for minutes" is met.
func (s *gasState) holding(t int64) float64 {
	if t-s.Near < 30*1000 && s.Near != s.Climb {
		return 0 // just now it was falling back
	}
	held := float64(t-s.Climb) / 1000
	return float64(share(held, gasHoldFor) * share(s.Smooth-s.Base, gasHoldAt))
}

// climbing is how far the claim "rising steadily at a leak's rate" is met.
func (s *gasState) climbing(t int64, dt float64) float64 {
	held := float64(t-s.Climb) / 1000
	mean := (s.Smooth - s.ClimbFrom) / max(held, 1)
	if held < 0.5*gasClimbFor || mean <= 0 || s.Smooth-s.ClimbFrom < 0.6*(s.Smooth-s.Base) {
		return 0 // too early, or a jump was most of it
	}
	window := max(30, 1.5*dt)
	recent := fitRing(s.Recent[:], int32(s.RecentAt), int32(s.RecentN), int32(t-s.Origin)-int32(window*1000))
	steady := share((recent.slope()-float64(1.5*recent.error(s.Noise)))/mean, 0.5)
	possible := share(gasRate/mean, 1)
	return float64(float64(share(held, gasClimbFor)*share(s.Smooth-s.Base, gasClimbAt)) * float64(steady*possible))
}

// standing is how far the claim "jumped above 10 %LEL and stands there" is met:
// surely not falling as a burst does.
func (s *gasState) standing(t int64, dt float64) float64 {
	if s.Step == 0 || s.Stood.N < 2 {
		return 0
	}
	need := 20.0
	switch {
	case s.Rounded:
		need = 60 + 2*dt
	case s.Stood.N >= 6:
		need = 10
	}
	need = max(need, 3*dt)
	slope := s.Stood.slope() - float64(2*s.Stood.error(s.sigma(s.StepTo)))
	if float64(t-s.Step)/1000 < need || slope < -s.StepTo/gasDecay {
		return 0
	}
	return 1
}
