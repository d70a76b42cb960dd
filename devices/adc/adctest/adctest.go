// Package adctest has converters for the tests of analogue sensors.
package adctest

import (
	"context"
	"math"
	"sync"
	"time"

	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/internal/conf"
)

// Input is a converter whose input a test sets. The zero value reads 0 V.
type Input struct {
	Rate   float64                        // samples a second of a burst, default 860
	Step   float64                        // V; results are whole steps; 0: exact
	Smooth bool                           // each conversion averages over its length, as a delta-sigma converter's does
	Late   func() time.Duration           // by how much a timer is late; nil: not at all
	Wave   func(at time.Duration) float64 // V over the time since the burst began; nil: Set's

	mu     sync.Mutex
	volts  float64
	err    error
	resets int
}

// Set is the voltage, and no error, from now on.
func (in *Input) Set(volts float64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.volts, in.err = volts, nil
}

// Fail makes every conversion fail until Set.
func (in *Input) Fail(err error) { in.mu.Lock(); defer in.mu.Unlock(); in.err = err }

// Reset is a loss of supply.
func (in *Input) Reset() { in.mu.Lock(); defer in.mu.Unlock(); in.resets++ }

// Open is an adc.Open that always finds this input.
func (in *Input) Open(*adc.Config, conf.Pos, string, *conf.Errors) adc.Input { return in }

func (in *Input) String() string { return "test input" }

// Resets counts calls of Reset.
func (in *Input) Resets() int { in.mu.Lock(); defer in.mu.Unlock(); return in.resets }

// Volts converts once.
func (in *Input) Volts(context.Context) (float64, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.volts, in.err
}

// Burst converts Wave.
func (in *Input) Burst(_ context.Context, length time.Duration) (samples []adc.Sample, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err != nil {
		return nil, in.err
	}
	rate := in.Rate
	if rate == 0 {
		rate = 860
	}
	every := time.Duration(float64(time.Second) / rate)
	for at := time.Duration(0); at <= length; at = adc.Pace(at, every) {
		if in.Late != nil {
			at += in.Late()
		}
		samples = append(samples, adc.Sample{At: at, Volts: in.convert(at, every)})
	}
	return samples, nil
}

func (in *Input) convert(at, every time.Duration) float64 {
	v := in.volts
	if in.Wave != nil {
		v = in.Wave(at)
		if in.Smooth {
			const parts = 64
			v = 0
			for k := range parts {
				v += in.Wave(at-every*time.Duration(k)/parts) / parts
			}
		}
	}
	if in.Step > 0 {
		v = math.Round(v/in.Step) * in.Step
	}
	return v
}
