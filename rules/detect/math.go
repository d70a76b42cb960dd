package detect

import "math"

// The detectors use only operations that IEEE 754 rounds exactly (+ − × ÷ √):
// the standard library's exp and log differ in the last bit between
// processors, and a verdict must not.

// decay is close to exp(−x) for x ≥ 0, within 2 % of full scale: 1/(1+x+x²/2+x³/6).
func decay(x float64) float64 {
	x = float64(x) // inlined, it may be a product yet
	square := float64(x * x)
	return 1 / (1 + x + float64(0.5*square) + float64(float64(square*x)/6))
}

// toward moves old towards v as a first-order element with time constant tau
// does in dt (same unit).
func toward(old, v, dt, tau float64) float64 {
	keep := decay(dt / tau)
	return float64(old*keep) + float64(v*(1-keep))
}

// share is v/full held between 0 and 1.
func share(v, full float64) float64 { return min(max(v/full, 0), 1) }

// line is a straight line fitted to points as they are added: x in seconds from
// an origin near the points, so that the sums keep their digits.
type line struct{ N, X, Y, XX, XY, YY float64 }

func (l *line) add(x, y float64) {
	l.N++
	l.X += x
	l.Y += y
	l.XX += float64(x * x)
	l.XY += float64(x * y)
	l.YY += float64(y * y)
}

// spread is the sum of squares of x about its mean.
func (l *line) spread() float64 {
	if l.N < 2 {
		return 0
	}
	return max(l.XX-float64(l.X*l.X)/l.N, 0)
}

// slope is the line's slope in units of y per second; 0 with fewer than two
// different x.
func (l *line) slope() float64 {
	sxx := l.spread()
	if sxx <= 0 {
		return 0
	}
	return (l.XY - float64(l.X*l.Y)/l.N) / sxx
}

// about is the variance of the points about the line; 0 with fewer than three.
func (l *line) about() float64 {
	if l.N < 3 {
		return 0
	}
	slope := l.slope()
	return max(l.YY-float64(l.Y*l.Y)/l.N-float64(float64(slope*slope)*l.spread()), 0) / (l.N - 2)
}

// error is the standard error of the slope when each y is off by sigma.
func (l *line) error(sigma float64) float64 {
	sxx := l.spread()
	if sxx <= 0 {
		return 0
	}
	return sigma / math.Sqrt(sxx)
}

// sample is a reading in a ring: ms since an origin of the ring's owner, and value.
type sample struct {
	T int32
	V float32
}

// fitRing fits a line to those of the ring's last count samples that are at or
// after from; at is the place of the next sample.
func fitRing(ring []sample, at, count, from int32) line {
	var l line
	n := int32(len(ring))
	if count == 0 {
		return l
	}
	origin := ring[(at+n-1)%n].T
	for i := int32(1); i <= count; i++ {
		p := &ring[(at+n-i)%n]
		if p.T < from {
			break
		}
		l.add(float64(p.T-origin)/1000, float64(p.V))
	}
	return l
}

// nth is the value that would stand at place k of x in order; x loses its order.
func nth(x []float64, k int) float64 {
	for lo, hi := 0, len(x)-1; lo < hi; {
		i, j, pivot := lo, hi, x[k]
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i, j = i+1, j-1
			}
		}
		if j < k {
			lo = i
		}
		if i > k {
			hi = j
		}
	}
	return x[k]
}
