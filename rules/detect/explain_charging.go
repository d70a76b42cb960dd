package detect

import "math"

// Explain tells of the load that is taken for a charger.
func (d *chargingDetector) Explain() []Feature {
	switch {
	case d.climb != nil:
		return d.climb.explain()
	case d.house != nil:
		return d.house.explain()
	}
	x := d.socket.explain()
	if d.shed != nil {
		d.shed.explain(&x, d.socket)
	}
	return x
}

func (s *socketState) explain() explanation {
	var x explanation
	if !s.On {
		return x
	}
	x.add("charger.power", s.Level, "W")
	x.add("charger.on", minutes(s.Last-s.Since), "min")
	x.add("charger.quiet", minutes(s.QuietFor+s.Last-s.From), "min")
	if p := &s.Points; p.N >= 3 {
		mean := p.Y / p.N
		x.add("charger.trend", 100*3600*p.slope()/mean, "%/h")
		x.add("charger.noise", math.Sqrt(s.Squares/(2*(p.N-1))), "W")
	}
	if s.Met {
		x.add("charger.asked", minutes(s.Need), "min")
	}
	if s.Factor > 0 {
		x.add("charger.factor", s.Factor, "")
	}
	x.add("charger.surge", s.Surge/s.Level, "")
	x.add("charger.energy", s.Energy, "Wh")
	return x
}

func (d *shedState) explain(x *explanation, s *socketState) {
	x.add("charger.restart", float64(d.Restarts), "")
	if !d.On {
		return
	}
	x.add("charger.top", s.Top, "W")
	if d.Tapered {
		x.add("charger.low", d.Low, "W")
	} else {
		x.add("charger.bulk", minutes(d.Drew-d.Begun)/60, "h")
	}
}

func (s *feederState) explain() explanation {
	var x explanation
	if s.Best < 0 {
		return x
	}
	l := &s.Loads[s.Best]
	x.add("charger.power", l.Power, "W")
	x.add("charger.on", minutes(s.Last-l.Since), "min")
	if l.NonN > 0 {
		x.add("charger.factor", l.Power/math.Sqrt(float64(l.Power*l.Power)+float64(l.Non*l.Non)), "")
	}
	if l.Rough > 0 {
		x.add("charger.noise", l.Rough, "W")
	}
	x.add("charger.energy", l.Energy, "Wh")
	return x
}

func (s *climbState) explain() explanation {
	var x explanation
	l := &s.Load
	if l.Score == 0 {
		return x
	}
	x.add("charger.power", l.Lift, "W")
	x.add("charger.on", minutes(s.Last-l.Since), "min")
	x.add("charger.before", l.Before, "W")
	x.add("charger.line", l.On, "min")
	x.add("charger.trend", 100*l.Climb, "%/h")
	return x
}
