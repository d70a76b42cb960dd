package devices

import (
	"bytes"
	"time"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// patience is how many samples in a row may fail before Run ends with the error.
const patience = 3

// Patience is for drivers on lines where a frame is lost now and then. A sample
// that fails is a fault and no more: the next one is taken in its time. Only when
// three fail in a row the error is returned, for the gateway to log it once, to rest
// and to try again. Had every lost frame that consequence, a line with one bad frame a
// minute would be blind for most of it.
//
// The zero value is ready. It is kept for the life of the device, not of a Run, so
// that a part which is away costs one try after each rest.
type Patience struct{ failed int }

// Failed gives the faults of a sample that failed with err, or err itself.
func (p *Patience) Failed(err error, metrics []string) ([]telemetry.Point, error) {
	if p.failed++; p.failed >= patience {
		return nil, err
	}
	return Faults(QualityOf(err), metrics), nil
}

// Worked says that a sample succeeded.
func (p *Patience) Worked() { p.failed = 0 }

// Faults are the faults q of metrics.
func Faults(q telemetry.Quality, metrics []string) []telemetry.Point {
	points := make([]telemetry.Point, len(metrics))
	for i, m := range metrics {
		points[i] = telemetry.Point{Metric: m, Quality: q}
	}
	return points
}

// Stuck finds a part that goes on giving the same answer. What the same is, is up to
// the driver: it hands over what cannot stay as it is in a part that works, such as
// all the digits of a meter on live mains.
type Stuck struct {
	After time.Duration // 0: never

	last  []byte
	since time.Time
}

// longestStuck is as long as a stuck_after may be.
const longestStuck = 10 * 365 * 24 * time.Hour

// StuckAfter is what finds a part stuck by its key stuck_after; 0s is never.
func StuckAfter(given conf.At[conf.Duration], def time.Duration, errs *conf.Errors) Stuck {
	return Stuck{After: conf.Span(errs, "stuck_after", given, def, 0, longestStuck)}
}

// Is reports whether the answer has been this one for longer than After.
func (s *Stuck) Is(now time.Time, answer []byte) bool {
	if s.since.IsZero() || !bytes.Equal(s.last, answer) || now.Before(s.since) {
		s.last, s.since = bytes.Clone(answer), now
	}
	return s.After > 0 && now.Sub(s.since) > s.After
}
