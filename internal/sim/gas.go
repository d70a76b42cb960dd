package sim

import (
	"math"
	"time"
)

// Room is a well-mixed room into which fuel gas leaks:
//
//	dc/dt = Q/V − n·c     c(t) = Q/(V·n) · (1 − exp(−n·t))
//
// with c the volume fraction, Q the leak in m³/h, V the volume in m³ and n the
// air changes per hour (C). A kitchen of 8 m³ with 0.1 m³/h and 0.5 air changes
// rises 0.42 %LEL/min at first and settles at 50 %LEL.
type Room struct {
	Volume     float64 // m³
	AirChanges float64 // per hour; 0 is a sealed room
	LEL        float64 // lower explosive limit of the gas in % vol; 0 means 5.0, methane
}

// Leak is the gas in %LEL after t of a leak of q m³/h into clean air; 0 before
// it starts.
func (r Room) Leak(q float64, t time.Duration) float64 {
	h := t.Hours()
	if h <= 0 {
		return 0
	}
	fraction := q / r.Volume * h
	if n := r.AirChanges; n > 0 {
		fraction = q / (r.Volume * n) * -math.Expm1(-n*h)
	}
	return min(r.percentLEL(fraction), 100*100/r.lel())
}

// LeakFor is Leak when the leak is stopped after open (a closed valve): by
// superposition, the leak minus the same leak started then.
func (r Room) LeakFor(q float64, open, t time.Duration) float64 {
	return r.Leak(q, t) - r.Leak(q, t-open)
}

// Settled is what the leak settles at in %LEL; infinite in a sealed room.
func (r Room) Settled(q float64) float64 {
	return r.percentLEL(q / (r.Volume * r.AirChanges))
}

func (r Room) lel() float64 {
	if r.LEL == 0 {
		return 5
	}
	return r.LEL
}

func (r Room) percentLEL(fraction float64) float64 { return fraction * 100 / r.lel() * 100 }

// Burst is a puff of vapour (cooking wine, hair spray, an unlit burner lit at
// the second try): it reaches the sensor within seconds and is carried off
// within minutes,
//
//	c(t) = Peak · (exp(−t/Decay) − exp(−t/Rise)) / (the maximum of that)
//
// Decay in minutes follows from 10–60 air changes an hour near a hob with its
// hood on (M).
type Burst struct {
	Peak        float64 // %LEL
	Rise, Decay time.Duration
}

// At is the gas in %LEL after t.
func (b Burst) At(t time.Duration) float64 {
	if t <= 0 {
		return 0
	}
	r, d := b.Rise.Seconds(), b.Decay.Seconds()
	shape := func(s float64) float64 { return math.Exp(-s/d) - math.Exp(-s/r) }
	top := math.Log(d/r) * r * d / (d - r)
	return b.Peak * shape(t.Seconds()) / shape(top)
}
