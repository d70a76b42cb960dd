package readings

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"weishao.dev/weishao/telemetry"
)

// parse makes a reading of a line.
func (r *Reader) parse(line []byte) (telemetry.Reading, *LineError) {
	if bad := r.split(line); bad != nil {
		return telemetry.Reading{}, bad
	}
	var out telemetry.Reading
	var ok bool
	if out.Time, ok = parseTime(r.fields[0]); !ok {
		return out, r.bad(telemetry.BadTime, "time %s: %s", quote(r.fields[0]), timeHint(r.fields[0]))
	}
	var bad *LineError
	if out.Device, bad = r.deviceOf(r.fields[1]); bad != nil {
		return out, bad
	}
	if bad = r.metricOf(r.fields[2]); bad != nil {
		return out, bad
	}
	out.Metric = r.metric.Name
	if len(r.fields[4]) > 0 {
		q, err := telemetry.ParseQuality(string(r.fields[4]))
		if err != nil {
			return out, r.bad(telemetry.BadPayload, "quality: %v", err)
		}
		out.Quality = q
	}
	if out.Quality.Fault() {
		return out, nil // whatever stands as its value was not measured
	}
	out.Value, bad = r.valueOf(r.fields[3])
	if bad != nil && bad.Bad == telemetry.BadRange {
		out.Quality = telemetry.Saturated
	}
	return out, bad
}

// split cuts the line into r.fields, which alias it or r.unquote.
func (r *Reader) split(line []byte) *LineError {
	r.fields[4] = nil
	rest, more := line, true
	r.unquote = r.unquote[:0]
	n := 0
	for ; more; n++ {
		var field []byte
		if len(rest) > 0 && rest[0] == '"' {
			var ok bool
			if field, rest, more, ok = r.quoted(rest); !ok {
				return r.bad(telemetry.BadPayload, `a field in quotes is to end with " before the next comma or the line's end`)
			}
		} else if i := bytes.IndexByte(rest, ','); i >= 0 {
			field, rest = rest[:i], rest[i+1:]
		} else {
			field, more = rest, false
		}
		if n < r.columns {
			r.fields[n] = trim(field)
		}
	}
	if n != r.columns {
		return r.bad(telemetry.BadPayload, "%d fields; the header has %d: %s", n, r.columns, headerOf(r.columns))
	}
	return nil
}

// quoted takes a field in quotes off the front of rest.
func (r *Reader) quoted(rest []byte) (field, after []byte, more, ok bool) {
	start := len(r.unquote)
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] != '"':
			r.unquote = append(r.unquote, rest[i])
		case i+1 < len(rest) && rest[i+1] == '"':
			r.unquote = append(r.unquote, '"')
			i++
		case i+1 == len(rest):
			return r.unquote[start:], nil, false, true
		case rest[i+1] == ',':
			return r.unquote[start:], rest[i+2:], true, true
		default:
			return nil, nil, false, false
		}
	}
	return nil, nil, false, false
}

// trim takes spaces off both ends; few fields have any.
func trim(b []byte) []byte {
	if n := len(b); n > 0 && (b[0] <= ' ' || b[n-1] <= ' ') {
		return bytes.TrimSpace(b)
	}
	return b
}

// maxDevice is the longest device ID taken: three names of 64 and two slashes.
const maxDevice = 3*64 + 2

func (r *Reader) deviceOf(b []byte) (string, *LineError) {
	if len(b) > 0 && string(b) == r.device {
		return r.device, nil
	}
	if d, ok := r.devices[string(b)]; ok {
		r.device = d
		return d, nil
	}
	if len(b) == 0 || len(b) > maxDevice || !printable(b) {
		return "", r.bad(telemetry.BadPayload, "device %s is to be a name of 1 to %d bytes, as group/node/device", quote(b), maxDevice)
	}
	d := string(b)
	r.devices[d], r.device = d, d
	return d, nil
}

func printable(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

// metricOf sets r.metric.
func (r *Reader) metricOf(b []byte) *LineError {
	if len(b) > 0 && string(b) == r.metric.Name {
		return nil
	}
	if m := r.metrics[string(b)]; m != nil {
		r.metric = m
		return nil
	}
	m, ok := r.catalog.Lookup(string(b))
	switch {
	case !ok:
		return r.bad(telemetry.BadMetric, "unknown metric %s%s: use a name of the catalogue, or add yours to the site file",
			quote(b), telemetry.Suggest(string(b), r.catalog.Names()))
	case m.Derived:
		return r.bad(telemetry.BadMetric, "metric %s is computed from readings and cannot be one: leave its lines out", quote(b))
	}
	r.metrics[m.Name], r.metric = &m, &m
	return nil
}

func (r *Reader) valueOf(b []byte) (float64, *LineError) {
	if len(b) == 0 {
		return 0, r.bad(telemetry.BadPayload, "no value: a reading without one needs a fault in the column quality, such as no_response")
	}
	v, ok := parseFloat(b)
	if !ok {
		return 0, r.bad(telemetry.BadPayload, "value %s is not a decimal number like 12.5", quote(b))
	}
	if v < r.metric.Min && v >= r.metric.Min-r.metric.Drift {
		return r.metric.Min, nil
	}
	bad := r.metric.Check(v)
	switch bad {
	case telemetry.BadNone:
		return v, nil
	case telemetry.BadRange:
		return 0, r.bad(bad, "value %s is outside the range of %s, %g to %g %s: is it in another unit?",
			quote(b), r.metric.Name, r.metric.Min, r.metric.Max, r.metric.Unit)
	}
	return 0, r.bad(bad, "value %s is not a measured number: leave it empty and give a fault as quality", quote(b))
}

// quote shows a field in an error text, cut if it is long.
func quote(b []byte) string {
	if len(b) > 60 {
		return fmt.Sprintf("%q...", b[:60])
	}
	return fmt.Sprintf("%q", b)
}
