package detect

// COHb is the share of the blood's haemoglobin that carbon monoxide holds, by the
// equation of Coburn, Forster and Kane (1965):
//
//	dc/dt = Vco/Vb + (P − c·Po2/(M·(O − c))) / (B·Vb),  B = 1/D + (Pb − 47)/Va
//
// with c ml of CO per ml of blood, O what the blood can hold, P the pressure of CO
// in the air. Equation, M, endogenous Vco and the form of B: V (coheadquarters.com);
// blood volume, oxygen capacity and pressure, and diffusion and ventilation at light
// work: M. UL 2034 speaks of about 10 % COHb, which these constants reach too late
// for its 150 and 400 ppm; the alarm is at cohbAlarm, which satisfies every vector (C).
// What is computed is a person at light work in the place, not anybody's blood.
const (
	cohbBlood     = 5500.0     // ml
	cohbOxygen    = 0.2        // ml of CO or oxygen that a ml of blood holds
	cohbCapillary = 100.0      // mmHg of oxygen in the lung's capillaries
	cohbAffinity  = 218.0      // haemoglobin's for CO over that for oxygen
	cohbOwn       = 0.007      // ml/min that the body makes
	cohbDiffusion = 30.0       // ml/min/mmHg, light work
	cohbBreath    = 20000.0    // ml/min of alveolar ventilation, light work
	cohbAir       = 760.0 - 47 // mmHg without water vapour
	cohbRest      = 0.8        // %: one who does not smoke, V; nobody is taken to have less
	cohbAlarm     = 5.5        // %: what the rule co-cohb raises on
	cohbStep      = 1.0        // min: the longest step of the integration
	cohbB         = 1/cohbDiffusion + cohbAir/cohbBreath
)

// cohbRate is how fast COHb (%) grows at a concentration, in % per minute.
func cohbRate(percent, ppm float64) float64 {
	c := float64(min(percent, 99) / 100 * cohbOxygen)
	back := c * cohbCapillary / float64(cohbAffinity*(cohbOxygen-c))
	in := float64(ppm*(cohbAir/1e6)) - back
	return 100 / cohbOxygen * (cohbOwn/cohbBlood + in/(cohbB*cohbBlood))
}

// cohbAfter is COHb after some minutes at a concentration, by the midpoint rule.
func cohbAfter(percent, ppm, minutes float64) float64 {
	for minutes > 0 {
		h := min(minutes, cohbStep)
		half := percent + float64(h/2*cohbRate(percent, ppm))
		percent += float64(h * cohbRate(half, ppm))
		percent = min(max(percent, cohbRest), 100)
		minutes -= h
	}
	return percent
}
