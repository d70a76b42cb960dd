package conf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads what time.ParseDuration reads, and days: "14d".
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if f, err := strconv.ParseFloat(days, 64); err == nil && f >= 0 && f < 1e5 {
			return time.Duration(f * float64(24*time.Hour)), nil
		}
	}
	if s == "0" {
		return 0, errors.New("missing unit")
	}
	return time.ParseDuration(s)
}

var byteUnits = []struct {
	suffix string
	factor int64
}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"B", 1}}

// ParseBytes reads a size with its unit: "120MB", "20GB". Units are decimal.
func ParseBytes(s string) (int64, error) {
	for _, u := range byteUnits {
		if num, ok := strings.CutSuffix(strings.ToUpper(strings.TrimSpace(s)), u.suffix); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
			size := f * float64(u.factor)
			if err != nil || !(size >= 1) || size > 1e18 {
				break
			}
			return int64(size), nil
		}
	}
	return 0, fmt.Errorf("%q is not a size: write a number with its unit, such as 120MB or 20GB", s)
}
