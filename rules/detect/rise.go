package detect

// The rise detectors tell how far a quantity stands above what it was: a joint above
// the air around it, a leakage above what the circuit always leaks. There is no
// sensor for either, so it is a baseline that follows the readings, at most so fast
// as the surroundings change, and nearly stands still once they are left behind.
//
// A box in the sun warms by some 8 °C an hour (C: 30 to 60 °C in four hours); a loose
// joint under load is warm within an hour. Leakage that belongs to a circuit comes
// and goes with the damp over weeks; insulation that fails is faster. Rise and
// leakage limits of GB 14287 are levels and need no detector (M).
type riseParams struct {
	up     float64 // per hour: the fastest rise of the baseline,
	near   float64 // while readings are less than this above it
	beyond float64 // per hour: the fastest rise when they are
	down   float64 // min: the time constant with which it follows down
}

var (
	jointRise   = riseParams{up: 10, near: 15, beyond: 1, down: 10}
	leakageRise = riseParams{up: 0.05, near: 30, beyond: 0.01, down: 720}
)

const riseSilence = 60.0 // min: a reading stands for no longer than this

type riseState struct {
	Known, Begun bool
	Last         int64 // Unix ms
	Value, Base  float64
}

type riseDetector struct {
	p *riseParams // nil: not watched
	s riseState
}

// newJoint has a baseline where a temperature is that of a joint; a room's has no
// use for one, and what is known nowhere costs nothing.
func newJoint(placement string, _ float64) Detector {
	if ofJoint(placement) {
		return &riseDetector{p: &jointRise}
	}
	return &riseDetector{}
}

// ofJoint reports whether a temperature is that of a joint of wires, not of the air
// of a room.
func ofJoint(placement string) bool {
	switch placement {
	case "meter_box", "distribution_box", "corridor_socket", "lobby_socket", "stair_light":
		return true
	}
	return false
}

func newLeakage(string, float64) Detector { return &riseDetector{p: &leakageRise} }

// advance brings the baseline forward to t at the last reading.
func (d *riseDetector) advance(t int64) {
	s := &d.s
	minutes := min(float64(t-s.Last)/60000, riseSilence)
	s.Last = t
	above := s.Value - s.Base
	if above < 0 {
		s.Base = toward(s.Base, s.Value, minutes, d.p.down)
		return
	}
	rate := d.p.up
	if above >= d.p.near {
		rate = d.p.beyond
	}
	s.Base += min(float64(rate*minutes)/60, above)
}

// Observe takes °C, or mA.
func (d *riseDetector) Observe(_ int, t int64, v float64) {
	s := &d.s
	if d.p == nil {
		return
	}
	switch {
	case !s.Begun:
		s.Base = v
	case t < s.Last:
		return
	case s.Known && t > s.Last:
		d.advance(t)
	}
	s.Begun, s.Known, s.Last, s.Value = true, true, t, v
}

// Gap keeps the baseline.
func (d *riseDetector) Gap(_ int, t int64) {
	d.Advance(t)
	d.s.Known = false
}

// Wake is never: in silence a rise only becomes less.
func (d *riseDetector) Wake() int64 { return 0 }

func (d *riseDetector) Advance(t int64) {
	if d.s.Known && t > d.s.Last {
		d.advance(t)
	}
}

func (d *riseDetector) Output(int) (float64, bool) {
	return max(d.s.Value-d.s.Base, 0), d.s.Known
}

func (d *riseDetector) Clone() Detector                    { c := *d; return &c }
func (d *riseDetector) CopyFrom(o Detector)                { *d = *o.(*riseDetector) }
func (d *riseDetector) AppendState(b []byte) []byte        { return appendState(b, 1, &d.s) }
func (d *riseDetector) LoadState(b []byte) ([]byte, error) { return loadState(b, 1, &d.s) }
