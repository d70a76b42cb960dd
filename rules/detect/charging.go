package detect

import "math"

// The charging detector says how likely it is that a battery charger draws on a
// circuit. Where it sits decides how: on a socket of a corridor, a stair light
// or a meter box nothing else belongs that holds a charger's power, so the load
// is judged by itself (socket.go); on a dwelling's feeder a charger is one of
// many loads and is looked for among their edges (feeder.go).

// Inputs of the charging detector, as in Kinds.
const (
	chargePower = iota
	chargeCurrent
	chargeFactor
	chargeReactive
	chargeVoltage
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
	Known [5]bool
	Last  [5]int64
	Value [5]float64
}

// chargingDetector is a meter and one of two watchers; the other is nil. A shed's
// socket is watched for charges that go wrong besides (shed.go).
type chargingDetector struct {
	m      meter
	socket *socketState
	house  *feederState
	shed   *shedState
}

func newCharging(placement string, _ float64) Detector {
	switch placement {
	case "dwelling_feeder", "dwelling_socket", "room_socket", "shop_feeder":
		return &chargingDetector{house: &feederState{}}
	}
	d := &chargingDetector{socket: &socketState{}}
	if placement == "bike_shed" {
		d.shed = &shedState{}
	}
	return d
}

// Observe takes W, A, power factor, var or V.
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
		}
	case chargeFactor, chargeReactive:
		if d.house != nil {
			if n, ok := m.nonActive(input); ok {
				d.house.nonActive(n)
			}
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

func (d *chargingDetector) watts(t int64, v float64) {
	if d.house != nil {
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
	if d.house != nil {
		d.house.gap(t)
	} else {
		d.socket.gap(t)
	}
}

// Wake is when a load that is on and silent will have held long enough.
func (d *chargingDetector) Wake() int64 {
	if d.house != nil {
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
	if d.house != nil {
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
	if d.house != nil {
		if i == chargeTrouble {
			return 0, false
		}
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
	if d.house != nil {
		c.house = &feederState{}
	} else {
		c.socket = &socketState{}
	}
	if d.shed != nil {
		c.shed = &shedState{}
	}
	c.CopyFrom(d)
	return c
}

func (d *chargingDetector) CopyFrom(from Detector) {
	o := from.(*chargingDetector)
	d.m = o.m
	if d.house != nil {
		*d.house = *o.house
	} else {
		*d.socket = *o.socket
	}
	if d.shed != nil {
		*d.shed = *o.shed
	}
}

func (d *chargingDetector) AppendState(b []byte) []byte {
	b = appendState(b, 1, &d.m)
	if d.house != nil {
		return appendState(b, 'f', d.house)
	}
	b = appendState(b, 's', d.socket)
	if d.shed != nil {
		b = appendState(b, 'b', d.shed)
	}
	return b
}

func (d *chargingDetector) LoadState(b []byte) ([]byte, error) {
	b, err := loadState(b, 1, &d.m)
	if err != nil {
		return nil, err
	}
	if d.house != nil {
		return loadState(b, 'f', d.house)
	}
	if b, err = loadState(b, 's', d.socket); err != nil || d.shed == nil {
		return b, err
	}
	return loadState(b, 'b', d.shed)
}
