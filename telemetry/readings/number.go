package readings

import (
	"math"
	"strconv"
	"time"
)

// powers of ten that a float64 holds exactly.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// decimal reads [+-]digits[.digits] of at most 18 digits: the number is
// mantissa / 10^scale.
func decimal(b []byte) (mantissa int64, scale int, ok bool) {
	i, negative := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		i, negative = 1, b[0] == '-'
	}
	digits, point := 0, -1
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + int64(c-'0')
			digits++
		case c == '.' && point < 0:
			point = digits
		default:
			return 0, 0, false
		}
	}
	if digits == 0 || digits > 18 {
		return 0, 0, false
	}
	if point >= 0 {
		scale = digits - point
	}
	if negative {
		mantissa = -mantissa
	}
	return mantissa, scale, true
}

// parseFloat reads a decimal number, or one of the words NaN, inf and infinity
// in any case, exactly as strconv does. Hexadecimal is refused.
func parseFloat(b []byte) (float64, bool) {
	// Both the mantissa and the power are exact, so their quotient is rounded
	// once, as it should be.
	if m, scale, ok := decimal(b); ok && m < 1<<53 && m > -1<<53 && (m != 0 || b[0] != '-') {
		return float64(m) / powers[scale], true
	}
	for _, c := range b {
		if c == 'x' || c == 'X' || c == '_' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(string(b), 64)
	return v, err == nil || math.IsInf(v, 0) // 1e999 is an infinity, and refused as one
}

// maxSeconds is where Unix seconds end, in the year 5138: beyond are the
// milliseconds of our days.
const maxSeconds = 99_999_999_999

// parseTime reads a time as Unix milliseconds, rounded to the nearest.
func parseTime(b []byte) (int64, bool) {
	if m, scale, ok := decimal(b); ok {
		return secondsToMS(m, scale)
	}
	if ms, ok := parseRFC3339(b); ok {
		return ms, true
	}
	if v, err := strconv.ParseFloat(string(b), 64); err == nil && math.Abs(v) <= maxSeconds {
		return int64(math.Round(v * 1000)), true // 1.764e9, as some tools write it
	}
	return 0, false
}

// parseRFC3339 reads a time like 2026-11-24T16:00:00.25+08:00 as Unix
// milliseconds, rounded. time.Parse would do, but allocates for every offset.
func parseRFC3339(b []byte) (int64, bool) {
	const shape = "0000-00-00T00:00:00"
	if len(b) < len(shape)+1 {
		return 0, false
	}
	for i, c := range []byte(shape) {
		digit := b[i] >= '0' && b[i] <= '9'
		if c == '0' && !digit || c != '0' && b[i] != c && !(c == 'T' && b[i] == 't') {
			return 0, false
		}
	}
	two := func(i int) int64 { return int64(b[i]-'0')*10 + int64(b[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	seconds := ((daysSince1970(year, month, day)*24+hour)*60+minute)*60 + second
	rest := b[len(shape):]
	var ms int64
	if rest[0] == '.' {
		end := 1
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		m, _, ok := decimal(rest[1:end])
		if !ok {
			return 0, false
		}
		if ms, ok = secondsToMS(m, end-1); !ok {
			return 0, false
		}
		rest = rest[end:]
	}
	offset, ok := zone(rest)
	seconds -= offset
	return seconds*1000 + ms, ok && seconds < maxSeconds
}

// zone reads Z or ±hh:mm as seconds east of UTC.
func zone(b []byte) (int64, bool) {
	if len(b) == 1 && (b[0] == 'Z' || b[0] == 'z') {
		return 0, true
	}
	if len(b) != 6 || b[0] != '+' && b[0] != '-' || b[3] != ':' {
		return 0, false
	}
	for _, i := range [...]int{1, 2, 4, 5} {
		if b[i] < '0' || b[i] > '9' {
			return 0, false
		}
	}
	hours, minutes := int64(b[1]-'0')*10+int64(b[2]-'0'), int64(b[4]-'0')*10+int64(b[5]-'0')
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	offset := (hours*60 + minutes) * 60
	if b[0] == '-' {
		offset = -offset
	}
	return offset, true
}

func leap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year, month int64) int64 {
	switch {
	case month == 2 && leap(year):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// daysSince1970 counts in years that begin in March, so that the leap day is the
// last of its year and month lengths follow one line, 153 days in five months.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	const march1of0To1970 = 719468
	return 365*year + floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400) + (153*(month-3)+2)/5 + day - 1 - march1of0To1970
}

// floorDiv rounds down; only the year before 0 needs it.
func floorDiv(a, b int64) int64 {
	if a < 0 {
		return -((b - 1 - a) / b)
	}
	return a / b
}

func secondsToMS(mantissa int64, scale int) (int64, bool) {
	for ; scale < 3; scale++ {
		if mantissa > math.MaxInt64/10 || mantissa < math.MinInt64/10 {
			return 0, false
		}
		mantissa *= 10
	}
	if scale > 3 {
		unit := int64(powers[scale-3])
		rest := mantissa % unit
		mantissa /= unit
		switch {
		case rest >= unit-rest:
			mantissa++
		case -rest > unit+rest:
			mantissa--
		}
	}
	return mantissa, mantissa <= maxSeconds*1000 && mantissa >= -maxSeconds*1000
}

// timeHint says what would be right.
func timeHint(b []byte) string {
	if m, scale, ok := decimal(b); ok && m > maxSeconds && scale == 0 {
		return "too large for seconds; if it is milliseconds, divide by 1000"
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006/01/02 15:04:05"} {
		if _, err := time.Parse(layout, string(b)); err == nil {
			return "has no zone: write RFC 3339 as 2026-11-24T08:00:00Z or 2026-11-24T16:00:00+08:00"
		}
	}
	return "is neither RFC 3339, as 2026-11-24T08:00:00Z, nor Unix seconds, as 1764000000.250"
}
