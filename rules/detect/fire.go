package detect

// The fire detector weighs what a meter of smoke, heat and carbon monoxide in
// one room says. Smoke alone and warmth alone have harmless sources; together
// and quickly they have one: a flame's plume turns under the ceiling and warms
// it by degrees within half a minute while its smoke arrives, where cooking and
// steam warm it over minutes or hardly at all. The likelihood is the greatest
// of four claims:
//
//   - plume: 3.5 °C above the average of the last two minutes, with smoke of
//     0.08 dB/m above the meter's own offset;
//   - heat: 57 °C (EN 54-5 class A1, static), or 15 °C above the average of the
//     last ten minutes while rising 8 °C/min or more;
//   - dense smoke: 1 dB/m (the standards' smouldering limits lie at 0.7–1.8);
//   - smouldering: 50 ppm of CO with smoke of 0.25 dB/m.
//
// A meter's offset is learnt: down within minutes, up over half an hour, not at
// all while the smoke stands 0.05 dB/m or more above it, and never more than
// 0.12 dB/m at the first reading.
const (
	fireSmokeTau     = 4.0     // s: smoothing of smoke
	fireOffsetMost   = 0.12    // dB/m taken for an offset at the first reading
	fireOffsetFreeze = 0.05    // dB/m above the offset where learning stops
	fireOffsetUp     = 1800.0  // s
	fireOffsetDown   = 120.0   // s
	fireWarmTau      = 120.0   // s: average that a plume stands out of
	fireSlowTau      = 600.0   // s: average for the rate-of-rise claim
	firePlumeHeat    = 3.5     // °C
	firePlumeSmoke   = 0.08    // dB/m
	fireStatic       = 57.0    // °C
	fireRise         = 15.0    // °C
	fireRate         = 8.0     // °C/min
	fireDense        = 1.0     // dB/m
	fireFrontTau     = 12.0    // s: second smoothing, for smoke.rate
	fireCO           = 50.0    // ppm
	fireCOSmoke      = 0.25    // dB/m
	fireCOTau        = 20.0    // s
	fireTraceSmoke   = 0.05    // dB/m
	fireTraceHeat    = 2.0     // °C
	fireSure         = 0.95    // likelihood of a claim that is met in full
	fireFade         = 120.0   // s: time constant with which a claim that is no longer met fades
	fireWindow       = 30_000  // ms: window of heat.rate
	fireSpacing      = 2_000   // ms: least distance of temperatures kept for it
	fireSilence      = 300_000 // ms: after a longer silence an input starts afresh
)

const (
	fireInSmoke = iota
	fireInHeat
	fireInCO
)

// fireState is the plain state of the fire detector.
type fireState struct {
	Last   [3]int64 // Unix ms of each input's last reading
	Known  [3]bool
	Based  bool // the offset has been learnt from something
	Judged int64
	Origin int64

	Smoke, Offset     float64 // dB/m, smoothed; and what the meter reads in clean air
	Behind            float64 // dB/m, smoothed for longer
	Heat, Warm, Slow  float64 // °C: last reading, two-minute and ten-minute average
	Rate              float64 // °C/min
	CO                float64 // ppm, smoothed
	Likelihood        float64
	RecentAt, RecentN int32 // of fireRing
}

// fireRing is the last temperatures. A device that measures none has no ring.
type fireRing [24]sample

type fireDetector struct {
	s      fireState
	recent *fireRing // nil as long as s.Origin is 0
	static float64   // °C; from the placement
}

func newFire(placement string, _ float64) Detector {
	return &fireDetector{static: staticHeat(placement)}
}

// staticHeat is the temperature that is a fire by itself. Boxes of wiring run
// hot and have their own rule; a shed's roof in the sun is hotter than a room.
func staticHeat(placement string) float64 {
	switch {
	case ofJoint(placement) || placement == "dwelling_feeder":
		return 140
	case placement == "bike_shed":
		return 70
	}
	return fireStatic
}

// Observe takes smoke in dB/m, temperature in °C or CO in ppm.
func (d *fireDetector) Observe(input int, t int64, v float64) {
	s := &d.s
	if input < 0 || input >= len(s.Last) || s.Known[input] && t < s.Last[input] {
		return
	}
	fresh := !s.Known[input] || t-s.Last[input] > fireSilence
	dt := float64(t-s.Last[input]) / 1000
	s.Known[input], s.Last[input] = true, t
	switch input {
	case fireInSmoke:
		s.smoke(v, dt, fresh)
	case fireInHeat:
		d.heat(t, v, dt, fresh)
	case fireInCO:
		if fresh {
			s.CO = v
		}
		s.CO = toward(s.CO, v, dt, fireCOTau)
	}
	d.judge(t)
}

func (s *fireState) smoke(v, dt float64, fresh bool) {
	if fresh {
		s.Smoke, s.Behind, dt = v, v, 0
		if !s.Based {
			s.Based, s.Offset = true, min(v, fireOffsetMost)
		}
	}
	s.Smoke = toward(s.Smoke, v, dt, fireSmokeTau)
	s.Behind = toward(s.Behind, v, dt, fireFrontTau)
	switch {
	case s.Smoke < s.Offset:
		s.Offset = toward(s.Offset, s.Smoke, dt, fireOffsetDown)
	case s.Smoke < s.Offset+fireOffsetFreeze:
		s.Offset = toward(s.Offset, s.Smoke, dt, fireOffsetUp)
	}
}

func (d *fireDetector) heat(t int64, v, dt float64, fresh bool) {
	s := &d.s
	if d.recent == nil {
		d.recent = &fireRing{}
	}
	if s.Origin == 0 || t-s.Origin > 1<<30 {
		s.Origin, s.RecentN = t, 0
	}
	if fresh {
		s.Warm, s.Slow, s.RecentN, s.Rate, dt = v, v, 0, 0, 0
	}
	s.Heat = v
	s.Warm = toward(s.Warm, v, dt, fireWarmTau)
	s.Slow = toward(s.Slow, v, dt, fireSlowTau)
	at, n := int32(t-s.Origin), int32(len(d.recent))
	if s.RecentN > 0 && at-d.recent[(s.RecentAt+n-1)%n].T < fireSpacing {
		return
	}
	d.recent[s.RecentAt] = sample{T: at, V: float32(v)}
	s.RecentAt, s.RecentN = (s.RecentAt+1)%n, min(s.RecentN+1, n)
	window := max(fireWindow, int32(1500*min(dt, 300)))
	l := fitRing(d.recent[:], s.RecentAt, s.RecentN, at-window)
	s.Rate = min(max(60*l.slope(), -1000), 1000)
}

// judge takes the greatest of the four claims.
func (d *fireDetector) judge(t int64) {
	s := &d.s
	smoke, now := 0.0, 0.0
	if s.Known[fireInSmoke] {
		smoke = max(s.Smoke-s.Offset, 0)
		now = share(smoke, fireDense)
	}
	if s.Known[fireInHeat] {
		plume := share(s.Heat-s.Warm, firePlumeHeat) * share(smoke, firePlumeSmoke)
		rising := share(s.Heat-s.Slow, fireRise) * share(s.Rate, fireRate)
		now = max(now, plume, rising)
		if s.Heat >= d.static {
			now = 1
		}
	}
	if s.Known[fireInCO] {
		now = max(now, share(s.CO, fireCO)*share(smoke, fireCOSmoke))
	}
	now *= fireSure
	if now < s.Likelihood {
		now = max(now, float64(s.Likelihood*decay(float64(t-s.Judged)/1000/fireFade)))
	}
	s.Likelihood, s.Judged = now, t
}

// Gap makes an input unknown; what the others say still counts.
func (d *fireDetector) Gap(input int, t int64) {
	s := &d.s
	if input < 0 || input >= len(s.Last) {
		return
	}
	s.Known[input] = false
	if !s.Known[fireInSmoke] && !s.Known[fireInHeat] {
		s.Likelihood = 0
	}
}

func (d *fireDetector) Wake() int64   { return 0 }
func (d *fireDetector) Advance(int64) {}

// smokeRate is how fast smoke rises, in dB/m a minute: on a ramp two smoothings lag
// behind by their time constants.
func (s *fireState) smokeRate() float64 {
	return min(max(60*(s.Smoke-s.Behind)/(fireFrontTau-fireSmokeTau), -100), 100)
}

// trace is how much of the least sign of smoke or warmth there is: what means
// nothing by itself, and a fire where there is one next door.
func (s *fireState) trace() float64 {
	x := 0.0
	if s.Known[fireInSmoke] {
		x = share(s.Smoke-s.Offset, fireTraceSmoke)
	}
	if s.Known[fireInHeat] {
		x = max(x, share(s.Heat-s.Warm, fireTraceHeat))
	}
	return x
}

// Output: smoke above the offset, heating rate, likelihood, rate of smoke, trace.
func (d *fireDetector) Output(i int) (float64, bool) {
	s := &d.s
	switch i {
	case 0:
		return min(max(s.Smoke-s.Offset, 0), 20), s.Known[fireInSmoke]
	case 1:
		return s.Rate, s.Known[fireInHeat]
	case 3:
		return s.smokeRate(), s.Known[fireInSmoke]
	case 4:
		return s.trace(), s.Known[fireInSmoke] || s.Known[fireInHeat]
	}
	return s.Likelihood, s.Known[fireInSmoke] || s.Known[fireInHeat]
}

func (d *fireDetector) Clone() Detector {
	c := &fireDetector{}
	c.CopyFrom(d)
	return c
}

// CopyFrom allocates once, when a first temperature has come.
func (d *fireDetector) CopyFrom(from Detector) {
	o := from.(*fireDetector)
	d.s, d.static = o.s, o.static
	switch {
	case o.recent == nil:
		d.recent = nil
	case d.recent == nil:
		ring := *o.recent
		d.recent = &ring
	default:
		*d.recent = *o.recent
	}
}

func (d *fireDetector) AppendState(b []byte) []byte {
	b = appendState(b, 3, &d.s)
	if d.recent != nil {
		b = appendState(b, 3, d.recent)
	}
	return b
}

func (d *fireDetector) LoadState(b []byte) ([]byte, error) {
	b, err := loadState(b, 3, &d.s)
	if d.recent = nil; err != nil || d.s.Origin == 0 {
		return b, err
	}
	d.recent = &fireRing{}
	return loadState(b, 3, d.recent)
}
