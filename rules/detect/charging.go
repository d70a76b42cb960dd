package detect

import "math"

// The charging detector says how likely it is that a battery charger draws on a
// circuit. Where it sits decides how: on a socket of a corridor, a stair light
// or a meter box nothing else belongs that holds a charger's power, so the load
// is judged by itself (socket.go); on a dwelling's feeder a charger is one of
// many loads and is looked for among their edges (feeder.go) where the meter has
// power factor or reactive power, and by what it adds to the floor (climb.go)
// where it has not.

// Inputs of the charging detector, as in Kinds.
const (
	chargePower = iota
	chargeCurrent
	chargeFactor
	chargeReactive
	chargeVoltage
	chargeDistortion
)

// chargeTrouble is the output that only a shed's detector has.
const chargeTrouble = 4

// Stages of a session, as the metric charging.stage has them.
const (
	stageNone = iota
	stageBulk
	stageTaper
	stageFloat
	stageDone
)

// A meter without active power still has current: its volt-amperes stand for
// watts at a power factor between a plain charger's and a corrected one's.
const (
	nominalVolts  = 220.0
	assumedFactor = 0.75
)

// meter holds the last reading of each input.
type meter struct {
	Known [6]bool
	Last  [6]int64
	Value [6]float64
}

// chargingDetector is a meter and one of three watchers; the others are nil. A
// feeder is watched by climb until the meter tells power factor or reactive
// power, and by house from then on. A shed's socket is watched for charges that
// go wrong besides (shed.go).
type chargingDetector struct {
	m      meter
	socket *socketState
	house  *feederState
	climb  *climbState
	shed   *shedState
}

func newCharging(placement string, _ float64) Detector {
	switch placement {
	case "dwelling_feeder", "shop_feeder":
		return &chargingDetector{climb: &climbState{}}
	}
	d := &chargingDetector{socket: &socketState{Prior: socketPrior(placement)}}
	if placement == "bike_shed" {
		d.shed = &shedState{}
	}
	return d
}

// Observe takes W, A, power factor, var, V or % of harmonics.
func (d *chargingDetector) Observe(input int, t int64, v float64) {
	m := &d.m
	if input < 0 || input >= len(m.Last) || m.Known[input] && t < m.Last[input] {
		return
	}
	m.Known[input], m.Last[input], m.Value[input] = true, t, v
	switch input {
	case chargePower:
		d.watts(t, math.Abs(v)) // a clamp put on the wrong way round reads negative
	case chargeCurrent:
		if !m.Known[chargePower] {
			d.watts(t, m.estimate())
		} else if n, ok := m.apparent(); ok && d.socket != nil {
			d.socket.nonActive(t, n, shapeKnown)
		}
	case chargeDistortion:
		if d.socket != nil {
			d.socket.distortion(t, v)
		}
	case chargeFactor, chargeReactive:
		n, ok := m.nonActive(input)
		switch {
		case !ok:
		case d.socket != nil && input == chargeReactive:
			d.socket.nonActive(t, n, shapeReactive)
		case d.socket != nil:
			d.socket.nonActive(t, n, shapeKnown)
		default:
			if d.house == nil {
				d.house, d.climb = &feederState{}, nil
			}
			d.house.nonActive(n)
		}
	}
}

// estimate is the active power of a meter that tells only current.
func (m *meter) estimate() float64 {
	volts, factor := nominalVolts, assumedFactor
	if m.Known[chargeVoltage] {
		volts = m.Value[chargeVoltage]
	}
	if m.Known[chargeFactor] {
		factor = math.Abs(m.Value[chargeFactor])
	}
	return float64(volts*math.Abs(m.Value[chargeCurrent])) * factor
}

// nonActive is what the circuit draws beside active power, in var: reactive and
// distortion from the power factor, or reactive alone.
func (m *meter) nonActive(input int) (float64, bool) {
	if input == chargeReactive {
		return math.Abs(m.Value[chargeReactive]), !m.Known[chargeFactor]
	}
	factor := math.Abs(m.Value[chargeFactor])
	if !m.Known[chargePower] || factor < 0.05 || factor > 1 {
		return 0, false
	}
	return float64(math.Abs(m.Value[chargePower]) * math.Sqrt(max(1/float64(factor*factor)-1, 0))), true
}

// apparent is the same from voltage and current, where the meter tells nothing nearer.
func (m *meter) apparent() (float64, bool) {
	if !m.Known[chargeVoltage] || m.Known[chargeFactor] || m.Known[chargeReactive] {
		return 0, false
	}
	va, watts := m.Value[chargeVoltage]*m.Value[chargeCurrent], m.Value[chargePower]
	return math.Sqrt(max(float64(va*va)-float64(watts*watts), 0)), true
}

func (d *chargingDetector) watts(t int64, v float64) {
	switch {
	case d.climb != nil:
		d.climb.observe(t, v)
		return
	case d.house != nil:
		d.house.observe(t, v)
		return
	}
	d.socket.observe(t, v)
	if d.shed != nil {
		d.shed.watch(t, d.socket)
	}
}

// Gap makes the circuit unknown when it was power, or current where there is no
// power, that was lost.
func (d *chargingDetector) Gap(input int, t int64) {
	m := &d.m
	if input < 0 || input >= len(m.Last) {
		return
	}
	m.Known[input] = false
	if m.Known[chargePower] || m.Known[chargeCurrent] && input != chargePower {
		return
	}
	switch {
	case d.climb != nil:
		d.climb.gap()
	case d.house != nil:
		d.house.gap(t)
	default:
		d.socket.gap(t)
	}
}

// Wake is when a load that is on and silent will have held long enough.
func (d *chargingDetector) Wake() int64 {
	switch {
	case d.climb != nil:
		return 0 // what does not move does not climb
	case d.house != nil:
		return d.house.wake()
	}
	at := d.socket.wake()
	if d.shed != nil {
		if w := d.shed.wake(d.socket); at == 0 || w != 0 && w < at {
			return w
		}
	}
	return at
}

func (d *chargingDetector) Advance(t int64) {
	switch {
	case d.climb != nil:
		return
	case d.house != nil:
		d.house.advance(t)
		return
	}
	d.socket.advance(t)
	if d.shed != nil && d.socket.Known {
		d.shed.watch(t, d.socket)
	}
}

// Output: likelihood, energy in Wh since the session's start, power in W of what
// is taken for a charger, stage; in a shed trouble.
func (d *chargingDetector) Output(i int) (float64, bool) {
	switch {
	case d.socket == nil && i == chargeTrouble:
		return 0, false
	case d.climb != nil:
		return d.climb.output(i)
	case d.house != nil:
		return d.house.output(i)
	}
	if i == chargeTrouble {
		if d.shed == nil {
			return 0, false
		}
		return d.shed.trouble(d.socket), d.socket.Known
	}
	return d.socket.output(i)
}

func (d *chargingDetector) Clone() Detector {
	c := &chargingDetector{}
	c.CopyFrom(d)
	return c
}

func (d *chargingDetector) CopyFrom(from Detector) {
	o := from.(*chargingDetector)
	d.m = o.m
	copyState(&d.socket, o.socket)
	copyState(&d.house, o.house)
	copyState(&d.climb, o.climb)
	copyState(&d.shed, o.shed)
}

// copyState makes *to a copy of from, in the place that it has.
func copyState[T any](to **T, from *T) {
	switch {
	case from == nil:
		*to = nil
	case *to == nil:
		c := *from
		*to = &c
	default:
		**to = *from
	}
}

func (d *chargingDetector) AppendState(b []byte) []byte {
	b = appendState(b, 2, &d.m)
	switch {
	case d.climb != nil:
		return appendState(b, 'c', d.climb)
	case d.house != nil:
		return appendState(b, 'f', d.house)
	}
	b = appendState(b, 's', d.socket)
	if d.shed != nil {
		b = appendState(b, 'b', d.shed)
	}
	return b
}

func (d *chargingDetector) LoadState(b []byte) ([]byte, error) {
	b, err := loadState(b, 2, &d.m)
	if err != nil {
		return nil, err
	}
	if d.socket == nil {
		if len(b) > 0 && b[0] == 'f' {
			d.house, d.climb = &feederState{}, nil
			return loadState(b, 'f', d.house)
		}
		d.house, d.climb = nil, &climbState{}
		return loadState(b, 'c', d.climb)
	}
	if b, err = loadState(b, 's', d.socket); err != nil || d.shed == nil {
		return b, err
	}
	return loadState(b, 'b', d.shed)
}
