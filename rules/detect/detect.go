// Package detect holds the detectors: small state machines that turn the
// readings of one device into derived metrics, such as the likelihood that a
// battery charger draws on a circuit, the dose of carbon monoxide taken in, or
// the rise of smoke above a meter's own offset. Rules then use a derived metric
// like any other, and charts show it.
//
// What a detector promises:
//
//   - It is a pure function of what it was told, in the order it was told: no
//     clock, no randomness, no global state. Time is the reading's own, in Unix
//     milliseconds.
//   - It gives the same bits on every processor: products that are added are
//     rounded first (explicit float64), so no compiler fuses them.
//   - In steady state it allocates nothing, and its state is a plain struct of
//     at most MaxState bytes.
//   - A fault is not a number. After Gap the input is unknown, outputs that
//     depend on it alone become unknown, and a reading that follows a long gap
//     starts afresh where a slope or a hold over the gap would be an invention.
//   - An output that is a likelihood is between 0 and 1.
//
// Methods, sources, measured results and known failures stand in
// docs/detection.md.
package detect

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// MaxState is the largest size of a detector's state in bytes.
const MaxState = 2048

// Detector watches one device. Calls are not concurrent.
type Detector interface {
	// Observe takes one reading: input is an index into the kind's Inputs, t
	// event time in Unix ms, v a finite value in the catalogue's unit. Readings
	// come in event-time order over all inputs; one that is older than what
	// was told before is ignored.
	Observe(input int, t int64, v float64)

	// Gap says that the input is unknown from t on: a fault was reported, or
	// nothing came for longer than the device is allowed to be silent.
	Gap(input int, t int64)

	// Wake is the event time at which an output may change though nothing is
	// read (a load that reports on change and stays on), or 0 when silence
	// changes nothing. It changes only in Observe, Gap and Advance, and is
	// cheap to ask.
	Wake() int64

	// Advance says that event time has reached t, that nothing was read since,
	// and that the last readings still stand. A caller that never advances a
	// detector gets the same outputs, later: with the next reading.
	Advance(t int64)

	// Output is the value of the kind's Outputs[i] as of the last call; ok is
	// false while it is unknown.
	Output(i int) (v float64, ok bool)

	// Explain is the numbers by which the detector decides, as of the last call: for
	// people, when a rule is raised. It may allocate.
	Explain() []Feature

	// Clone is an independent copy.
	Clone() Detector

	// CopyFrom takes over the state of another detector of the same kind; it
	// allocates nothing. One of another kind is a programming error and panics.
	CopyFrom(Detector)

	// AppendState appends the state to b. LoadState takes it from the front of
	// b into a detector made by New with the same placement and rating, and returns what
	// is left; ErrState, wrapped, when b is short or of another version.
	AppendState(b []byte) []byte
	LoadState(b []byte) (rest []byte, err error)
}

// Kind describes a detector by name.
type Kind struct {
	Name    string
	Inputs  []string // metric names; Observe's input is an index into these
	Primary int      // a device that reports at least one of Inputs[:Primary] gets this detector
	Outputs []string // derived metrics of the catalogue; Output's i is an index into these

	// New makes a detector for a device of the given placement ("" is like a
	// placement that nothing is known about) on a circuit with the given rated
	// current in A (0 is one that nobody has told).
	New func(placement string, rating float64) Detector

	Rated bool // the rating makes a difference

	// Borrows reports whether a device of the given placement that measures
	// Inputs[0] may take another input, which it does not measure, from a device of
	// its place with the placement from; nil: never.
	Borrows func(placement, from string) bool
}

// Wants reports whether a device with these metrics gets a detector of this kind.
func (k Kind) Wants(metrics []string) bool {
	for _, in := range k.Inputs[:k.Primary] {
		if slices.Contains(metrics, in) {
			return true
		}
	}
	return false
}

// Input is the index of a metric among the kind's inputs, or -1.
func (k Kind) Input(metric string) int {
	for i, in := range k.Inputs {
		if in == metric {
			return i
		}
	}
	return -1
}

// Kinds lists every kind of detector. No metric is the output of two kinds.
func Kinds() []Kind {
	return []Kind{
		{
			Name:    "charging",
			Inputs:  []string{"power", "current", "power_factor", "reactive_power", "voltage", "thd_current"},
			Primary: 2,
			Outputs: []string{"charging.likelihood", "charging.energy", "charging.power", "charging.stage", "charging.trouble"},
			New:     newCharging,
		},
		{
			Name:    "gas",
			Inputs:  []string{"gas.ch4", "gas.lpg"},
			Primary: 2,
			Outputs: []string{"gas.rise", "gas.leak_likelihood"},
			New:     newGas,
		},
		{
			Name:    "co",
			Inputs:  []string{"co"},
			Primary: 1,
			Outputs: []string{"co.dose", "co.cohb"},
			New:     newCO,
		},
		{
			Name:    "fire",
			Inputs:  []string{"smoke", "temperature", "co"},
			Primary: 2,
			Outputs: []string{"smoke.rise", "heat.rate", "fire.likelihood", "smoke.rate", "fire.trace"},
			New:     newFire,
			Borrows: func(placement, from string) bool { return !ofJoint(placement) && !ofJoint(from) },
		},
		{
			Name:    "circuit",
			Inputs:  []string{"current"},
			Primary: 1,
			Outputs: []string{"current.load", "current.heat"},
			New:     newCircuit,
			Rated:   true,
		},
		{
			Name:    "joint",
			Inputs:  []string{"temperature"},
			Primary: 1,
			Outputs: []string{"temperature.rise"},
			New:     newJoint,
		},
		{
			Name:    "leakage",
			Inputs:  []string{"residual_current"},
			Primary: 1,
			Outputs: []string{"residual_current.rise"},
			New:     newLeakage,
		},
	}
}

// ErrState is what LoadState wraps when bytes are not a state it knows.
var ErrState = fmt.Errorf("not a detector state of this version")

// appendState appends a version byte and the plain fixed-size struct s.
func appendState(b []byte, version byte, s any) []byte {
	b = append(b, version)
	b, err := binary.Append(b, binary.LittleEndian, s)
	if err != nil {
		panic("detect: state is not of fixed size: " + err.Error()) // a programming error, met by the first test
	}
	return b
}

// loadState reads what appendState wrote; s is a pointer to the struct.
func loadState(b []byte, version byte, s any) ([]byte, error) {
	size := binary.Size(s)
	if len(b) < 1+size {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrState, len(b), 1+size)
	}
	if b[0] != version {
		return nil, fmt.Errorf("%w: version %d, want %d; replay the log instead", ErrState, b[0], version)
	}
	if _, err := binary.Decode(b[1:1+size], binary.LittleEndian, s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return b[1+size:], nil
}
