package detect

import "fmt"

// gasDetector has a state for each gas that has been read: mostly one, which is part
// of it.
type gasDetector struct {
	s     gasState // of the gas that was read first
	other *gasState
	first int8 // input of s, from 1; 0: nothing has been read
}

func newGas(string, float64) Detector { return &gasDetector{} }

// gas is the state of an input; nil if it has not been read.
func (d *gasDetector) gas(input int) *gasState {
	switch {
	case d.first == 0:
		return nil
	case int(d.first) == input+1:
		return &d.s
	}
	return d.other
}

// Observe takes %LEL of methane (input 0) or LPG (input 1).
func (d *gasDetector) Observe(input int, t int64, v float64) {
	if input < 0 || input > 1 {
		return
	}
	if d.first == 0 {
		d.first = int8(input + 1)
	}
	if d.gas(input) == nil {
		d.other = &gasState{}
	}
	d.gas(input).observe(t, v)
}

func (d *gasDetector) Gap(input int, _ int64) {
	if s := d.gas(input); s != nil && input <= 1 {
		s.Known = false
		s.forget()
	}
}

// Wake is always 0: only readings can tell a leak from a burst.
func (d *gasDetector) Wake() int64   { return 0 }
func (d *gasDetector) Advance(int64) {}

// Output is the greater of the two gases.
func (d *gasDetector) Output(i int) (float64, bool) {
	value, known := 0.0, false
	for _, s := range [...]*gasState{&d.s, d.other} {
		if s == nil || !s.Known {
			continue
		}
		v := s.Likelihood
		if i == 0 {
			v = s.Rise
		}
		if !known || v > value {
			value, known = v, true
		}
	}
	return value, known
}

func (d *gasDetector) Clone() Detector {
	c := &gasDetector{}
	c.CopyFrom(d)
	return c
}

// CopyFrom allocates once, when a second gas has come.
func (d *gasDetector) CopyFrom(from Detector) {
	o := from.(*gasDetector)
	d.s, d.first = o.s, o.first
	switch {
	case o.other == nil:
		d.other = nil
	case d.other == nil:
		s := *o.other
		d.other = &s
	default:
		*d.other = *o.other
	}
}

func (d *gasDetector) AppendState(b []byte) []byte {
	b = appendState(b, 2, [2]bool{d.first != 0, d.other != nil})
	if d.first != 0 {
		b = appendState(append(b, byte(d.first)), 2, &d.s)
	}
	if d.other != nil {
		b = appendState(b, 2, d.other)
	}
	return b
}

func (d *gasDetector) LoadState(b []byte) ([]byte, error) {
	var has [2]bool
	b, err := loadState(b, 2, &has)
	if err != nil || !has[0] {
		return b, err
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: it ends early", ErrState)
	}
	d.first = int8(b[0])
	if b, err = loadState(b[1:], 2, &d.s); err != nil || !has[1] {
		return b, err
	}
	d.other = &gasState{}
	return loadState(b, 2, d.other)
}
