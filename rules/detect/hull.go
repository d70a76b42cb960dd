package detect

import "math"

// This file finds the straight lines that lie under a feeder's readings, and says how
// the readings lie about one.

// lines tries the lines that lie under the readings: those between corners of the
// lower convex hull, after dips of up to two minutes are filled.
func (s *climbState) lines(x []float64, tol float64, steps *[climbFloors]step) {
	var buf [climbMinutes]float64
	y := fillDips(buf[:len(x)], x)
	var corners [climbMinutes]int
	hull := corners[:0]
	for i := range y {
		for len(hull) >= 2 {
			a, b := hull[len(hull)-2], hull[len(hull)-1]
			if float64((y[b]-y[a])*float64(i-a)) < float64((y[i]-y[a])*float64(b-a)) {
				break
			}
			hull = hull[:len(hull)-1]
		}
		hull = append(hull, i)
	}
	for p, i := range hull {
		for _, j := range hull[p+1:] {
			if j-i >= len(x)/4 && y[j] > y[i] {
				s.try(x, support{At: y[i], Slope: (y[j] - y[i]) / float64(j-i), From: float64(i)}, tol, steps)
			}
		}
	}
}

// fillDips is x with dips of up to two minutes filled: a charger looks at its
// battery now and then.
func fillDips(y, x []float64) []float64 {
	for i := range y {
		y[i] = math.Inf(1)
		for j := max(0, i-2); j <= i; j++ {
			top := x[j]
			for _, v := range x[j+1 : min(len(x), j+3)] {
				top = max(top, v)
			}
			y[i] = min(y[i], top)
		}
	}
	return y
}

// support is a line: At at minute From, and Slope in W a minute.
type support struct{ At, Slope, From float64 }

func (l support) at(minute float64) float64 { return l.At + float64(l.Slope*(minute-l.From)) }

// onLine is how readings lie about a line.
type onLine struct {
	on    float64 // minutes on it in runs of at least climbRun
	near  float64 // minutes beside it: within three tolerances
	below float64 // minutes below it
	fit   line    // of those on it
}

func (l support) look(x []float64, tol float64) (o onLine) {
	run := 0.0
	for i, v := range x {
		off := v - l.at(float64(i))
		if math.Abs(off) <= tol {
			o.fit.add(float64(i), v)
			run++
			continue
		}
		if run >= climbRun {
			o.on += run
		}
		run = 0
		if math.Abs(off) <= 3*tol {
			o.near++
		}
		if off < -tol {
			o.below++
		}
	}
	if run >= climbRun {
		o.on += run
	}
	return o
}
