package scenario

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"weishao.dev/weishao/telemetry"
)

// maxSamples bounds one series: four weeks at 10 s.
const maxSamples = 250_000

// sample is one place of a series.
type sample struct {
	value   float64
	quality telemetry.Quality
	missing bool
}

// parseSeries reads the compact notation.
func parseSeries(text string) ([]sample, error) {
	var list []sample
	for item := range strings.FieldsSeq(text) {
		next, err := parseItem(item)
		if err != nil {
			return nil, err
		}
		if list = append(list, next...); len(list) > maxSamples {
			return nil, fmt.Errorf("more than %d samples", maxSamples)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("an empty series: write values such as \"0x6 0..30/12\"")
	}
	return list, nil
}

func parseItem(item string) ([]sample, error) {
	if from, rest, ok := strings.Cut(item, ".."); ok {
		return parseRamp(item, from, rest)
	}
	head, count, times := strings.Cut(item, "x")
	n := 1
	if times {
		var err error
		if n, err = parseCount(count); err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
	}
	var s sample
	if head == "_" {
		s.missing = true
	} else if v, err := parseValue(head); err == nil {
		s.value = v
	} else if q, err := telemetry.ParseQuality(head); err == nil && q.Fault() {
		s.quality = q
	} else {
		return nil, fmt.Errorf("%q is neither a value nor _ nor a fault quality%s", item, suggestFault(head))
	}
	return slices.Repeat([]sample{s}, n), nil
}

func suggestFault(s string) string {
	var names []string
	for q := telemetry.Open; q.Valid(); q++ {
		names = append(names, q.String())
	}
	return telemetry.Suggest(s, names)
}

func parseRamp(item, from, rest string) ([]sample, error) {
	to, count, ok := strings.Cut(rest, "/")
	a, err1 := parseValue(from)
	b, err2 := parseValue(to)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("%q is no ramp: write from..to/count, such as 0..30/12", item)
	}
	n, err := parseCount(count)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", item, err)
	}
	list := make([]sample, n)
	for i := range list {
		list[i].value = b
		if n > 1 {
			share := float64(i) / float64(n-1)
			list[i].value = float64(a*(1-share)) + float64(b*share) // never past either end
		}
	}
	return list, nil
}

func parseCount(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxSamples {
		return 0, fmt.Errorf("%q is not a count between 1 and %d", s, maxSamples)
	}
	return n, nil
}

// parseValue reads a decimal number; none of the other things that strconv knows.
func parseValue(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(s, "xX_") {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return v, nil
}
