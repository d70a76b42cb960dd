package detect

import "math"

// On a dwelling's feeder a charger is one of many loads. Where the meter has power
// factor or reactive power, edges can be followed: a load that switches on lifts
// the total by its power and its non-active volt-amperes; one that switches off
// lowers it by the same. So the feeder is cut into plateaus and the edges
// between them; each edge up opens a load, an edge down closes the open load
// that fits best. What stays open long enough is weighed:
//
//   - a charger holds for hours, most loads of its size for minutes;
//   - its own power factor (of the edge, not of the house) is 0.45–0.70 when it
//     has no correction. Motors lie above, heaters at 1. Screens and computers
//     above 75 W have had to have correction for two decades (IEC 61000-3-2,
//     GB 17625.1, class D), battery chargers have not; what is older works in
//     steps, where a charger works evenly;
//   - with correction it lies at 0.92–0.985 like any good supply, but a supply
//     that draws 300 W and more for half an hour without working in steps is
//     seldom anything else.
const (
	feederLoads  = 12
	feederCalm   = 8         // readings of a plateau that tell its unrest
	feederEdge   = 15.0      // W: the least change that is an edge
	feederLeast  = 55.0      // W of a charger
	feederMost   = 720.0     // W
	feederSettle = 180_000   // ms: a change that lasts longer is taken where it stands
	feederBack   = 180_000   // ms: a load that comes back within this has only paused
	feederFull   = 1320_000  // ms (22 min): by then most loads of a charger's size are off again
	feederLong   = 12 * 3600 // s: no charger is on for longer
	feederGapFor = 1800_000  // ms: after a longer silence loads are forgotten
	feederLowFor = 30_000    // ms below what a load needs: it is off
)

// feederState is the plain state of a watched dwelling feeder.
type feederState struct {
	Known bool
	Last  int64
	Value float64
	Floor float64 // W that the dwelling never falls below

	Level     float64 // W of the present plateau
	Begun     int64   // when it began, Unix ms
	Points    line    // its readings over minutes since Begun
	Noise     float64 // W between successive readings on plateaus
	Count     float64 // readings on it
	Non       float64 // var of it
	NonCount  float64
	MovingAt  int64   // a change is under way since; 0: it is not
	MovingTo  float64 // W of its last reading
	Best      int64   // the load most like a charger; -1: none
	BestScore float64
	Loads     [feederLoads]load
}

func (s *feederState) observe(t int64, v float64) {
	if s.Known && t < s.Last {
		return
	}
	dt := t - s.Last
	if !s.Known || dt > feederGapFor {
		floor := v
		if s.Last != 0 {
			floor = min(s.Floor, v)
		}
		*s = feederState{Known: true, Last: t, Value: v, Floor: floor, Noise: max(s.Noise, 3), Best: -1}
		s.settle(t, v)
		return
	}
	s.Floor = min(v, s.Floor+float64(dt)/3600_000)
	s.plateau(t, v)
	s.Last, s.Value = t, v
	s.review(t, float64(dt))
}

// settle begins a plateau.
func (s *feederState) settle(t int64, v float64) {
	s.Level, s.Count, s.MovingAt = v, 1, 0
	s.Begun, s.Points = t, line{}
	s.NonCount = 0
}

// plateau takes a reading as part of the plateau, of a change, or as the first
// of the next plateau.
func (s *feederState) plateau(t int64, v float64) {
	near := max(feederEdge, 4*s.Noise, 0.01*s.Level)
	if s.MovingAt == 0 {
		if math.Abs(v-s.Level) <= near {
			s.Noise = float64(0.98*s.Noise) + float64(0.02*math.Abs(v-s.Value))
			s.Count++
			s.Level += float64(max(1/s.Count, 0.1) * (v - s.Level))
			s.Points.add(float64(t-s.Begun)/60000, v)
			if s.Points.N >= 60 { // a long plateau is credited in parts
				s.drift(t)
				s.Begun, s.Points = t, line{}
			}
			return
		}
		s.MovingAt, s.MovingTo = t, v
		return
	}
	if math.Abs(v-s.Level) <= near { // a spike that is over
		s.MovingAt = 0
		return
	}
	if math.Abs(v-s.MovingTo) > near && t-s.MovingAt < feederSettle {
		s.MovingTo = v
		return
	}
	from, non, at := s.Level, s.Non, s.MovingAt
	if s.NonCount == 0 {
		non = 0
	}
	s.drift(at)
	s.settle(t, (v+s.MovingTo)/2)
	if d := s.Level - from; d > 0 {
		s.up(at, d, non)
	} else {
		s.down(at, -d)
		s.balance(at)
	}
}

// drift credits every open load with how the plateau that ends climbed.
func (s *feederState) drift(at int64) {
	p := &s.Points
	minutes := float64(at-s.Begun) / 60000
	rough := math.Sqrt(p.about()) + 0.1
	if p.N >= feederCalm {
		for i := range s.Loads {
			if l := &s.Loads[i]; l.Since != 0 && l.Ended == 0 && (l.Rough == 0 || rough < l.Rough) {
				l.Rough = rough
			}
		}
	}
	if p.N < 4 || minutes < 3 {
		return
	}
	climb := float64(p.slope() * minutes)
	for i := range s.Loads {
		if l := &s.Loads[i]; l.Since != 0 && l.Ended == 0 {
			l.Climb += climb
		}
	}
}

// nonActive takes the feeder's non-active volt-amperes at the last reading.
func (s *feederState) nonActive(n float64) {
	if s.MovingAt != 0 || s.Count == 0 {
		return
	}
	s.NonCount++
	share := max(1/s.NonCount, 0.1)
	if s.NonCount == 1 {
		s.Non = n
	}
	s.Non += float64(share * (n - s.Non))
	for i := range s.Loads {
		l := &s.Loads[i]
		// The plateau that began with this load's edge, and only it, tells its share.
		if l.Since != 0 && l.Ended == 0 && !l.Sealed && l.NonN < 12 {
			l.NonN++
			l.Non = s.Non - l.Before
		}
	}
}

func (s *feederState) gap(int64) { s.Known = false }

// wake is when the load most like a charger has held in full.
func (s *feederState) wake() int64 {
	if !s.Known || s.Best < 0 {
		return 0
	}
	if at := s.Loads[s.Best].Since + feederFull; at > s.Last {
		return at
	}
	return 0
}

func (s *feederState) advance(t int64) {
	if s.Known && t > s.Last {
		dt := float64(t - s.Last)
		s.Last = t
		s.review(t, dt)
	}
}

func (s *feederState) output(i int) (float64, bool) {
	if s.Best < 0 {
		return 0, s.Known
	}
	l := &s.Loads[s.Best]
	switch i {
	case 0:
		return s.BestScore, s.Known
	case 1:
		return l.Energy, s.Known
	case 2:
		return l.Power, s.Known
	}
	return stageBulk, s.Known
}
