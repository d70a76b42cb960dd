package influx

import (
	"strconv"
	"strings"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

// silence is how long a series may pause before its next reading states its
// quality again: an outage's readings, faults among them, may come in between later.
const silence = int64(60_000)

// encoder writes line protocol and remembers of each series what it needs to
// know to leave out the quality.
type encoder struct{ states map[stateKey]*state }

type stateKey struct{ device, metric string }

type state struct {
	head  []byte // "measurement,device=tag " escaped
	time  int64  // newest
	fault bool
}

func newEncoder() encoder { return encoder{states: map[stateKey]*state{}} }

// append adds a sample's line to b. bad says why it cannot be a line.
func (e *encoder) append(b []byte, s *history.Sample) (line []byte, bad string) {
	st := e.states[stateKey{s.Device, s.Metric}]
	fresh := st == nil
	if fresh {
		if !encodable(s.Device) || !encodable(s.Metric) {
			return b, "a name with a character that line protocol cannot hold"
		}
		st = &state{head: head(s)}
		e.states[stateKey{strings.Clone(s.Device), strings.Clone(s.Metric)}] = st
	}
	fault := s.Quality.Fault()
	b = append(b, st.head...)
	if !fault {
		b = append(b, "value="...)
		b = strconv.AppendFloat(b, s.Value, 'g', -1, 64)
	}
	if fault || s.Quality != telemetry.Good || fresh || st.fault || s.Time < st.time || s.Time > st.time+silence {
		if !fault {
			b = append(b, ',')
		}
		b = append(b, `quality="`...)
		b = append(b, s.Quality.String()...)
		b = append(b, '"')
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, s.Time, 10)
	b = append(b, '\n')
	st.fault = fault
	st.time = max(st.time, s.Time)
	return b, ""
}

// encodable refuses what line protocol has no escape for.
func encodable(name string) bool {
	if name == "" {
		return false
	}
	for i := 0; i < len(name); i++ {
		if name[i] < ' ' || name[i] == '\\' || name[i] == 0x7f {
			return false
		}
	}
	return true
}

func head(s *history.Sample) []byte {
	var b []byte
	b = appendEscaped(b, s.Metric, ", ")
	b = append(b, ",device="...)
	b = appendEscaped(b, s.Device, ", =")
	return append(b, ' ')
}

func appendEscaped(b []byte, s, special string) []byte {
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(special, s[i]) >= 0 {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return b
}
