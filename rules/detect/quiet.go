package detect

import "math"

// A charger's power is a straight line with the meter's noise about it. Noise is
// white: successive readings differ as much as distant ones; and it is no larger
// than a meter's. So power is looked at in windows, which end where a reading does
// not belong to their line.
const (
	socketQuiet    = 110_000 // ms quiet
	socketWindow   = 300_000 // ms: unrest is judged over windows no longer than this
	socketBlock    = 30_000  // ms: the highest mean over this is a session's top
	socketFall     = 0.008   // of the level over a window: more is falling
	socketBelowTop = 0.985   // of the highest level: less is falling
	socketClimb    = 0.15    // of the level over a window: more is no charger
	socketNoise    = 0.05    // of the level: the most white noise of a quiet load beside what the meter's steps make
	socketGrain    = 10.0    // W: a meter shows finer steps than this
	socketWander   = 0.01    // of the level, and
	socketWanderW  = 0.5     // W: the most wander beyond what white noise explains
	socketStep     = 0.03    // of the level from window to window: no battery climbs so fast
	socketBreak    = 0.12    // of the level: a jump that ends a window
	socketBreakW   = 12.0    // W
)

// quietState is the present window and what the session's windows before it were.
type quietState struct {
	From    int64
	Points  line    // W above idle over seconds since From
	Squares float64 // of successive differences
	Before  float64 // W above idle of the last reading in it
	Grain   float64 // W: the smallest difference that the meter has shown in this session, 10 at most
	BlockAt int64
	BlockY  float64
	BlockN  float64

	Held      float64 // W: the power has not been a hundredth below this
	HeldSince int64   // since then
	QuietFor  int64   // ms of quiet windows before this one
	RoughFor  int64   // ms of windows that were not
	Mean      float64 // W of the last quiet window; 0: none
	Rest      float64 // W of the last one that was quiet for long
	RestAt    int64   // when it ended
}

// restart begins a new window.
func (s *socketState) restart(t int64) {
	s.From, s.Points, s.Squares = t, line{}, 0
	s.BlockAt, s.BlockY, s.BlockN = t, 0, 0
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
	off := math.Abs(above-expect) - s.Grain
	if s.Points.N < 4 { // the line may be off as well
		off *= 0.7
	}
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
		if d = math.Abs(d); d > 0 && d < s.Grain || s.Grain == 0 {
			s.Grain = min(d, socketGrain)
		}
	}
	s.Before = above
	if s.BlockN > 0 && t-s.BlockAt >= socketBlock {
		mean := s.BlockY / s.BlockN
		if s.Start == 0 {
			s.Start, s.PerStart = mean, s.BlockN
		}
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
	mean := s.Points.Y / max(s.Points.N, 1)
	if length >= socketQuiet/2 && (s.Held == 0 || mean < 0.99*s.Held) {
		s.Held, s.HeldSince = mean, t
	}
	if quiet, _ := s.judge(length); quiet && length >= socketQuiet/2 {
		s.QuietFor += length
		if length >= socketQuiet {
			s.Rest, s.RestAt = mean, t
		}
		if s.Mean != 0 && mean > (1+socketStep)*s.Mean {
			s.RoughFor += length
			s.First = 0 // a step is no climb
		}
		s.course(t, mean)
		s.Mean = mean
	} else if t-s.Since > socketSettle {
		s.RoughFor += max(length, 5000)
		s.First = 0 // a step is no climb
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
	limit := float64(socketWander*mean) + socketWanderW
	slope := p.slope()
	about := p.about()
	// About a straight line, white noise has the variance that successive
	// differences tell, give or take its own chance.
	chance := 1 + float64(2*math.Sqrt(3/p.N))
	most := float64(socketNoise * mean)
	noisy := float64(most*most) + float64(0.5*s.Grain*s.Grain)
	if white > noisy || about > float64(limit*limit)+float64(chance*white) {
		return false, false
	}
	noise := math.Sqrt(white)
	span := float64(s.Last-s.From) / 1000
	change := float64(slope*span) / mean
	doubt := float64(1.5*p.error(noise)*span) / mean
	low := mean < float64(socketBelowTop*s.Top)-float64(2.5*noise/math.Sqrt(s.PerBlock))
	return true, change > -socketFall-doubt && change < socketClimb && !low
}
