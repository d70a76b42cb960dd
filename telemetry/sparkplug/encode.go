package sparkplug

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Append writes the payload behind dst. What Decode keeps of a message, Append
// writes; a value of KindOther is left out.
func (p *Payload) Append(dst []byte) []byte {
	if p.HasTimestamp {
		dst = appendUint(dst, tagPayloadTimestamp, uint64(p.Timestamp))
	}
	for i := range p.Metrics {
		dst = p.Metrics[i].append(dst)
	}
	if p.HasSeq {
		dst = appendUint(dst, tagPayloadSeq, p.Seq)
	}
	if p.UUID != nil {
		dst = appendBytes(dst, tagPayloadUUID, p.UUID)
	}
	if p.Body != nil {
		dst = appendBytes(dst, tagPayloadBody, p.Body)
	}
	return dst
}

// append writes the metric as a field of a payload.
func (m *Metric) append(dst []byte) []byte {
	dst, start := begin(dst, tagPayloadMetric)
	if m.HasName {
		dst = appendBytes(dst, tagName, m.Name)
	}
	if m.HasAlias {
		dst = appendUint(dst, tagAlias, m.Alias)
	}
	if m.HasTimestamp {
		dst = appendUint(dst, tagTimestamp, uint64(m.Timestamp))
	}
	if m.Datatype != Unknown {
		dst = appendUint(dst, tagDatatype, uint64(m.Datatype))
	}
	dst = appendFlag(dst, tagHistorical, m.IsHistorical)
	dst = appendFlag(dst, tagTransient, m.IsTransient)
	dst = appendFlag(dst, tagNull, m.IsNull)
	dst = m.Properties.append(dst)
	dst = m.appendValue(dst)
	return finish(dst, start)
}

func (m *Metric) appendValue(dst []byte) []byte {
	switch m.Kind {
	case KindInt:
		return appendUint(dst, tagInt, uint64(uint32(m.Int)))
	case KindLong:
		return appendUint(dst, tagLong, m.Int)
	case KindFloat:
		dst = protowire.AppendVarint(dst, tagFloat)
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(m.Float)))
	case KindDouble:
		return appendDouble(dst, m.Float)
	case KindBool:
		return appendUint(dst, tagBool, protowire.EncodeBool(m.Bool))
	case KindString:
		return appendBytes(dst, tagString, m.Bytes)
	case KindBytes:
		return appendBytes(dst, tagBytes, m.Bytes)
	}
	return dst
}

func (p *Properties) append(dst []byte) []byte {
	if !p.HasQuality && p.Reason == nil && p.EngUnit == nil {
		return dst
	}
	dst, set := begin(dst, tagProperties)
	if p.HasQuality {
		dst = appendText(dst, tagKeys, PropQuality)
	}
	if p.Reason != nil {
		dst = appendText(dst, tagKeys, PropWeishaoQual)
	}
	if p.EngUnit != nil {
		dst = appendText(dst, tagKeys, PropEngUnit)
	}
	if p.HasQuality {
		var value int
		dst, value = begin(dst, tagValues)
		dst = appendUint(dst, tagPropType, uint64(Int32))
		dst = appendUint(dst, tagPropInt, uint64(uint32(p.Quality)))
		dst = finish(dst, value)
	}
	if p.Reason != nil {
		dst = appendTextProperty(dst, p.Reason)
	}
	if p.EngUnit != nil {
		dst = appendTextProperty(dst, p.EngUnit)
	}
	return finish(dst, set)
}

func appendTextProperty(dst, text []byte) []byte {
	dst, value := begin(dst, tagValues)
	dst = appendUint(dst, tagPropType, uint64(String))
	dst = appendBytes(dst, tagPropString, text)
	return finish(dst, value)
}

// begin opens a length-delimited field, leaving one byte for its length, and
// gives where its content starts; finish closes it.
func begin(dst []byte, tag uint64) ([]byte, int) {
	dst = append(protowire.AppendVarint(dst, tag), 0)
	return dst, len(dst)
}

// finish writes the length of the field whose content starts at start. Lengths
// below 128, nearly all, need only the byte that begin left.
func finish(dst []byte, start int) []byte {
	n := len(dst) - start
	if n < 0x80 {
		dst[start-1] = byte(n)
		return dst
	}
	extra := protowire.SizeVarint(uint64(n)) - 1
	dst = append(dst, make([]byte, extra)...)
	copy(dst[start+extra:], dst[start:start+n])
	protowire.AppendVarint(dst[:start-1], uint64(n))
	return dst
}

func appendUint(dst []byte, tag, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendVarint(dst, tag), v)
}

func appendFlag(dst []byte, tag uint64, v bool) []byte {
	if !v {
		return dst
	}
	return appendUint(dst, tag, 1)
}

func appendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(protowire.AppendVarint(dst, tagDouble), math.Float64bits(v))
}

func appendBytes(dst []byte, tag uint64, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendVarint(dst, tag), v)
}

func appendText(dst []byte, tag uint64, v string) []byte {
	return protowire.AppendString(protowire.AppendVarint(dst, tag), v)
}
