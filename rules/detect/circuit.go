package detect

// The circuit detector holds a current against the rating of its circuit, and how
// warm that makes the wire. Copper and its insulation warm up by the square of the
// current, with a time constant of minutes: a kettle at one and a half times the
// rating does no harm, an hour of it does. So the wire's heat is what the square
// of the current's share is followed to,
//
//	dh/dt = (share² − h)/τ
//
// and reaches its limit at the square of 1.13, the current that a circuit breaker
// must carry for an hour (IEC 60898-1, M). From cold that takes 9 min at 1.45 times
// the rating, 4 at twice, 90 s at three times; at 1.1 times it is never reached (C).
const (
	circuitTau     = 10.0        // min: thin wire in a pipe, M
	circuitLimit   = 1.13 * 1.13 // heat that is 100 %
	circuitSilence = 30.0        // min: a reading stands for no longer than this
	circuitStep    = 1.0         // min
	circuitMost    = 1000.0      // %
)

// defaultRating is what circuits of a placement mostly carry, in A; 0 where that
// differs too much to be assumed.
func defaultRating(placement string) float64 {
	switch placement {
	case "corridor_socket", "stair_light", "lobby_socket", "room_socket", "dwelling_socket":
		return 10
	case "dwelling_feeder":
		return 40
	}
	return 0
}

type circuitState struct {
	Known bool
	Last  int64   // Unix ms
	Share float64 // of the rating
	Heat  float64 // in squares of it
}

type circuitDetector struct {
	rating float64
	s      circuitState
}

func newCircuit(placement string, rating float64) Detector {
	if rating <= 0 {
		rating = defaultRating(placement)
	}
	return &circuitDetector{rating: rating}
}

// advance brings the heat forward to t at the last current.
func (d *circuitDetector) advance(t int64) {
	s := &d.s
	minutes := min(float64(t-s.Last)/60000, circuitSilence)
	for minutes > 0 {
		h := min(minutes, circuitStep)
		s.Heat = toward(s.Heat, s.Share*s.Share, h, circuitTau)
		minutes -= h
	}
	s.Last = max(s.Last, t)
}

// Observe takes a current in A.
func (d *circuitDetector) Observe(_ int, t int64, amps float64) {
	s := &d.s
	if d.rating <= 0 || t < s.Last {
		return
	}
	if s.Known {
		d.advance(t)
	}
	s.Known, s.Last, s.Share = true, t, max(amps, -amps)/d.rating
}

// Gap keeps the heat: nobody knows what flowed meanwhile.
func (d *circuitDetector) Gap(_ int, t int64) {
	d.Advance(t)
	d.s.Known = false
}

// Wake is when the wire reaches its limit if the current stays: by a straight line,
// which is early, never late.
func (d *circuitDetector) Wake() int64 {
	s := &d.s
	target := float64(s.Share * s.Share)
	if !s.Known || target <= circuitLimit || s.Heat >= circuitLimit {
		return 0
	}
	minutes := max(circuitTau*(circuitLimit-s.Heat)/(target-s.Heat), 1.0/60)
	if minutes > circuitSilence {
		return 0
	}
	return s.Last + int64(minutes*60000) + 1
}

func (d *circuitDetector) Advance(t int64) {
	if d.s.Known && t > d.s.Last {
		d.advance(t)
	}
}

// Output: current in % of the rating, heat in % of the limit.
func (d *circuitDetector) Output(i int) (float64, bool) {
	v := 100 * d.s.Share
	if i == 1 {
		v = 100 * d.s.Heat / circuitLimit
	}
	return min(v, circuitMost), d.s.Known
}

func (d *circuitDetector) Clone() Detector                    { c := *d; return &c }
func (d *circuitDetector) CopyFrom(o Detector)                { *d = *o.(*circuitDetector) }
func (d *circuitDetector) AppendState(b []byte) []byte        { return appendState(b, 1, &d.s) }
func (d *circuitDetector) LoadState(b []byte) ([]byte, error) { return loadState(b, 1, &d.s) }
