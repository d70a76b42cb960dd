package sim

import (
	"math"
	"time"
)

// Fire is a flaming fire that grows with the square of time, Q = Alpha·t² in kW
// (V, common: slow 0.0029, medium 0.0117, fast 0.0469 kW/s²), in a room of
// Volume m³:
//
//	ceiling  ΔT = 5.38 · (Q/r)^(2/3) / H    (Alpert, M) with r = 3 m, H = 2.4 m
//	smoke    D  = 10 · Dm · m / V dB/m      m = ∫Q dt / Hc burnt, Dm = 0.2 m²/g (M, polyurethane foam)
//	CO       ppm = y · m / (V · 1.15 g/m³) · 10⁶    y = 0.02 g/g (M)
//
// While it smoulders, before Ignite, mass is lost at a constant rate with
// Dm = 0.15 and y = 0.1 (M).
type Fire struct {
	Alpha    float64       // kW/s²; 0: a smouldering fire only
	Smoulder float64       // g/s lost while smouldering before flames
	Ignite   time.Duration // flames start at this time
	Volume   float64       // m³; 0 means 30
}

const heatOfCombustion = 25.0 // kJ/g, polyurethane foam (M)

// HeatRelease is Q in kW at t.
func (f Fire) HeatRelease(t time.Duration) float64 {
	s := (t - f.Ignite).Seconds()
	if s <= 0 {
		return 0
	}
	return min(f.Alpha*s*s, 2000)
}

// burnt is the mass lost so far in g: by smouldering and by flames.
func (f Fire) burnt(t time.Duration) (smouldered, flamed float64) {
	smouldered = f.Smoulder * max(min(t, f.Ignite).Seconds(), 0)
	if f.Alpha == 0 {
		smouldered = f.Smoulder * max(t.Seconds(), 0)
	}
	s := max((t - f.Ignite).Seconds(), 0)
	return smouldered, f.Alpha * s * s * s / 3 / heatOfCombustion
}

func (f Fire) volume() float64 {
	if f.Volume == 0 {
		return 30
	}
	return f.Volume
}

// Rise is the temperature above ambient at the ceiling in °C.
func (f Fire) Rise(t time.Duration) float64 {
	return 5.38 * math.Pow(f.HeatRelease(t)/3, 2.0/3) / 2.4
}

// Smoke is the obscuration in dB/m.
func (f Fire) Smoke(t time.Duration) float64 {
	s, fl := f.burnt(t)
	return min(10*(float64(0.15*s)+float64(0.2*fl))/f.volume(), 20)
}

// CO is the carbon monoxide in ppm.
func (f Fire) CO(t time.Duration) float64 {
	s, fl := f.burnt(t)
	return min((float64(0.1*s)+float64(0.02*fl))/(f.volume()*1150)*1e6, 5000)
}

// Fume is smoke that is no fire: cooking, steam, incense. It comes with a time
// constant Rise, stays until Until and is carried off with Decay.
type Fume struct {
	Smoke       float64 // dB/m at most
	Warmth      float64 // °C at most, at the ceiling
	Rise, Decay time.Duration
	Until       time.Duration
}

// Cooking is frying without a hood: to 0.2 dB/m and +4 °C within minutes.
func Cooking() Fume {
	return Fume{Smoke: 0.2, Warmth: 4, Rise: 2 * time.Minute, Until: 15 * time.Minute, Decay: 6 * time.Minute}
}

// Steam is a shower or a pot with the lid taken off: quick, and gone soon.
func Steam() Fume {
	return Fume{Smoke: 0.15, Warmth: 2, Rise: 20 * time.Second, Until: 5 * time.Minute, Decay: 3 * time.Minute}
}

// Incense burns for an hour and stays thin.
func Incense() Fume {
	return Fume{Smoke: 0.08, Warmth: 0.3, Rise: 12 * time.Minute, Until: 70 * time.Minute, Decay: 20 * time.Minute}
}

// level is the shape of the fume, 0 to 1.
func (f Fume) level(t time.Duration) float64 {
	if t <= 0 {
		return 0
	}
	up := -math.Expm1(-min(t, f.Until).Seconds() / f.Rise.Seconds())
	if t > f.Until {
		up *= math.Exp(-(t - f.Until).Seconds() / f.Decay.Seconds())
	}
	return up
}

// Obscuration is the smoke in dB/m after t.
func (f Fume) Obscuration(t time.Duration) float64 { return f.Smoke * f.level(t) }

// Heat is the rise of temperature in °C after t.
func (f Fume) Heat(t time.Duration) float64 { return f.Warmth * f.level(t) }

// RoomTemperature is that of a room over a day: a mean with a swing of ±2.5 °C, warmest at 15:00.
func RoomTemperature(mean float64, sinceMidnight time.Duration) float64 {
	return mean + 2.5*math.Cos(2*math.Pi*(sinceMidnight.Hours()-15)/24)
}
