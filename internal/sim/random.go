package sim

import "math"

// hash mixes a seed and an index into 64 well-spread bits (the finaliser of
// splitmix64 applied to both).
func hash(seed uint64, n int64) uint64 {
	z := seed + uint64(n)*0x9e3779b97f4a7c15
	z ^= z >> 30
	z *= 0xbf58476d1ce4e5b9
	z ^= z >> 27
	z *= 0x94d049bb133111eb
	z ^= z >> 31
	return z
}

// Uniform is a number in [0, 1) that belongs to (seed, n).
func Uniform(seed uint64, n int64) float64 {
	return float64(hash(hash(seed, n), 1)>>11) / (1 << 53)
}

// Between is a number in [lo, hi) that belongs to (seed, n).
func Between(seed uint64, n int64, lo, hi float64) float64 {
	return lo + float64(Uniform(seed, n)*(hi-lo))
}

// Normal is a standard normal number that belongs to (seed, n), by Box and
// Muller's transform.
func Normal(seed uint64, n int64) float64 {
	u := 1 - Uniform(seed, 2*n) // (0, 1], so that its logarithm exists
	v := Uniform(seed, 2*n+1)
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// Wander is a smooth random function of time with standard deviation about 0.7
// and a time scale of period: straight lines between normal numbers.
func Wander(seed uint64, t, period float64) float64 {
	n := math.Floor(t / period)
	f := t/period - n
	a, b := Normal(seed, int64(n)), Normal(seed, int64(n)+1)
	return float64(a*(1-f)) + float64(b*f)
}
