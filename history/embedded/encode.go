package embedded

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"weishao.dev/weishao/telemetry"
)

// bucket sums up points.
type bucket struct {
	count         int64
	min, sum, max float64
}

func (b *bucket) add(v float64) { b.merge(bucket{1, v, v, v}) }

func (b *bucket) merge(o bucket) {
	if b.count == 0 {
		*b = o
		return
	}
	b.count += o.count
	b.min, b.max = min(b.min, o.min), max(b.max, o.max)
	b.sum += o.sum
}

// hourRow is one series' hour: its total, its minutes, and where its quality
// turned from measured to a fault or back.
type hourRow struct {
	id      uint32
	hour    int64
	total   bucket
	minutes []byte // encodeMinutes
	faults  []byte // encodeChanges
	changes []change
}

// change is a moment from which on the quality is q: a fault, or Good for
// anything measured.
type change struct {
	at int64 // Unix ms
	q  telemetry.Quality
}

var errCorrupt = errors.New("history: corrupt roll-up")

// encodeMinutes packs an hour's minutes:
//
//	version 1 | present: 60 bits in 8 bytes, little endian | count: uvarint each |
//	min: column | max: column against min | sum: column
//
// A column is one byte for its kind and one uvarint per minute present. Kind d
// (0–4): all values are decimals of d digits, as sensors give them, and stored as
// zigzag differences of value·10^d. Kind 255: the XOR of the bits, byte-reversed
// so that trailing zeros cost nothing. Differences are against the previous
// minute, of max against the same minute's min.
func encodeMinutes(m *[60]bucket) []byte {
	var present uint64
	var lo, hi, sum []float64
	b := append(make([]byte, 0, 256), 1)
	b = append(b, make([]byte, 8)...)
	for i := range m {
		if m[i].count > 0 {
			present |= 1 << i
			b = binary.AppendUvarint(b, uint64(m[i].count))
			lo, hi, sum = append(lo, m[i].min), append(hi, m[i].max), append(sum, m[i].sum)
		}
	}
	binary.LittleEndian.PutUint64(b[1:9], present)
	b = appendColumn(b, lo, nil)
	b = appendColumn(b, hi, lo)
	return appendColumn(b, sum, nil)
}

func decodeMinutes(b []byte, m *[60]bucket) error {
	if len(b) < 9 || b[0] != 1 {
		return errCorrupt
	}
	present := binary.LittleEndian.Uint64(b[1:9])
	if present>>60 != 0 {
		return errCorrupt
	}
	b = b[9:]
	n := bits.OnesCount64(present)
	counts := make([]int64, n)
	for i := range counts {
		v, k := binary.Uvarint(b)
		if k <= 0 || v == 0 || v > math.MaxInt64 {
			return errCorrupt
		}
		counts[i], b = int64(v), b[k:]
	}
	lo, b, err := readColumn(b, n, nil)
	if err != nil {
		return err
	}
	hi, b, err := readColumn(b, n, lo)
	if err != nil {
		return err
	}
	sum, b, err := readColumn(b, n, nil)
	if err != nil || len(b) != 0 {
		return errCorrupt
	}
	*m = [60]bucket{}
	for i, k := 0, 0; i < 60; i++ {
		if present>>i&1 == 1 {
			m[i] = bucket{counts[k], lo[k], sum[k], hi[k]}
			k++
		}
	}
	return nil
}

const rawColumn = 255

var pow10 = [...]float64{1, 10, 100, 1000, 10000}

// appendColumn encodes vals against base, or against the previous value.
func appendColumn(b []byte, vals, base []float64) []byte {
	d := digits(vals)
	if base != nil {
		d = max(d, digits(base))
	}
	b = append(b, byte(d))
	prevI, prevF := int64(0), uint64(0)
	for i, v := range vals {
		if d == rawColumn {
			if base != nil {
				prevF = math.Float64bits(base[i])
			}
			b = binary.AppendUvarint(b, bits.ReverseBytes64(math.Float64bits(v)^prevF))
			prevF = math.Float64bits(v)
			continue
		}
		if base != nil {
			prevI = scaled(base[i], d)
		}
		n := scaled(v, d)
		b = binary.AppendVarint(b, n-prevI)
		prevI = n
	}
	return b
}

func readColumn(b []byte, n int, base []float64) ([]float64, []byte, error) {
	if len(b) == 0 || int(b[0]) >= len(pow10) && b[0] != rawColumn {
		return nil, nil, errCorrupt
	}
	d := int(b[0])
	b = b[1:]
	vals := make([]float64, n)
	prevI, prevF := int64(0), uint64(0)
	for i := range vals {
		var k int
		if d == rawColumn {
			var x uint64
			if base != nil {
				prevF = math.Float64bits(base[i])
			}
			x, k = binary.Uvarint(b)
			prevF ^= bits.ReverseBytes64(x)
			vals[i] = math.Float64frombits(prevF)
		} else {
			var x int64
			if base != nil {
				prevI = scaled(base[i], d)
			}
			x, k = binary.Varint(b)
			prevI += x
			vals[i] = float64(prevI) / pow10[d]
		}
		if k <= 0 {
			return nil, nil, errCorrupt
		}
		b = b[k:]
	}
	return vals, b, nil
}

// digits is how many decimals give every value back exactly, or rawColumn.
func digits(vals []float64) int {
	d := 0
	for _, v := range vals {
		for d < len(pow10) && !exact(v, d) {
			d++
		}
		if d == len(pow10) {
			return rawColumn
		}
	}
	// A value that is exact with few digits need not be with more.
	for _, v := range vals {
		if !exact(v, d) {
			return rawColumn
		}
	}
	return d
}

func exact(v float64, d int) bool {
	n := float64(v * pow10[d])
	return math.Abs(n) < 1<<52 && math.Float64bits(float64(scaled(v, d))/pow10[d]) == math.Float64bits(v)
}

func scaled(v float64, d int) int64 { return int64(math.Round(float64(v * pow10[d]))) }

// encodeChanges packs an hour's changes: for each the ms since the previous one
// (the first: since the hour) as a uvarint, and the quality in a byte. The first
// point of an hour is always a change, so that a fault of an earlier hour ends there.
func encodeChanges(hour int64, cs []change) []byte {
	var b []byte
	prev := hour * hourMS
	for _, c := range cs {
		b = binary.AppendUvarint(b, uint64(c.at-prev))
		b = append(b, byte(c.q))
		prev = c.at
	}
	return b
}

func decodeChanges(hour int64, b []byte) ([]change, error) {
	var cs []change
	at := hour * hourMS
	for len(b) > 0 {
		dt, k := binary.Uvarint(b)
		if k <= 0 || k >= len(b) || dt >= uint64(hourMS) {
			return nil, errCorrupt
		}
		at += int64(dt)
		cs = append(cs, change{at, telemetry.Quality(b[k])})
		b = b[k+1:]
	}
	return cs, nil
}
