package sparkplug

import (
	"encoding/binary"
	"math"
)

// DecodeData is Payload.Decode and DataOf in one, for the hub's main stream: it
// makes a point of an ordinary good reading without a Metric in between, which
// takes half the time. What it gives, and what it refuses, is what the two would
// give and refuse, but that it does not unpack a compressed payload: our nodes send
// none.
func DecodeData(b []byte, d *Data) error {
	*d = Data{Points: d.Points[:0]}
	n := 0
	for i := 0; i < len(b); {
		at := i
		tag, next := uvarint(b, i)
		if next < 0 {
			return fail(at, textVarint)
		}
		switch tag {
		case tagPayloadMetric:
			end, body := chunk(b, next)
			if end < 0 {
				return fail(at, textTruncated)
			}
			if n == MaxMetrics {
				return fail(at, textTooMany)
			}
			if n < 2 || !d.addShort(b[body:end]) {
				if err := d.addLong(n, b[:end], body); err != nil {
					return err
				}
			}
			n++
			i = end
		case tagPayloadTimestamp, tagPayloadSeq:
			v, after := uvarint(b, next)
			if after < 0 {
				return fail(next, textVarint)
			}
			if tag == tagPayloadTimestamp {
				d.Timestamp = int64(v)
			} else {
				d.Seq = uint8(v)
			}
			i = after
		default:
			after, err := skip(b, at)
			if err != nil {
				return err
			}
			i = after
		}
	}
	return d.complete(n)
}

// addShort takes a metric that is alias, timestamp, perhaps is_historical, and a
// double, in this order and nothing else, as AppendData writes a good reading;
// false if it is another.
func (d *Data) addShort(b []byte) bool {
	if len(b) < 1 || b[0] != tagAlias {
		return false
	}
	alias, i := uvarint(b, 1)
	if i < 0 || i >= len(b) || b[i] != tagTimestamp {
		return false
	}
	at, i := uvarint(b, i+1)
	if i < 0 {
		return false
	}
	backlog := i+2 <= len(b) && b[i] == tagHistorical && b[i+1] == 1
	if backlog {
		i += 2
	}
	if len(b)-i != 9 || b[i] != tagDouble {
		return false
	}
	d.Backlog = d.Backlog || backlog
	d.Points = append(d.Points, Point{
		Alias: alias, Time: int64(at), Value: math.Float64frombits(binary.LittleEndian.Uint64(b[i+1:])),
	})
	return true
}

// addLong takes the n-th metric, of any kind, from b[i:].
func (d *Data) addLong(n int, b []byte, i int) error {
	var m Metric
	if err := m.decode(b, i); err != nil {
		return err
	}
	return d.add(n, &m)
}
