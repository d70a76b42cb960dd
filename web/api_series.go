package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

const (
	maxBuckets = 20_000                    // per answer
	maxRaw     = 26 * 60 * 60 * 1000       // ms of raw points per answer
	autoPoints = 400                       // what a chart shows well
	maxSpan    = 10 * 366 * 24 * time.Hour // nothing is kept longer
)

// steps from which an answer without ?step= takes the finest that gives at
// most autoPoints buckets.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// bucket is [t_ms, min, mean, max, count].
type bucket history.Bucket

// MarshalJSON writes the array. A mean that is not finite, which no store
// should give, is null rather than a broken answer.
func (b bucket) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 64)
	out = append(out, '[')
	out = strconv.AppendInt(out, b.Time, 10)
	for _, v := range [...]float64{b.Min, b.Mean, b.Max} {
		out = append(out, ',')
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out = append(out, "null"...)
			continue
		}
		out = strconv.AppendFloat(out, v, 'g', -1, 64)
	}
	out = append(out, ',')
	out = strconv.AppendInt(out, b.Count, 10)
	return append(out, ']'), nil
}

// seriesAnswer is the answer of /api/v1/series. All times are Unix ms; step 0
// means raw points.
type seriesAnswer struct {
	Device string              `json:"device"`
	Metric string              `json:"metric"`
	Unit   string              `json:"unit"`
	From   int64               `json:"from"`
	To     int64               `json:"to"`
	Step   int64               `json:"step"`
	Points []bucket            `json:"points"`
	Faults []history.FaultSpan `json:"faults"`
}

func (s *Server) series(w http.ResponseWriter, r *http.Request, _ User) error {
	p := newParams(r.URL.Query())
	q := history.Query{
		Device: p.required("device", "a device ID, group/node/device"),
		Metric: p.required("metric", "a metric of the catalogue"),
	}
	m, known := s.Catalogue().Lookup(q.Metric)
	if q.Metric != "" && !known {
		p.fail("metric", fmt.Sprintf("there is no metric %q%s", q.Metric, telemetry.Suggest(q.Metric, s.Catalogue().Names())))
	}
	q.From, q.To = p.span(s.Clock.Now(), time.Hour)
	q.Step = p.step("step", autoStep(q.To-q.From))
	checkSize(p, q)
	if err := p.err(); err != nil {
		return err
	}
	got, err := s.Series.Query(r.Context(), q)
	switch {
	case errors.Is(err, history.ErrUnknownSeries):
		// A known device that has not measured yet has an empty chart.
		if known, err := s.knownDevice(r, q.Device); err != nil {
			return err
		} else if !known {
			return notFound(fmt.Sprintf("there is no device %q", q.Device))
		}
	case err != nil:
		return err
	}
	points := make([]bucket, len(got.Points))
	for i, b := range got.Points {
		points[i] = bucket(b)
	}
	return writeJSON(w, seriesAnswer{q.Device, q.Metric, string(m.Unit), q.From, q.To, q.Step, points, orEmpty(got.Faults)})
}

// autoStep is the finest step that gives at most autoPoints buckets over span ms.
func autoStep(span int64) int64 {
	for _, d := range steps {
		if span/d.Milliseconds() <= autoPoints {
			return d.Milliseconds()
		}
	}
	return steps[len(steps)-1].Milliseconds()
}

// checkSize refuses a query whose answer would be too large to be of use.
func checkSize(p *params, q history.Query) {
	span := q.To - q.From
	switch {
	case span > maxSpan.Milliseconds():
		p.fail("from", "the span is too long", "at most ten years")
	case q.Step == 0 && span > maxRaw:
		p.fail("step", "raw points come for at most 26 h at a time", "a shorter span", "step="+time.Duration(autoStep(span)*1e6).String())
	case q.Step > 0 && span/q.Step > maxBuckets:
		p.fail("step", "that would be more than 20,000 points", "a shorter span", "step="+time.Duration(autoStep(span)*1e6).String())
	}
}

func (s *Server) knownDevice(r *http.Request, id string) (bool, error) {
	all, err := s.Inventory.Devices(r.Context())
	return slices.ContainsFunc(all, func(d Device) bool { return d.ID == id }), err
}

var _ json.Marshaler = bucket{}
