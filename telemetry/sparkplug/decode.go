package sparkplug

import (
	"encoding/binary"
	"math"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// Protobuf tags (field number and wire type in one) of sparkplug_b.proto. A
// known field with another wire type falls through to skip, as protobuf asks.
const (
	varint, fixed64, length, fixed32 = 0, 1, 2, 5

	tagPayloadTimestamp = 1<<3 | varint
	tagPayloadMetric    = 2<<3 | length
	tagPayloadSeq       = 3<<3 | varint
	tagPayloadUUID      = 4<<3 | length
	tagPayloadBody      = 5<<3 | length

	tagName       = 1<<3 | length
	tagAlias      = 2<<3 | varint
	tagTimestamp  = 3<<3 | varint
	tagDatatype   = 4<<3 | varint
	tagHistorical = 5<<3 | varint
	tagTransient  = 6<<3 | varint
	tagNull       = 7<<3 | varint
	tagProperties = 9<<3 | length
	tagInt        = 10<<3 | varint
	tagLong       = 11<<3 | varint
	tagFloat      = 12<<3 | fixed32
	tagDouble     = 13<<3 | fixed64
	tagBool       = 14<<3 | varint
	tagString     = 15<<3 | length
	tagBytes      = 16<<3 | length
	tagDataset    = 17<<3 | length
	tagTemplate   = 18<<3 | length
	tagExtension  = 19<<3 | length

	tagKeys   = 1<<3 | length
	tagValues = 2<<3 | length

	tagPropType   = 1<<3 | varint
	tagPropNull   = 2<<3 | varint
	tagPropInt    = 3<<3 | varint
	tagPropLong   = 4<<3 | varint
	tagPropString = 8<<3 | length
)

const (
	textTruncated = "the message ends in the middle of a field"
	textTooMany   = "more than 16384 metrics in one message"
	textFieldNum  = "field number 0 or too large"
	textVarint    = "a number is longer than 10 bytes or the message ends in it"
)

func fail(offset int, text string) error { return &DecodeError{Offset: offset, Text: text} }

// Decode fills p from the bytes of a message, replacing what it held. A
// compressed payload is unpacked, up to MaxUncompressed. After an error p holds
// what came before it. See Payload for how long its slices last.
func (p *Payload) Decode(b []byte) error {
	if err := p.decode(b); err != nil || string(p.UUID) != uuidCompressed {
		return err
	}
	inner, err := uncompress(p.Body)
	if err != nil {
		return err
	}
	return p.decode(inner) // once: an envelope in an envelope is nobody's
}

func (p *Payload) decode(b []byte) error {
	p.Reset()
	for i := 0; i < len(b); {
		at := i
		tag, i2 := uvarint(b, i)
		if i2 < 0 {
			return fail(at, textVarint)
		}
		i = i2
		switch tag {
		case tagPayloadMetric:
			end, body := chunk(b, i)
			if end < 0 {
				return fail(at, textTruncated)
			}
			if len(p.Metrics) == MaxMetrics {
				return fail(at, textTooMany)
			}
			// Grow by one keeping capacity; decode resets what was there.
			if n := len(p.Metrics); n < cap(p.Metrics) {
				p.Metrics = p.Metrics[:n+1]
			} else {
				p.Metrics = append(p.Metrics, Metric{})
			}
			if err := p.Metrics[len(p.Metrics)-1].decode(b[:end], body); err != nil {
				return err
			}
			i = end
		case tagPayloadTimestamp:
			v, next := uvarint(b, i)
			if next < 0 {
				return fail(i, textVarint)
			}
			p.Timestamp, p.HasTimestamp, i = int64(v), true, next
		case tagPayloadSeq:
			v, next := uvarint(b, i)
			if next < 0 {
				return fail(i, textVarint)
			}
			p.Seq, p.HasSeq, i = v, true, next
		case tagPayloadUUID, tagPayloadBody:
			end, body := chunk(b, i)
			if end < 0 {
				return fail(at, textTruncated)
			}
			if tag == tagPayloadUUID {
				p.UUID = b[body:end:end]
			} else {
				p.Body = b[body:end:end]
			}
			i = end
		default:
			next, err := skip(b, at)
			if err != nil {
				return err
			}
			i = next
		}
	}
	return nil
}

// decode fills m from b[i:]. Offsets in errors count from b's start, which is
// the message's.
func (m *Metric) decode(b []byte, i int) error {
	*m = Metric{}
	for i < len(b) {
		at := i
		tag := uint64(b[i])
		if i++; tag >= 0x80 {
			if tag, i = uvarint(b, at); i < 0 {
				return fail(at, textVarint)
			}
		}
		switch tag & 7 {
		case varint:
			v, next := uvarint(b, i)
			if next < 0 {
				return fail(i, textVarint)
			}
			i = next
			if !m.setVarint(tag, v) && !validField(tag) {
				return fail(at, textFieldNum)
			}
		case fixed64:
			if len(b)-i < 8 {
				return fail(at, textTruncated)
			}
			if tag == tagDouble {
				m.Kind, m.Float = KindDouble, math.Float64frombits(binary.LittleEndian.Uint64(b[i:]))
			} else if !validField(tag) {
				return fail(at, textFieldNum)
			}
			i += 8
		case fixed32:
			if len(b)-i < 4 {
				return fail(at, textTruncated)
			}
			if tag == tagFloat {
				m.Kind, m.Float = KindFloat, float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:])))
			} else if !validField(tag) {
				return fail(at, textFieldNum)
			}
			i += 4
		case length:
			end, body := chunk(b, i)
			if end < 0 {
				return fail(at, textTruncated)
			}
			if err := m.setChunk(tag, b[:end:end], body, at); err != nil {
				return err
			}
			i = end
		default:
			next, err := skip(b, at)
			if err != nil {
				return err
			}
			i = next
		}
	}
	return nil
}

// setVarint stores a number field; false if the tag is none of ours.
func (m *Metric) setVarint(tag, v uint64) bool {
	switch tag {
	case tagAlias:
		m.Alias, m.HasAlias = v, true
	case tagTimestamp:
		m.Timestamp, m.HasTimestamp = int64(v), true
	case tagDatatype:
		m.Datatype = DataType(v)
	case tagHistorical:
		m.IsHistorical = v != 0
	case tagTransient:
		m.IsTransient = v != 0
	case tagNull:
		m.IsNull = v != 0
	case tagInt:
		m.Kind, m.Int = KindInt, uint64(uint32(v))
	case tagLong:
		m.Kind, m.Int = KindLong, v
	case tagBool:
		m.Kind, m.Bool = KindBool, v != 0
	default:
		return false
	}
	return true
}

// setChunk stores a length-delimited field whose content is b[i:].
func (m *Metric) setChunk(tag uint64, b []byte, i, at int) error {
	switch tag {
	case tagName:
		m.Name, m.HasName = b[i:], true
	case tagString:
		m.Kind, m.Bytes = KindString, b[i:]
	case tagBytes:
		m.Kind, m.Bytes = KindBytes, b[i:]
	case tagDataset, tagTemplate, tagExtension:
		m.Kind = KindOther
	case tagProperties:
		return m.Properties.decode(b, i)
	default:
		if !validField(tag) {
			return fail(at, textFieldNum)
		}
	}
	return nil
}

func validField(tag uint64) bool {
	return tag>>3 >= uint64(protowire.MinValidNumber) && tag>>3 <= uint64(protowire.MaxValidNumber)
}

// uvarint reads a number at b[i:] and gives the index after it, -1 if there is
// none.
func uvarint(b []byte, i int) (uint64, int) {
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	return uvarintSlow(b, i)
}

// uvarintSlow reads a number of more than one byte. Those of two to eight, all
// times among them, are read in one load: the first byte without the high bit
// ends the number, and three steps close the gaps between its 7-bit groups.
func uvarintSlow(b []byte, i int) (uint64, int) {
	if len(b)-i >= 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if stop := ^x & 0x8080808080808080; stop != 0 {
			x &= (stop ^ (stop - 1)) & 0x7f7f7f7f7f7f7f7f
			x = x&0x007f007f007f007f | x&0x7f007f007f007f00>>1
			x = x&0x00003fff00003fff | x&0x3fff00003fff0000>>2
			x = x&0x000000000fffffff | x&0x0fffffff00000000>>4
			return x, i + bits.TrailingZeros64(stop)/8 + 1
		}
	}
	var v uint64
	for shift := uint(0); shift < 64 && i < len(b); shift += 7 {
		c := b[i]
		i++
		if c < 0x80 {
			if shift == 63 && c > 1 {
				return 0, -1
			}
			return v | uint64(c)<<shift, i
		}
		v |= uint64(c&0x7f) << shift
	}
	return 0, -1
}

// chunk reads a length at b[i:] and gives where what it measures begins and
// ends; end is -1 if b is shorter than that.
func chunk(b []byte, i int) (end, begin int) {
	n, begin := uvarint(b, i)
	if begin < 0 || n > uint64(len(b)-begin) {
		return -1, 0
	}
	return begin + int(n), begin
}

// skip steps over the field that starts at b[at:], of any kind.
func skip(b []byte, at int) (next int, err error) {
	_, _, n := protowire.ConsumeField(b[at:])
	if n < 0 {
		return 0, fail(at, protowire.ParseError(n).Error())
	}
	return at + n, nil
}
