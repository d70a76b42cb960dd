package detect

// Explain tells of the gas that rises, or of the likelier one.
func (d *gasDetector) Explain() []Feature {
	s := d.gas(0)
	if o := d.gas(1); s == nil || o != nil && o.Known && (!s.Known || o.Likelihood > s.Likelihood) {
		s = o
	}
	var x explanation
	if s == nil || !s.Known {
		return x
	}
	x.add("gas.base", s.Base, "%LEL")
	x.add("gas.above", s.Smooth-s.Base, "%LEL")
	x.add("gas.trend", s.Rise, "%LEL/min")
	if s.Climb != 0 {
		x.add("gas.since", minutes(s.Last-s.Climb), "min")
		x.add("gas.holding", 100*s.holding(s.Last), "%")
		x.add("gas.climbing", 100*s.climbing(s.Last, 0), "%")
		x.add("gas.standing", 100*s.standing(s.Last, 0), "%")
	}
	return x
}

// Explain tells of what was breathed in, and when the dose is full if the gas stays.
func (d *coDetector) Explain() []Feature {
	s := &d.s
	var x explanation
	if s.Known {
		x.add("co.level", s.PPM, "ppm")
	}
	x.add("co.intake", s.Dose, "")
	x.add("co.blood", s.COHb, "%")
	if rate := coRate(s.PPM); s.Known && rate > 0 && s.Dose < 1 {
		x.add("co.remaining", (1-s.Dose)/rate, "min")
	}
	return x
}

// Explain tells of smoke, heat and CO as the claims weigh them.
func (d *fireDetector) Explain() []Feature {
	s := &d.s
	var x explanation
	if s.Known[fireInSmoke] {
		x.add("fire.smoke", max(s.Smoke-s.Offset, 0), "dB/m")
		x.add("fire.offset", s.Offset, "dB/m")
		x.add("fire.front", s.smokeRate(), "dB/m/min")
	}
	if s.Known[fireInHeat] {
		x.add("fire.sudden", s.Heat-s.Warm, "°C")
		x.add("fire.slow", s.Heat-s.Slow, "°C")
		x.add("fire.heating", s.Rate, "°C/min")
	}
	if s.Known[fireInCO] {
		x.add("fire.co", s.CO, "ppm")
	}
	return x
}

// Explain tells of the current against the circuit's rating.
func (d *circuitDetector) Explain() []Feature {
	var x explanation
	if d.rating <= 0 {
		return x
	}
	x.add("circuit.rating", d.rating, "A")
	if d.s.Known {
		x.add("circuit.share", 100*d.s.Share, "%")
	}
	x.add("circuit.heat", 100*d.s.Heat/circuitLimit, "%")
	return x
}

// Explain tells of the baseline. Its unit is that of what is measured.
func (d *riseDetector) Explain() []Feature {
	var x explanation
	if !d.s.Begun {
		return x
	}
	unit := "°C"
	if d.p == &leakageRise {
		unit = "mA"
	}
	x.add("rise.base", d.s.Base, unit)
	x.add("rise.above", max(d.s.Value-d.s.Base, 0), unit)
	return x
}
