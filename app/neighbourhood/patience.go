package neighbourhood

import (
	"bytes"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry/record"
)

// busy is how long a computer may be busy with something else, wall time, before
// that counts as a sensor's silence.
const busy = time.Second

// least is the shortest interval that is worth expecting of a device at this
// speed: what the machine needs to hand a reading on is real time, and on a clock
// that runs sixty times as fast a second of it is a minute.
func least(speed float64) time.Duration {
	if speed <= 1 {
		return 0
	}
	return time.Duration(speed * float64(busy)).Round(time.Second)
}

// Patient is a site file for a clock of that speed: the same text, with intervals
// that are too short to be expected made longer. Devices are read as often as
// before; the hub waits longer before it calls one silent.
func Patient(f record.File, speed float64) (record.File, error) {
	floor := least(speed)
	if floor == 0 {
		return f, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(f.Data, &doc); err != nil {
		return f, fmt.Errorf("%s: %w", f.Name, err)
	}
	lines := bytes.Split(f.Data, []byte("\n"))
	stretch(&doc, floor, lines)
	return record.File{Name: f.Name, Data: bytes.Join(lines, []byte("\n"))}, nil
}

// stretch works from the last value of a line to its first, so that columns stay
// what they were.
func stretch(n *yaml.Node, floor time.Duration, lines [][]byte) {
	for i := len(n.Content) - 1; i >= 0; i-- {
		v := n.Content[i]
		isValue := n.Kind == yaml.MappingNode && i%2 == 1
		if !isValue || n.Content[i-1].Value != "interval" || v.Kind != yaml.ScalarNode || v.Style != 0 {
			stretch(v, floor, lines)
			continue
		}
		if d, err := time.ParseDuration(v.Value); err == nil && d < floor {
			line, at := []rune(string(lines[v.Line-1])), v.Column-1 // columns count characters
			lines[v.Line-1] = []byte(string(line[:at]) + floor.String() + string(line[at+len([]rune(v.Value)):]))
		}
	}
}

// Unhurried announces devices with the interval that Patient would give them.
func Unhurried(list []devices.Device, speed float64) []devices.Device {
	out := make([]devices.Device, len(list))
	for i, d := range list {
		out[i] = unhurried{d, least(speed)}
	}
	return out
}

type unhurried struct {
	devices.Device
	floor time.Duration
}

func (u unhurried) Info() devices.Info {
	info := u.Device.Info()
	if info.Interval > 0 {
		info.Interval = max(info.Interval, u.floor)
	}
	return info
}
