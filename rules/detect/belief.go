package detect

import "math"

// How likely a load is a charger is kept as odds: those of a load that has met all
// that is asked of its power, times what each further piece of evidence is worth.
// What is asked is time: to have been on for 150 s and quiet for 110 of them; of a
// load that falls, or that had a mark of something else, more. From there the odds
// grow with the root of the time, with a climb as of a battery's voltage, with a
// taper, and with the shape of the current where the meter knows it.
const (
	socketFor     = 150_000  // ms on
	socketSurge   = 1.6      // times the level
	socketHeatFor = 1800_000 // ms since the circuit drew kilowatts: a program's pauses are shorter
	socketTaper   = 2400_000 // ms quiet, for a load that falls or sagged, to
	socketTapered = 0.5      // of its highest at most: no compressor falls so far
	socketWarm    = 0.95     // of its highest: as far as a charger's own parts sag while they warm up
	socketNever   = 1 << 40  // ms
	socketProgram = 600_000  // ms: another load before this one within this, and it is a program's
	socketSteep   = 0.012    // of its level at the start, in its first minutes: a battery seldom climbs so fast
	socketAtOnce  = 0.85     // of its level at the start
	socketStaged  = 1.15     // times that level and more: a charger that starts in stages
	socketClimbed = 0.03     // of its first level: a climb that is seen
	socketShaped  = 2.0      // odds of a current that is a charger's by its shape

	oddsMet   = 4.2   // of a load that met what is asked: a little more than is asked of one that is taken
	oddsUnmet = 0.25  // of one that did not yet, at most
	oddsTaken = 4.0   // from here on it is taken for a charger: 0.8
	oddsLong  = 2.0   // times, at most, for staying so: the fourth root of the time over what was asked
	oddsDeep  = 10.0  // times, for a taper to half its power
	climbHour = 0.006 // of the level, in an hour: between a charger's climb and none
	climbSure = 0.02  // of the level above or below that, and
	oddsClimb = 2.5   // times, and below it
	oddsFall  = 5.0   // the part of it
)

// socketPrior is how many times as likely a charger is at a placement as on a
// corridor's circuit: in a dwelling most of what stands on a socket belongs
// there, in a shed hardly anything else does.
func socketPrior(placement string) float64 {
	switch placement {
	case "dwelling_socket", "room_socket":
		return 1.0 / 20
	case "bike_shed":
		return 10
	}
	return 1
}

// beliefState is the evidence of a session.
type beliefState struct {
	Odds    float64
	Met     bool    // it has met what is asked
	Need    int64   // ms that were asked of it then
	First   float64 // W: mean of the first quiet window; 0: none yet
	FirstAt int64
	Climb   float64 // of First, above climbHour
	Climbed bool
	Deep    bool // it tapered to half its power

	shapeState
}

// begins forgets the session before.
func (s *socketState) begins() {
	s.Met = false
	s.Odds, s.First, s.Climb, s.Climbed, s.Deep = 0, 0, 0, false, false
	s.Factor, s.Distortion = 0, 0
}

// course takes the mean of a quiet window that ends at t.
func (s *socketState) course(t int64, mean float64) {
	switch {
	case s.First == 0:
		s.First, s.FirstAt = mean, t
	case mean >= socketWarm*s.Top:
		rise := mean/s.First - 1
		if s.Climb < climbSure { // a climb once seen stays: what falls after it tapers
			s.Climb = rise - float64(climbHour*min(float64(t-s.FirstAt)/hourMS, 2))
		}
		s.Climbed = s.Climbed || rise > socketClimbed
	case mean < socketTapered*s.Top && s.Mean < 1.6*mean:
		s.Deep = true
	}
	if mean > s.Full || mean > 0.5*s.Top && mean > 0.99*s.Mean && s.Mean != 0 {
		s.Full = mean // what holds below its highest is another battery
	}
}

// decide weighs the session as of t.
func (s *socketState) decide(t int64) {
	met := s.met(t)
	odds := s.Prior * oddsMet * s.shapeOdds() * s.climbOdds()
	if s.Deep {
		odds *= oddsDeep
	}
	if s.Turns >= 2 && alike(s.Level, s.TurnLevel) && s.Since-s.TurnAt < socketTurns {
		odds /= s.Turns // a thermostat's work; batteries are seldom as empty as each other three times in a row
	}
	if s.Met {
		odds *= min(math.Sqrt(math.Sqrt(max(met, 0.1))), oddsLong)
	} else {
		odds = min(odds, 1) * oddsUnmet * met * met
	}
	s.Odds = odds
	s.Flagged = s.Flagged || s.Met && odds >= oddsTaken
}

// met is how far the session has come in what is asked of it: 1 is all.
func (s *socketState) met(t int64) float64 {
	window, total := t-s.From, t-s.Since
	if s.Met {
		return float64(s.QuietFor+window) / float64(s.Need+3*s.RoughFor)
	}
	quiet, level := s.judge(window)
	if !quiet {
		return min(float64(s.QuietFor)/float64(socketQuiet+3*s.RoughFor), 0.9)
	}
	need, calm := s.need(t, level, s.QuietFor+window)
	met := min(float64(calm)/float64(need+3*s.RoughFor), float64(total)/socketFor)
	if met >= 1 && window < min(socketQuiet, need) {
		return 0.9
	}
	if met >= 1 {
		s.Met, s.Need = true, need
	}
	return met
}

// need is how long a quiet load must have been calm, and for how long it has.
func (s *socketState) need(t int64, level bool, calm int64) (int64, int64) {
	need := int64(socketQuiet)
	switch {
	case level:
	case s.Level < socketTapered*s.Top:
		need = socketTaper
	case s.Level < socketWarm*s.Top:
		need = socketNever
	default:
		need = socketTaper
		if s.Held != 0 {
			calm = min(calm, t-s.HeldSince)
		}
	}
	if s.Stepped || t-s.Since < socketProgram && s.steep() {
		need = max(need, socketProgram)
	}
	if s.Unseen {
		need = max(need, socketTaper)
		if !s.Climbed && !s.Deep && s.shapeOdds() < socketShaped {
			need = socketNever
		}
	}
	if s.Surge > float64(socketSurge*s.Level) {
		need = max(need, socketProgram)
	}
	if s.HeatAt != 0 && s.Since-s.HeatAt < socketHeatFor {
		need = max(need, socketHeatFor-(s.Since-s.HeatAt))
	}
	if s.CycleCount >= 2 && s.Level < 1.3*s.CycleLevel && s.Level > 0.7*s.CycleLevel {
		need = max(need, s.CycleFor*3/2)
	}
	if s.OtherAt != 0 && s.Since-s.OtherAt < socketProgram && !alike(s.Level, s.OtherLevel) {
		need = max(need, socketProgram)
	}
	return need, calm
}

// steep reports whether the power came at once, without a soft start, and then
// climbed faster than a battery lets it: as a compressor's does while its pressure
// builds up, before it falls.
func (s *socketState) steep() bool {
	p := &s.Points
	if p.N < 3 || s.Start == 0 || s.Began < socketAtOnce*s.Start {
		return false
	}
	doubt := math.Sqrt(s.Squares / (2 * (p.N - 1)) * (1/s.PerStart + 1/p.N))
	mean := p.Y / p.N
	return mean > float64((1+socketSteep)*s.Start)+float64(1.5*doubt) && mean < socketStaged*s.Start
}

// climbOdds is what the climb is worth.
func (s *socketState) climbOdds() float64 {
	x := min(max(s.Climb/climbSure, -1), 1)
	if x < 0 {
		return 1 / (1 - float64(float64(oddsFall-1)*x))
	}
	return 1 + float64(float64(oddsClimb-1)*x)
}

// likelihood is the odds as a share of one.
func (s *socketState) likelihood() float64 {
	if !s.On {
		return 0
	}
	return s.Odds / (1 + s.Odds)
}
