package detect

// On a socket a charger shows by what it does and by what it does not do. Its
// electronics hold a current into a battery whose voltage climbs over hours, so
// for the first minutes its power is flat or rises a little. A compressor
// surges, then falls; a motor or a heater of a program comes with kilowatts; a
// screen or a computer works in steps; a pump or a thermostat ends by itself
// within minutes, again and again. This file follows the load from its switching
// on to its switching off; quiet.go says whether its power is as quiet as a
// charger's, and belief.go how likely it is one.
const (
	socketOn      = 45.0         // W above idle where a session begins
	socketLeast   = 50.0         // W
	socketMost    = 720.0        // W
	socketHeat    = 900.0        // W above idle: nothing that charges a bike
	socketOffFor  = 60_000       // ms: a shorter pause is a charger looking at its battery
	socketRare    = 5.0          // s without a reading: the last one stood
	socketSettle  = 40_000       // ms at the start in which unrest does not count: soft start
	socketSurgeIn = 15_000       // ms
	socketCycle   = 2700_000     // ms: what switches off by itself within this is a cycle
	socketSilence = 1800_000     // ms: after a longer silence evidence starts afresh
	socketAlike   = 0.25         // of a load's power, and of its time: closer is the same load again
	socketTurns   = 6 * 3600_000 // ms between its turns
	socketFloat   = 1.0          // W above idle after a charge: the charger is still plugged in
	socketTapers  = 0.93         // of the highest level: below, it tapers
)

// socketState is the plain state of a watched socket.
type socketState struct {
	Prior   float64 // odds of a charger here, relative to a corridor's
	Known   bool
	On      bool
	Flagged bool
	Unseen  bool // it was on when the watch began
	Last    int64
	Value   float64
	Idle    float64 // W that the circuit draws with nothing on it
	Base    float64 // W of Idle that a load drew whose beginning was seen

	Since    int64   // start of the session, Unix ms
	OffSince int64   // start of the present pause; 0: drawing
	Level    float64 // W above idle, follows with 20 s
	Top      float64 // highest mean of 30 s; 0 before there is one
	PerBlock float64 // readings in it
	Surge    float64 // highest reading of the first seconds
	Began    float64 // first reading
	Start    float64 // mean of the first 30 s after the start
	PerStart float64 // readings in it
	Stepped  bool    // it fell by a third in its first minutes
	Lone     bool    // there is one reading only
	Full     float64 // W: mean of the window in which the present battery drew most
	Energy   float64 // Wh since Since
	Stage    int64
	Under    float64 // W: idle before the charger that floats

	HeatAt     int64   // last time that the circuit drew kilowatts
	CycleLevel float64 // W of the circuit's own load that switches by itself
	CycleFor   int64   // ms that it stays on, at most
	CycleCount int64
	Turns      float64 // how often the last load came before, as strong and as long and within hours
	TurnLevel  float64 // W of it
	TurnFor    float64 // ms that it was on
	TurnAt     int64   // when it went off
	OtherAt    int64   // when a load last went off by itself
	OtherLevel float64 // W of it

	quietState
	beliefState
}

func (s *socketState) observe(t int64, v float64) {
	if s.Known && t < s.Last {
		return
	}
	dt := t - s.Last
	first := s.Last == 0
	switch {
	case !s.Known && !s.On:
		s.Known, dt = true, 0
		if v < socketOn && (first || v < s.Idle) {
			s.Idle = v
		}
	case !s.Known || dt > socketSilence:
		s.Known, dt = true, 0
		s.restart(t)
	}
	if s.On {
		s.Energy += float64(max(s.Value-s.Idle, 0) * float64(dt) / 3600_000)
	}
	s.Last, s.Value = t, v
	if s.Base > 0 && s.baseOff(v-s.Idle) {
		s.Idle, s.Base = s.Idle-s.Base, 0
	}
	above := v - s.Idle
	if above > socketHeat {
		s.HeatAt = t
	}
	if s.Stage == stageFloat && v-s.Under < socketFloat {
		s.Stage = stageDone
	}
	switch {
	case s.On:
		s.follow(t, above, float64(dt)/1000)
	case above >= socketOn:
		s.begin(t, above)
		s.Unseen = first && s.Prior <= 1 // in a shed it is a bike all the same
	case v < s.Idle:
		s.Idle = toward(s.Idle, v, float64(dt)/1000, 20)
	default:
		s.Idle = toward(s.Idle, v, min(float64(dt)/1000, 10), 300) // a soft start is not idle
	}
}

func (s *socketState) begin(t int64, above float64) {
	s.On, s.Flagged, s.Unseen, s.Since, s.OffSince = true, false, false, t, 0
	s.Level, s.Top, s.PerBlock, s.Surge, s.Energy, s.Stage = above, 0, 1, above, 0, stageBulk
	s.Full, s.RestAt = 0, 0
	s.Began, s.Start, s.Grain, s.Stepped, s.Lone = above, 0, 0, false, true
	s.QuietFor, s.RoughFor, s.Held, s.Mean = 0, 0, 0, 0
	s.begins()
	s.restart(t)
	s.add(t, above)
}

// end closes the session. What went off by itself soon is the circuit's own.
func (s *socketState) end() {
	on := s.OffSince - s.Since
	if on < socketCycle && on > 20_000 {
		s.OtherAt, s.OtherLevel = s.OffSince, s.Level
		if s.CycleCount > 0 && alike(s.Level, s.CycleLevel) {
			s.CycleCount, s.CycleFor = s.CycleCount+1, max(s.CycleFor, on)
		} else {
			s.CycleCount, s.CycleFor, s.CycleLevel = 1, on, s.Level
		}
	}
	if alike(s.Level, s.TurnLevel) && alike(float64(on), s.TurnFor) && s.Since-s.TurnAt < socketTurns {
		s.Turns++
	} else {
		s.Turns = 0
	}
	s.TurnLevel, s.TurnFor, s.TurnAt = s.Level, float64(on), s.OffSince
	switch {
	case !s.Flagged:
		s.Stage = stageNone
	case s.Value-s.Idle >= socketFloat:
		s.Stage, s.Under = stageFloat, s.Idle
	default:
		s.Stage = stageDone
	}
	s.On, s.Flagged, s.OffSince = false, false, 0
}

// drops reports whether a power fell by more than a third, and not to nothing: from
// one level of work to another.
func drops(from, to float64) bool { return to < 0.65*from && to > 0.2*from }

// alike reports whether two powers may be of one load.
func alike(a, b float64) bool { return a < (1+socketAlike)*b && a > (1-socketAlike)*b }

// follow takes a reading during a session.
func (s *socketState) follow(t int64, above, dt float64) {
	if s.OffSince == 0 && dt > socketRare {
		s.decide(t) // until now the last reading stood
	}
	early := t-s.Since <= socketSurgeIn || s.Lone
	low := 0.08
	switch {
	case early:
		low = 0 // what surges falls far and goes on
	case !s.Flagged:
		low = 0.3 // until it is known for a charger, a fall this deep is the end
	}
	if above < max(12, low*max(s.Top, s.Level)) {
		switch {
		case s.OffSince == 0:
			s.OffSince = t
			s.close(t)
		case t-s.OffSince >= socketOffFor:
			s.end()
		}
		return
	}
	if s.OffSince != 0 {
		s.OffSince = 0
		s.restart(t)
	}
	if s.onTop(t, above) {
		return
	}
	if !s.Flagged && s.CycleCount >= 2 && above >= socketOn && alike(s.Before-above, s.CycleLevel) {
		s.begin(t, above) // the circuit's own went off: what is left is judged by itself
		return
	}
	if early {
		s.Stepped = s.Stepped || drops(s.Level, above) && !s.Lone
		s.Surge = max(s.Surge, above)
		s.Level, s.Top, s.PerBlock = above, 0, 1
	} else {
		s.Stepped = s.Stepped || t-s.Since <= socketFor && drops(s.Before, above)
		s.Level = toward(s.Level, above, dt, 20)
	}
	s.Lone = false
	if s.breaks(t, above) || t-s.From >= socketWindow {
		s.close(t)
		s.restart(t)
	}
	s.add(t, above)
	s.decide(t)
	if s.Flagged {
		s.Stage = stageBulk
		if s.Level < socketTapers*s.Full {
			s.Stage = stageTaper
		}
	}
}

// onTop begins a session on top of a load that has long been on and quiet and was
// not taken for a charger: a light, a set that stands there. It is idle from now on.
// In a shed every load is a bike's.
func (s *socketState) onTop(t int64, above float64) bool {
	if s.Flagged || s.Prior > 1 || t-s.Since < socketTaper {
		return false
	}
	under := s.Rest // the window that has just ended, or the present one
	if t-s.From >= socketQuiet {
		under = s.Points.Y / s.Points.N
	} else if t-s.RestAt > socketFor {
		return false
	}
	if above < under+socketLeast || above > under+socketMost {
		return false
	}
	if quiet, _ := s.judge(t - s.From); !quiet && t-s.From >= socketQuiet {
		return false
	}
	s.Idle, s.Base = s.Idle+under, under
	s.begin(t, above-under)
	return true
}

// baseOff reports whether the load below the present one went off: by what is left
// there is less than idle, or as much less as that load drew.
func (s *socketState) baseOff(above float64) bool {
	fell := s.Level - above
	return above < -0.5*s.Base || s.On && above >= socketOn && fell > (1-socketAlike)*s.Base && fell < (1+socketAlike)*s.Base
}

// gap forgets what evidence there is: the session may have ended meanwhile.
func (s *socketState) gap(t int64) {
	s.Known = false
}

// wake is when a silent load will have held long enough, and then every few
// minutes, as its silence goes on telling.
func (s *socketState) wake() int64 {
	switch {
	case !s.Known || !s.On || s.Flagged && s.OffSince == 0:
		return 0
	case s.OffSince != 0:
		return s.OffSince + socketOffFor
	}
	if at := max(s.From+socketQuiet, s.Since+socketFor); s.Last < at {
		return at
	}
	if quiet, _ := s.judge(s.Last - s.From); !quiet || s.Last-s.Since > 2*socketTaper {
		return 0 // nothing is asked for longer
	}
	return s.Last + socketWindow - socketQuiet
}

// advance takes the last reading as standing still.
func (s *socketState) advance(t int64) {
	if s.Known && t > s.Last {
		s.observe(t, s.Value)
	}
}

func (s *socketState) output(i int) (float64, bool) {
	switch i {
	case 0:
		return s.likelihood(), s.Known
	case 1:
		return s.Energy, s.Known
	case 2:
		if !s.On {
			return 0, s.Known
		}
		return s.Level, s.Known
	}
	return float64(s.Stage), s.Known
}
