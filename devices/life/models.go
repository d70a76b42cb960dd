package life

import (
	"strings"
	"time"
)

// Model is what is known of a type of part. What is zero is not known.
type Model struct {
	WarmUp      time.Duration // 0 also where the driver of the part sees to it itself
	Service     time.Duration // from installation to end of life
	Calibration time.Duration // from one calibration to the next
	// UnreliableClear says that a low reading proves nothing: the part can fail or be
	// poisoned so that it reads low for good, and nothing in its signal tells.
	UnreliableClear bool
	Source          string
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// Where the numbers come from.
const (
	homes    = "service life: CJJ/T 146, 5 years in homes (3 in shops: write service_life: 1095d)"
	poisoned = "; silicone, paint and age make it read low"
	yearly   = "; calibration once a year is the makers' usual advice"
	cell     = "electrochemical cell: 3 minutes to settle and a life of 3 years are the maker's usual figures, not verified for each type; the cell dries out unnoticed"
)

// Models by name as on the part, in capitals. The warm-up of MQ-x and MAX30105 is
// their drivers', which know when the part was powered.
var Models = map[string]Model{
	"MQ-2":     {Service: 5 * year, Calibration: year, UnreliableClear: true, Source: homes + poisoned + yearly},
	"MQ-4":     {Service: 5 * year, Calibration: year, UnreliableClear: true, Source: homes + poisoned + yearly},
	"MQ-5":     {Service: 5 * year, Calibration: year, UnreliableClear: true, Source: homes + poisoned + yearly},
	"MQ-6":     {Service: 5 * year, Calibration: year, UnreliableClear: true, Source: homes + poisoned + yearly},
	"MQ-7":     {Service: 5 * year, Calibration: year, UnreliableClear: true, Source: homes + poisoned + yearly},
	"MQ-9":     {Service: 5 * year, Calibration: year, UnreliableClear: true, Source: homes + poisoned + yearly},
	"ZE07-CO":  {WarmUp: 3 * time.Minute, Service: 3 * year, UnreliableClear: true, Source: cell},
	"ZE03-CO":  {WarmUp: 3 * time.Minute, Service: 3 * year, UnreliableClear: true, Source: cell},
	"PMS5003":  {WarmUp: 30 * time.Second, Service: 3 * year, Source: "data sheet: discard the first 30 s; mean time to failure at least 3 years"},
	"PMS7003":  {WarmUp: 30 * time.Second, Service: 3 * year, Source: "data sheet: discard the first 30 s; mean time to failure at least 3 years"},
	"MAX30105": {Service: 10 * year, Calibration: year, Source: "smoke alarms are replaced after 10 years (common advice, not verified)" + yearly},
}

// Of finds a model by its name, whatever its capitals and dashes.
func Of(name string) (Model, bool) {
	name = plain(name)
	for known, m := range Models {
		if plain(known) == name {
			return m, true
		}
	}
	return Model{}, false
}

func plain(name string) string { return strings.ReplaceAll(strings.ToUpper(name), "-", "") }
