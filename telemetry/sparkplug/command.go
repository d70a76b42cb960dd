package sparkplug

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Command is an NCMD to one of our nodes. Rebirth is Sparkplug's own and may be
// sent to any node.
type Command struct {
	Timestamp int64
	Committed []Committed // runs that got further since the last command
	Resend    bool        // send again all that follows Committed
	Rebirth   bool        // send all births again
	NewEpoch  bool        // take a new epoch: this card's history contradicts itself
	Config    string      // parts of a configuration to take on, YAML; "" none
}

// Committed says that all sequences of Run up to Seq are in the hub's log,
// fsynced: the gateway may forget them.
type Committed struct{ Run, Seq uint64 }

// AppendCommand writes an NCMD behind dst.
func AppendCommand(dst []byte, c *Command) []byte {
	at := c.Timestamp
	dst = appendUint(dst, tagPayloadTimestamp, uint64(at))
	for _, r := range c.Committed {
		dst = appendUint64Metric(dst, prefixCommitted+hexRun(r.Run), 0, at, r.Seq)
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{MetricResend, c.Resend}, {MetricRebirth, c.Rebirth}, {MetricNewEpoch, c.NewEpoch}} {
		if f.set {
			dst = appendBoolMetric(dst, f.name, at, true)
		}
	}
	if c.Config != "" {
		dst = appendStringMetric(dst, MetricConfig, at, c.Config)
	}
	return dst
}

// CommandOf reads an NCMD. Metrics that it does not know are stepped over; one
// it knows with a value that makes no sense is an error, since an
// acknowledgement read wrongly would lose readings.
func CommandOf(p *Payload) (Command, error) {
	c := Command{Timestamp: p.Timestamp}
	for i := range p.Metrics {
		m := &p.Metrics[i]
		switch string(m.Name) {
		case MetricResend:
			c.Resend = m.True()
		case MetricRebirth:
			c.Rebirth = m.True()
		case MetricNewEpoch:
			c.NewEpoch = m.True()
		case MetricConfig:
			c.Config = m.text()
		default:
			hex, ok := strings.CutPrefix(string(m.Name), prefixCommitted)
			if !ok {
				continue
			}
			run, err := parseRun(hex)
			if err != nil {
				return Command{}, conventionError(string(m.Name), err)
			}
			seq, err := m.mustUint()
			if err != nil {
				return Command{}, conventionError(string(m.Name), err)
			}
			c.Committed = append(c.Committed, Committed{Run: run, Seq: seq})
		}
	}
	return c, nil
}

var (
	errNotUint     = errors.New("is not an unsigned integer")
	errRunID       = errors.New("a run is named by 16 hex digits")
	errRunBounds   = errors.New("a run needs an ID, 1 <= oldest <= next, and lost ranges below next")
	errTooManyRuns = errors.New("more than 1024 open runs")
)

func conventionError(name string, err error) error {
	return fmt.Errorf("sparkplug metric %s: %w", short(name), err)
}

func (m *Metric) mustUint() (uint64, error) {
	if v, ok := m.Uint(); ok {
		return v, nil
	}
	return 0, errNotUint
}

// hexRun is a run's ID as names on the wire have it.
func hexRun(id uint64) string { return fmt.Sprintf("%016x", id) }

func parseRun(s string) (uint64, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, errRunID
	}
	return v, nil
}
