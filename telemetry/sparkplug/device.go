package sparkplug

import "strings"

// DeviceBirth is what a DBIRTH says.
type DeviceBirth struct {
	Timestamp  int64
	Seq        uint8 // Sparkplug's message counter
	Model      string
	Serial     string
	Placement  string // empty if the device does not say
	IntervalMS int64  // longest time between two readings; 0 if the device does not say
	Metrics    []Announced
}

// Announced is one metric that a birth certificate declares.
type Announced struct {
	Name     string
	Alias    uint64
	HasAlias bool // AppendDeviceBirth takes every alias but 0 as given
	Datatype DataType
	Unit     string // property engUnit; empty if not given
}

// AppendDeviceBirth writes a DBIRTH behind dst. Our devices declare each metric
// as a Double that has no value yet: values come as data, with their sequence.
func AppendDeviceBirth(dst []byte, d *DeviceBirth) []byte {
	at := d.Timestamp
	dst = appendUint(dst, tagPayloadTimestamp, uint64(at))
	for i := range d.Metrics {
		dst = d.Metrics[i].append(dst, at)
	}
	dst = appendStringMetric(dst, MetricModel, at, d.Model)
	dst = appendStringMetric(dst, MetricSerial, at, d.Serial)
	dst = appendStringMetric(dst, MetricPlacement, at, d.Placement)
	if d.IntervalMS > 0 {
		dst = appendInt64Metric(dst, MetricIntervalMS, at, d.IntervalMS)
	}
	return appendUint(dst, tagPayloadSeq, uint64(d.Seq))
}

func (a *Announced) append(dst []byte, at int64) []byte {
	datatype := a.Datatype
	if datatype == Unknown {
		datatype = Double
	}
	dst, start := openMetric(dst, a.Name, a.Alias, at, datatype)
	dst = appendFlag(dst, tagNull, true)
	if a.Unit != "" {
		var set int
		dst, set = begin(dst, tagProperties)
		dst = appendText(dst, tagKeys, PropEngUnit)
		dst = appendTextProperty(dst, []byte(a.Unit))
		dst = finish(dst, set)
	}
	return finish(dst, start)
}

// DeviceBirthOf reads a DBIRTH, ours or another's; also another's NBIRTH, for
// the metrics that a node reports of itself. Metrics without a name are left
// out, as are Sparkplug's own controls. What strings hold that is not UTF-8 is
// replaced. All strings are copies.
func DeviceBirthOf(p *Payload) DeviceBirth {
	d := DeviceBirth{Timestamp: p.Timestamp, Seq: uint8(p.Seq)}
	for i := range p.Metrics {
		m := &p.Metrics[i]
		switch string(m.Name) {
		case MetricModel:
			d.Model = m.text()
		case MetricSerial:
			d.Serial = m.text()
		case MetricPlacement:
			d.Placement = m.text()
		case MetricIntervalMS:
			if v, ok := m.Number(); ok && v > 0 {
				d.IntervalMS = int64(v)
			}
		case "", MetricBdSeq, MetricRebirth:
		default:
			d.Metrics = append(d.Metrics, Announced{
				Name: clean(m.Name), Alias: m.Alias, HasAlias: m.HasAlias,
				Datatype: m.Datatype, Unit: clean(m.Properties.EngUnit),
			})
		}
	}
	return d
}

// text is a string metric's value as UTF-8, "" for any other.
func (m *Metric) text() string {
	if m.IsNull || m.Kind != KindString {
		return ""
	}
	return clean(m.Bytes)
}

func clean(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
