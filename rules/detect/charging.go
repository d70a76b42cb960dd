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

// chargingDetector is a meter and one of two watchers; the other is nil.
type chargingDetector struct {
	m      meter
	socket *socketState
	house  *feederState
}

func newCharging(placement string, _ float64) Detector {
	switch placement {
	case "dwelling_feeder", "dwelling_socket", "room_socket", "shop_feeder":
		return &chargingDetector{house: &feederState{}}
	}
	return &chargingDetector{socket: &socketState{}}
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
	} else {
		d.socket.observe(t, v)
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
	return d.socket.wake()
}

func (d *chargingDetector) Advance(t int64) {
	if d.house != nil {
		d.house.advance(t)
	} else {
		d.socket.advance(t)
	}
}

// Output: likelihood, energy in Wh since the session's start, power in W of what
// is taken for a charger, stage.
func (d *chargingDetector) Output(i int) (float64, bool) {
	if d.house != nil {
		return d.house.output(i)
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
}

func (d *chargingDetector) AppendState(b []byte) []byte {
	b = appendState(b, 1, &d.m)
	if d.house != nil {
		return appendState(b, 'f', d.house)
	}
	return appendState(b, 's', d.socket)
}

func (d *chargingDetector) LoadState(b []byte) ([]byte, error) {
	b, err := loadState(b, 1, &d.m)
	if err != nil {
		return nil, err
	}
	if d.house != nil {
		return loadState(b, 'f', d.house)
	}
	return loadState(b, 's', d.socket)
}
