package detect

import "math"

// On a socket a charger shows by what it does and by what it does not do. Its
// electronics hold a current into a battery whose voltage climbs over hours, so
// for the first minutes its power is flat or rises a little. A compressor
// surges, then falls; a motor or a heater of a program comes with kilowatts; a
// screen or a computer works in steps; a pump or a thermostat ends by itself
// within minutes, again and again. So a load is taken for a charger when it has
// been on for 150 s, and quiet for 110 of them: of 55–720 W, its noise white
// and small, its trend not falling; when it did not begin with a surge, nothing
// drew kilowatts on this circuit in the last half hour, and the circuit's own
// loads of this size (learnt by their switching off) do not stay on that long.
// A battery that is nearly full tapers from the start: what falls smoothly for
// 40 minutes is taken for that.
const (
	socketOn        = 45.0     // W above idle where a session begins
	socketLeast     = 55.0     // W
	socketMost      = 720.0    // W
	socketHeat      = 900.0    // W above idle: nothing that charges a bike
	socketHeatFor   = 1800_000 // ms: a program's pauses are shorter
	socketFor       = 150_000  // ms on
	socketQuiet     = 110_000  // ms quiet
	socketTaper     = 2400_000 // ms quiet, for a load that falls or sagged, to
	socketTapered   = 0.7      // of its highest at most
	socketWarm      = 0.95     // of its highest: as far as a charger's own parts sag while they warm up
	socketNever     = 1 << 40  // ms
	socketOffFor    = 60_000   // ms: a shorter pause is a charger looking at its battery
	socketSettle    = 40_000   // ms at the start in which unrest does not count: soft start
	socketSurgeIn   = 15_000   // ms
	socketSurge     = 1.6      // times the level
	socketCycle     = 2700_000 // ms: what switches off by itself within this is a cycle
	socketProgram   = 600_000  // ms: another load before this one within this, and it is a program's
	socketSilence   = 1800_000 // ms: after a longer silence evidence starts afresh
	socketWindow    = 300_000  // ms: unrest is judged over windows no longer than this
	socketBlock     = 30_000   // ms: the highest mean over this is a session's top
	socketFall      = 0.008    // of the level over a window: more is falling
	socketBelowTop  = 0.985    // of the highest level: less is falling
	socketClimb     = 0.15     // of the level over a window: more is no charger
	socketNoise     = 0.05     // of the level, or
	socketNoiseW    = 4.5      // W: the most white noise of a quiet load (3 % and steps of 10 W included)
	socketWander    = 0.01     // of the level, and
	socketWanderW   = 0.5      // W: the most wander beyond what white noise explains
	socketBreak     = 0.12     // of the level: a jump that ends a window
	socketBreakW    = 12.0     // W
	socketCertain   = 0.92     // likelihood once all is met
	socketCertainIn = 1800_000 // ms: time in which it grows to 0.99
)

// socketState is the plain state of a watched socket.
type socketState struct {
	Known   bool
	On      bool
	Flagged bool
	Last    int64
	Value   float64
	Idle    float64 // W that the circuit draws with nothing on it

	Since    int64   // start of the session, Unix ms
	OffSince int64   // start of the present pause; 0: drawing
	Level    float64 // W above idle, follows with 20 s
	Top      float64 // highest mean of 30 s; 0 before there is one
	PerBlock float64 // readings in it
	Surge    float64 // highest reading of the first seconds
	Energy   float64 // Wh since Since
	Stage    int64

	HeatAt     int64   // last time that the circuit drew kilowatts
	CycleLevel float64 // W of the circuit's own load that switches by itself
	CycleFor   int64   // ms that it stays on, at most
	CycleCount int64
	OtherAt    int64   // when a load last went off by itself
	OtherLevel float64 // W of it

	// The present window.
	From    int64
	Points  line    // W above idle over seconds since From
	Squares float64 // of successive differences
	Before  float64 // W above idle of the last reading in it
	BlockAt int64
	BlockY  float64
	BlockN  float64

	Held      float64 // W: the power has not been a hundredth below this
	HeldSince int64   // since then
	QuietFor  int64   // ms of quiet windows before this one
	RoughFor  int64   // ms of windows that were not
}

func (s *socketState) observe(t int64, v float64) {
	if s.Known && t < s.Last {
		return
	}
	dt := t - s.Last
	switch {
	case !s.Known && !s.On:
		s.Known, dt = true, 0
		if v < socketOn && (s.Last == 0 || v < s.Idle) {
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
	above := v - s.Idle
	if above > socketHeat {
		s.HeatAt = t
	}
	switch {
	case s.On:
		s.follow(t, above, float64(dt)/1000)
	case above >= socketOn:
		s.begin(t, above)
	case v < s.Idle:
		s.Idle = toward(s.Idle, v, float64(dt)/1000, 20)
	default:
		s.Idle = toward(s.Idle, v, min(float64(dt)/1000, 10), 300) // a soft start is not idle
	}
}

func (s *socketState) begin(t int64, above float64) {
	s.On, s.Flagged, s.Since, s.OffSince = true, false, t, 0
	s.Level, s.Top, s.PerBlock, s.Surge, s.Energy, s.Stage = above, 0, 1, above, 0, stageBulk
	s.QuietFor, s.RoughFor, s.Held = 0, 0, 0
	s.restart(t)
	s.add(t, above)
}

// restart begins a new window.
func (s *socketState) restart(t int64) {
	s.From, s.Points, s.Squares = t, line{}, 0
	s.BlockAt, s.BlockY, s.BlockN = t, 0, 0
}

// end closes the session. What went off by itself soon is the circuit's own.
func (s *socketState) end() {
	on := s.OffSince - s.Since
	if on < socketCycle && on > 20_000 {
		s.OtherAt, s.OtherLevel = s.OffSince, s.Level
		if s.CycleCount > 0 && s.Level < 1.25*s.CycleLevel && s.Level > 0.75*s.CycleLevel {
			s.CycleCount, s.CycleFor = s.CycleCount+1, max(s.CycleFor, on)
		} else {
			s.CycleCount, s.CycleFor, s.CycleLevel = 1, on, s.Level
		}
	}
	stage := int64(stageNone)
	if s.Flagged {
		stage = stageDone
	}
	s.On, s.Flagged, s.Stage, s.OffSince = false, false, stage, 0
}

// follow takes a reading during a session.
func (s *socketState) follow(t int64, above, dt float64) {
	if s.OffSince == 0 && dt > 1 {
		s.decide(t) // until now the last reading stood
	}
	low := 0.08
	if !s.Flagged {
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
	if t-s.Since <= socketSurgeIn {
		s.Surge = max(s.Surge, above)
		s.Level, s.Top, s.PerBlock = above, 0, 1
	} else {
		s.Level = toward(s.Level, above, dt, 20)
	}
	if s.breaks(t, above) || t-s.From >= socketWindow {
		s.close(t)
		s.restart(t)
	}
	s.add(t, above)
	s.decide(t)
	if s.Flagged {
		s.Stage = stageBulk
		if s.Level < 0.93*s.Top {
			s.Stage = stageTaper
		}
	}
}

// breaks says whether a reading does not belong to the window's straight line.
func (s *socketState) breaks(t int64, above float64) bool {
	if s.Points.N == 0 {
		return false
	}
	mean := s.Points.Y / s.Points.N
	expect := mean
	if s.Points.N >= 4 {
		expect += float64(s.Points.slope() * (float64(t-s.From)/1000 - s.Points.X/s.Points.N))
	}
	off := math.Abs(above - expect)
	if t-s.Since <= socketSettle { // still starting: the window begins when that is over
		return off > max(0.03*mean, 3)
	}
	return off > max(float64(socketBreak*mean), socketBreakW)
}

// add takes a reading into the window.
func (s *socketState) add(t int64, above float64) {
	if s.Points.N > 0 {
		d := above - s.Before
		s.Squares += float64(d * d)
	}
	s.Before = above
	if s.BlockN > 0 && t-s.BlockAt >= socketBlock {
		mean := s.BlockY / s.BlockN
		if s.BlockAt-s.Since >= socketSettle && mean > s.Top {
			s.Top, s.PerBlock = mean, s.BlockN
		}
		s.BlockAt, s.BlockY, s.BlockN = t, 0, 0
	}
	s.BlockY += above
	s.BlockN++
	s.Points.add(float64(t-s.From)/1000, above)
}

// close counts a window that ends at t as quiet or rough, and keeps since when
// the power has not been falling.
func (s *socketState) close(t int64) {
	length := t - s.From
	if mean := s.Points.Y / max(s.Points.N, 1); length >= socketQuiet/2 && (s.Held == 0 || mean < 0.99*s.Held) {
		s.Held, s.HeldSince = mean, t
	}
	if quiet, _ := s.judge(length); quiet && length >= socketQuiet/2 {
		s.QuietFor += length
	} else if t-s.Since > socketSettle {
		s.RoughFor += max(length, 5000)
	}
}

// judge says of the present window whether it is quiet (noise white and small)
// and whether it is level (neither falling nor climbing steeply).
func (s *socketState) judge(length int64) (quiet, level bool) {
	p := &s.Points
	if p.N < 1 {
		return false, false
	}
	mean := p.Y / p.N
	if mean < socketLeast || mean > socketMost {
		return false, false
	}
	if p.N < 3 {
		return true, true // silent: nothing but what it said first
	}
	white := s.Squares / (2 * (p.N - 1))
	most := max(float64(socketNoise*mean), socketNoiseW)
	limit := float64(socketWander*mean) + socketWanderW
	slope := p.slope()
	about := p.about()
	// About a straight line, white noise has the variance that successive
	// differences tell, give or take its own chance.
	chance := 1 + float64(2*math.Sqrt(3/p.N))
	if white > float64(most*most) || about > float64(limit*limit)+float64(chance*white) {
		return false, false
	}
	noise := math.Sqrt(white)
	span := float64(s.Last-s.From) / 1000
	change := float64(slope*span) / mean
	doubt := float64(1.5*p.error(noise)*span) / mean
	low := mean < float64(socketBelowTop*s.Top)-float64(2.5*noise/math.Sqrt(s.PerBlock))
	return true, change > -socketFall-doubt && change < socketClimb && !low
}

// decide flags the session once all is met.
func (s *socketState) decide(t int64) {
	window, total := t-s.From, t-s.Since
	quiet, level := s.judge(window)
	if s.Flagged || total < socketFor || !quiet {
		return
	}
	calm := s.QuietFor + window
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
	if s.Surge > float64(socketSurge*s.Level) {
		need = 2 * socketTaper
	}
	if s.HeatAt != 0 && s.Since-s.HeatAt < socketHeatFor {
		need = max(need, socketHeatFor)
	}
	if s.CycleCount >= 2 && s.Level < 1.3*s.CycleLevel && s.Level > 0.7*s.CycleLevel {
		need = max(need, s.CycleFor*3/2)
	}
	if s.OtherAt != 0 && s.Since-s.OtherAt < socketProgram && (s.Level < 0.75*s.OtherLevel || s.Level > 1.25*s.OtherLevel) {
		need = max(need, socketProgram)
	}
	if calm >= need+3*s.RoughFor && min(window, calm) >= min(socketQuiet, need) {
		s.Flagged = true
	}
}

// gap forgets what evidence there is: the session may have ended meanwhile.
func (s *socketState) gap(t int64) {
	s.Known = false
}

// wake is when a silent load will have held long enough.
func (s *socketState) wake() int64 {
	switch {
	case !s.Known || !s.On || s.Flagged && s.OffSince == 0:
		return 0
	case s.OffSince != 0:
		return s.OffSince + socketOffFor
	case s.Last >= s.From+socketQuiet && s.Last >= s.Since+socketFor:
		return 0 // judged with the last reading already
	}
	return max(s.From+socketQuiet, s.Since+socketFor)
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

// likelihood grows to a half while a load is being judged, and from 0.92 to
// 0.99 over half an hour once it is taken for a charger.
func (s *socketState) likelihood() float64 {
	on := float64(s.Last - s.Since)
	switch {
	case !s.On:
		return 0
	case s.Flagged:
		return socketCertain + float64(0.07*share(on, socketCertainIn))
	}
	calm := float64(s.QuietFor)
	if quiet, _ := s.judge(s.Last - s.From); quiet {
		calm += float64(s.Last - s.From)
	}
	return 0.5 * share(calm, float64(socketFor+2*s.RoughFor))
}
