package detect

// The CO detector counts two things. COHb, in cohb.go, is for UL 2034. The dose
// is a function of its own for EN 50291-1's bands: no
// level of carboxyhaemoglobin satisfies them all, because the standard asks for
// an alarm at 300 ppm within 3 minutes and for none at 30 ppm within 2 hours.
// The dose grows at a rate that depends on the concentration alone and reaches
// 1 at the alarm; below the lowest point of the table it is slowly forgotten.
//
// The rate is the reciprocal of the time to alarm, in straight lines between
// these points, so it rises monotonically: more gas never alarms later.
//
//	ppm      27     30      50     100    300    1000
//	alarm    never  8 h     75 min 22 min 1.5 min 30 s
//	band            >120    60–90  10–40  <3
var coRates = [...]struct{ ppm, perMinute float64 }{
	{27, 0}, {30, 1.0 / 480}, {50, 1.0 / 75}, {100, 1.0 / 22}, {300, 1 / 1.5}, {1000, 2},
}

const (
	coForget  = 40.0 // min: the time in which the dose falls to about half in clean air
	coMost    = 2.0  // the dose stops here, so that it is forgotten in bounded time
	coSilence = 10.0 // min: a reading stands for no longer than this
)

// coState is the plain state of the CO detector.
type coState struct {
	Last  int64   // Unix ms of the last reading
	PPM   float64 // the last reading
	Dose  float64
	COHb  float64 // %
	Known bool
}

type coDetector struct{ s coState }

func newCO(string, float64) Detector { return &coDetector{coState{COHb: cohbRest}} }

// coRate is how fast the dose grows at a concentration, per minute.
func coRate(ppm float64) float64 {
	if ppm <= coRates[0].ppm {
		return 0
	}
	for i := 1; i < len(coRates); i++ {
		if lo, hi := coRates[i-1], coRates[i]; ppm < hi.ppm {
			share := (ppm - lo.ppm) / (hi.ppm - lo.ppm)
			return lo.perMinute + float64(share*(hi.perMinute-lo.perMinute))
		}
	}
	return coRates[len(coRates)-1].perMinute
}

// advance brings dose and COHb forward to t at the last concentration.
func (d *coDetector) advance(t int64) {
	s := &d.s
	minutes := min(float64(t-s.Last)/60000, coSilence)
	if minutes <= 0 {
		return
	}
	s.COHb = cohbAfter(s.COHb, s.PPM, minutes)
	if rate := coRate(s.PPM); rate > 0 {
		s.Dose = min(s.Dose+float64(rate*minutes), coMost)
	} else {
		s.Dose /= 1 + minutes/coForget
	}
	s.Last = t
}

// Observe takes a concentration in ppm.
func (d *coDetector) Observe(_ int, t int64, ppm float64) {
	s := &d.s
	switch {
	case !s.Known:
		s.Last = t // nothing is known of the time before: neither dose nor recovery
	case t < s.Last:
		return
	default:
		d.advance(t)
	}
	s.Last, s.PPM, s.Known = t, ppm, true
}

// Gap keeps both: what was breathed in was breathed in.
func (d *coDetector) Gap(_ int, t int64) {
	if d.s.Known && t > d.s.Last {
		d.advance(t)
	}
	d.s.Known = false
}

// Wake asks for the moment at which the dose becomes 1, or COHb reaches its alarm,
// if the gas stays. COHb grows ever slower, so a straight line is early, never late.
func (d *coDetector) Wake() int64 {
	s := &d.s
	if !s.Known {
		return 0
	}
	minutes := coSilence
	if rate := coRate(s.PPM); rate > 0 && s.Dose < 1 {
		minutes = min(minutes, (1-s.Dose)/rate)
	}
	if rate := cohbRate(s.COHb, s.PPM); rate > 0 && s.COHb < cohbAlarm {
		minutes = min(minutes, max((cohbAlarm-s.COHb)/rate, 1.0/60))
	}
	if minutes >= coSilence {
		return 0
	}
	return s.Last + int64(minutes*60000) + 1
}

func (d *coDetector) Advance(t int64) {
	if d.s.Known {
		d.advance(t)
	}
}

// Output: dose, COHb in %.
func (d *coDetector) Output(i int) (float64, bool) {
	if i == 1 {
		return d.s.COHb, d.s.Known
	}
	return d.s.Dose, d.s.Known
}

func (d *coDetector) Clone() Detector                    { c := *d; return &c }
func (d *coDetector) CopyFrom(o Detector)                { *d = *o.(*coDetector) }
func (d *coDetector) AppendState(b []byte) []byte        { return appendState(b, 2, &d.s) }
func (d *coDetector) LoadState(b []byte) ([]byte, error) { return loadState(b, 2, &d.s) }
