package sim

import (
	"math"
	"time"
)

// Charger is an e-bike's charger and the battery on it, seen from the wall.
//
// Bulk: constant current into a pack whose voltage climbs, so that power climbs
// in a straight line from Start·Power to Power. Then the voltage is held and the
// current falls as exp(−t/Tau) (taper), until it is Cut·Power: from there a
// lead-acid charger floats at Float watts until it is unplugged and a lithium
// one stops. Soft start: Ramp from nothing to the bulk power.
//
// Wall powers of 60–520 W (from ratings at 85 %, C), taper and float (M) are common ones;
// the climb of about a tenth and the dips are as in the measured Bosch sessions.
type Charger struct {
	Power  float64       // W from the wall at the end of bulk
	Start  float64       // share of Power at the start of bulk, 0.85–0.98
	Ramp   time.Duration // soft start
	Bulk   time.Duration // length of the constant-current part
	Tau    time.Duration // time constant of the taper
	Cut    float64       // share of Power at which the taper ends
	Float  float64       // W after that; 0 for lithium
	Factor float64       // power factor at full power: 0.53–0.66 plain, 0.97 with correction
	Seed   uint64        // for the dips
	Dips   bool          // now and then the charger pauses for some ten seconds to look at the pack
}

// LeadAcid is a charger of a lead-acid pack that was emptied to the given depth
// (0–1): at full depth 6 h of bulk and a taper with a time constant of 50 min,
// then a float of 4 W.
func LeadAcid(power, depth, factor float64) Charger {
	return Charger{Power: power, Start: 0.9, Ramp: 3 * time.Second, Factor: factor,
		Bulk: time.Duration(depth * 6 * float64(time.Hour)), Tau: 50 * time.Minute, Cut: 0.08, Float: 4}
}

// Lithium is a charger of a lithium pack that was emptied to the given depth:
// at full depth 4 h of bulk and a tail with a time constant of 18 min, then
// nothing.
func Lithium(power, depth, factor float64) Charger {
	return Charger{Power: power, Start: 0.88, Ramp: 8 * time.Second, Factor: factor,
		Bulk: time.Duration(depth * 4 * float64(time.Hour)), Tau: 18 * time.Minute, Cut: 0.06}
}

// Length is how long the charger draws more than its float.
func (c Charger) Length() time.Duration {
	return c.Ramp + c.Bulk + time.Duration(-math.Log(c.Cut)*float64(c.Tau))
}

// Watts is the active power after t on the wall.
func (c Charger) Watts(t time.Duration) float64 {
	if t < 0 {
		return 0
	}
	p := c.smooth(t)
	if c.Dips && t > 10*time.Minute && t < c.Length() {
		slot := int64(t / (10 * time.Minute))
		if at := Between(c.Seed, slot, 0, 580); Uniform(c.Seed+1, slot) < 0.3 {
			if s := math.Mod(t.Seconds(), 600); s >= at && s < at+15 {
				p *= Between(c.Seed+2, slot, 0, 0.5)
			}
		}
	}
	return p
}

func (c Charger) smooth(t time.Duration) float64 {
	soft := 1.0
	if t < c.Ramp {
		soft = t.Seconds() / c.Ramp.Seconds()
	}
	t -= c.Ramp
	switch {
	case t < c.Bulk:
		done := max(t.Seconds(), 0) / c.Bulk.Seconds()
		return soft * c.Power * (c.Start + float64((1-c.Start)*done))
	case t+c.Ramp >= c.Length():
		return c.Float
	}
	return soft * max(c.Float, c.Power*math.Exp(-(t-c.Bulk).Seconds()/c.Tau.Seconds()))
}

// PowerFactor is the power factor at the given power: a rectifier without
// correction conducts in ever shorter pulses as the load falls (C:
// 0.49 at a fifth of full load where it is 0.6 at full); one with correction
// falls off only below a tenth.
func (c Charger) PowerFactor(watts float64) float64 {
	if watts <= 0 || c.Power <= 0 {
		return 0
	}
	share := min(watts/c.Power, 1)
	if c.Factor >= 0.9 {
		return c.Factor * min(1, 0.6+4*share)
	}
	return c.Factor * (0.78 + 0.22*share)
}
