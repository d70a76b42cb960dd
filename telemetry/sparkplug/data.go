package sparkplug

import (
	"errors"
	"fmt"
	"math"

	"weishao.dev/weishao/telemetry"
)

// Data is a DDATA of one of our own nodes: readings of one device with
// consecutive sequences. Reuse one when decoding; DataOf keeps its slice.
type Data struct {
	Timestamp int64 // when sent, Unix ms
	Seq       uint8 // Sparkplug's message counter: one per node's session, births included
	Run       uint64
	First     uint64 // sequence of Points[0]
	Backlog   bool   // the run is neither the live nor the alarm run
	Points    []Point
}

// Point is a reading on the wire: its metric is known by the alias that the
// device's DBIRTH gave it.
type Point struct {
	Alias   uint64
	Time    int64   // Unix ms
	Value   float64 // meaningless when Quality.Fault()
	Quality telemetry.Quality
}

// ErrNotOurs is returned by DataOf and NodeBirthOf for what a node wrote that
// does not follow our conventions.
var ErrNotOurs = errors.New("sparkplug: message has no weishao/run and weishao/seq")

// AppendData writes a DDATA behind dst.
func AppendData(dst []byte, d *Data) []byte {
	dst = appendUint(dst, tagPayloadTimestamp, uint64(d.Timestamp))
	dst = appendUint64Metric(dst, "", AliasRun, 0, d.Run)
	dst = appendUint64Metric(dst, "", AliasSeq, 0, d.First)
	for i := range d.Points {
		dst = d.Points[i].append(dst, d.Backlog)
	}
	return appendUint(dst, tagPayloadSeq, uint64(d.Seq))
}

func (p *Point) append(dst []byte, backlog bool) []byte {
	dst, start := openMetric(dst, "", p.Alias, p.Time, Unknown)
	dst = appendFlag(dst, tagHistorical, backlog)
	if p.Quality != telemetry.Good {
		dst = p.appendQuality(dst)
	}
	if !p.Quality.Fault() {
		dst = appendDouble(dst, p.Value)
	}
	return finish(dst, start)
}

// appendQuality says what is the matter twice: in Sparkplug's own terms for
// other hosts, and by name for ours.
func (p *Point) appendQuality(dst []byte) []byte {
	code := uint64(QualityStale)
	if p.Quality.Fault() {
		code = QualityBad
		dst = appendFlag(dst, tagNull, true)
	}
	dst, set := begin(dst, tagProperties)
	dst = appendText(dst, tagKeys, PropQuality)
	dst = appendText(dst, tagKeys, PropWeishaoQual)
	dst, value := begin(dst, tagValues)
	dst = appendUint(dst, tagPropType, uint64(Int32))
	dst = appendUint(dst, tagPropInt, code)
	dst = finish(dst, value)
	dst, value = begin(dst, tagValues)
	dst = appendUint(dst, tagPropType, uint64(String))
	dst = appendText(dst, tagPropString, p.Quality.String())
	dst = finish(dst, value)
	return finish(dst, set)
}

// DataOf reads a DDATA of one of our nodes into d, allocating nothing once
// d.Points has grown. It returns ErrNotOurs (wrapped, with what is missing) if
// run and sequence are not there.
//
// Every metric becomes a point, even one whose value cannot be a reading, since
// each has used up a sequence: a value that is no number is given as NaN, which
// telemetry.Metric.Check then refuses.
func DataOf(p *Payload, d *Data) error {
	*d = Data{Timestamp: p.Timestamp, Seq: uint8(p.Seq), Points: d.Points[:0]}
	for i := range p.Metrics {
		if err := d.add(i, &p.Metrics[i]); err != nil {
			return err
		}
	}
	return d.complete(len(p.Metrics))
}

// add takes the n-th metric of a message.
func (d *Data) add(n int, m *Metric) error {
	var ok bool
	switch n {
	case 0:
		if d.Run, ok = m.Uint(); !ok || m.Alias != AliasRun {
			return fmt.Errorf("%w: the first metric is not alias %d", ErrNotOurs, AliasRun)
		}
	case 1:
		if d.First, ok = m.Uint(); !ok || m.Alias != AliasSeq {
			return fmt.Errorf("%w: the second metric is not alias %d", ErrNotOurs, AliasSeq)
		}
	default:
		d.Backlog = d.Backlog || m.IsHistorical
		d.Points = append(d.Points, m.point())
	}
	return nil
}

// complete says whether a message of n metrics had what it needs.
func (d *Data) complete(n int) error {
	if n < 2 {
		return fmt.Errorf("%w: only %d metrics", ErrNotOurs, n)
	}
	return nil
}

func (m *Metric) point() Point {
	at := Point{Alias: m.Alias, Time: m.Timestamp, Quality: m.Quality()}
	if !at.Quality.Fault() {
		at.Value = math.NaN()
		if v, ok := m.Number(); ok {
			at.Value = v
		}
	}
	return at
}

// Quality is what the metric says of itself, ours or another's: by name where
// weishao/quality is there, else by Sparkplug's code. A null without a reason
// is NoResponse; a reason that this version does not know is Suspect, or
// NoResponse where there is no value.
func (m *Metric) Quality() telemetry.Quality {
	props := &m.Properties
	if len(props.Reason) > 0 {
		if q, ok := qualityOf(props.Reason); ok && (q.Fault() || !m.IsNull) {
			return q
		}
	}
	switch {
	case m.IsNull || props.HasQuality && props.Quality == QualityBad:
		return telemetry.NoResponse
	case len(props.Reason) > 0 || props.HasQuality && props.Quality != QualityGood:
		return telemetry.Suspect
	}
	return telemetry.Good
}

func qualityOf(name []byte) (telemetry.Quality, bool) {
	for q := telemetry.Good; q.Valid(); q++ {
		if q.String() == string(name) {
			return q, true
		}
	}
	return 0, false
}
